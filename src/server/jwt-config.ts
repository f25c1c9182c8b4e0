import type { JwtSettings } from '../access/jwt-settings.ts'
import { jwtShape } from './jwt-options.ts'

type Env = Readonly<Record<string, string | undefined>>

const list = (text: string) => text.split(',').map((part) => part.trim())

/** `reviewers=APPROVER, ops=ADMIN`: the provider's name may have an `=`, ours have none. */
const pairs = (text: string) =>
  Object.fromEntries(
    list(text).map((pair) => [pair.slice(0, pair.lastIndexOf('=')), pair.slice(pair.lastIndexOf('=') + 1)]),
  )

/** The variable for each setting, and how it is read. */
const variables = {
  jwksUrl: { name: 'JWKS_URL', read: String },
  issuer: { name: 'JWT_ISSUER', read: String },
  audience: { name: 'JWT_AUDIENCE', read: String },
  algorithms: { name: 'JWT_ALGORITHMS', read: list },
  nameClaim: { name: 'JWT_NAME_CLAIM', read: String },
  tenantClaim: { name: 'JWT_TENANT_CLAIM', read: String },
  defaultTenant: { name: 'JWT_DEFAULT_TENANT', read: String },
  rolesClaim: { name: 'JWT_ROLES_CLAIM', read: String },
  actors: { name: 'JWT_ACTORS', read: list },
  roleNames: { name: 'JWT_ROLE_NAMES', read: pairs },
} as const satisfies Readonly<
  Record<keyof JwtSettings, { readonly name: string; readonly read: (text: string) => unknown }>
>

export const jwtVariableNames: readonly string[] = Object.values(variables).map(({ name }) => name)

/** What the environment says of JWTs, null when it says nothing; or a line for each mistake, which shows no value. */
export function readJwt(env: Env): { readonly jwt: JwtSettings | null } | { readonly mistakes: readonly string[] } {
  const given = Object.entries(variables).flatMap(([setting, { name, read }]) => {
    const text = env[name]
    return text ? [[setting, read(text)]] : []
  })
  if (given.length === 0) return { jwt: null }
  const parsed = jwtShape.safeParse(Object.fromEntries(given))
  if (parsed.success) return { jwt: parsed.data }
  const mistakes = parsed.error.issues.map(
    ({ path, message }) => `${variables[path[0] as keyof JwtSettings].name}: ${message}.`,
  )
  return { mistakes: [...new Set(mistakes)] }
}
