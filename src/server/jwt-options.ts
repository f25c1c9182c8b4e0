import { z } from 'zod'
import { type JwtSettings, jwtAlgorithms } from '../access/jwt-settings.ts'
import { roles } from '../access/principal.ts'
import { isLoopback } from './loopback.ts'

/** What is left out: signatures by any public key, the claims `name`, `tenant` and `roles`, the roles by their own names. */
export type JwtOptions = Pick<JwtSettings, 'jwksUrl' | 'issuer' | 'audience'> & Partial<JwtSettings>

/** Keys that came over an open network would be anybody's. */
const isSafe = (url: string) => {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
const unsafe = 'must be a URL that begins with https:// (http:// on this machine only)'

const missing = ({ input }: { readonly input?: unknown }) =>
  input === undefined ? 'must be set: key set, issuer and audience are needed together' : 'must be a text'
const needed = z.string({ error: missing }).min(1, 'must not be empty')
const text = z.string('must be a text').min(1, 'must not be empty')

export const jwtShape = z.strictObject({
  jwksUrl: needed.refine((url) => URL.canParse(url) && isSafe(url), unsafe),
  issuer: needed,
  audience: z.union([needed, z.array(text).min(1)], { error: missing }),
  algorithms: z
    .array(z.enum(jwtAlgorithms, `must be some of ${jwtAlgorithms.join(', ')}`))
    .min(1, 'must not be empty')
    .default([...jwtAlgorithms]),
  nameClaim: text.default('name'),
  tenantClaim: text.default('tenant'),
  defaultTenant: text.max(200, 'has at most 200 characters').optional(),
  rolesClaim: text.default('roles'),
  actors: z.array(text.max(246, 'has at most 246 characters')).optional(),
  roleNames: z.record(text, z.enum(roles, `must give one of ${roles.join(', ')} to each name`)).optional(),
})
