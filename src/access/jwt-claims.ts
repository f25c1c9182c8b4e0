import type { Refusal } from './authenticate.ts'
import type { JwtSettings } from './jwt-settings.ts'
import { type PrincipalInput, type Role, roles } from './principal.ts'

type Claims = Readonly<Record<string, unknown>>
type Names = Pick<JwtSettings, 'nameClaim' | 'tenantClaim' | 'defaultTenant' | 'rolesClaim' | 'roleNames' | 'actors'>

/** Whom the claims of a token make its bearer, once its signature, issuer, audience and times are found right. */
export function principalOfClaims(claims: Claims, names: Names): PrincipalInput | { readonly refused: Refusal } {
  const { sub: id } = claims
  // Whoever may choose their name at the provider must not become the principal of an API key, nor `prn_alice` Alice.
  if (!isText(id, 246) || /^(prn|key)_/.test(id)) return { refused: 'WRONG_CLAIMS' }
  const tenant = claimAt(claims, names.tenantClaim) ?? names.defaultTenant
  if (!isText(tenant, 200)) return { refused: 'NO_TENANT' }
  const granted = grantedRoles(claimAt(claims, names.rolesClaim), names.roleNames)
  if (granted.length === 0) return { refused: 'NO_ROLE' }
  const name = claimAt(claims, names.nameClaim)
  const principal = { id, name: isText(name, 200) ? name : null, tenant, roles: granted }
  if (claims.act === undefined) return principal
  const actor = actorOf(claims, names.actors ?? [])
  return actor === null ? { refused: 'WRONG_ACTOR' } : { ...principal, actor }
}

/** Who acts for the subject now, if they may: RFC 8693, section 4.1. Who acted before them does not count. */
function actorOf({ act, iss }: Claims, actors: readonly string[]): string | null {
  if (!isClaims(act) || (act.iss !== undefined && act.iss !== iss)) return null
  return actors.find((actor) => actor === act.sub) ?? null
}

const isText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longest && value.isWellFormed()

/** What stands at a path; undefined when nothing does. The whole name comes first: some providers name claims by URLs. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path] ?? undefined
  const dot = path.indexOf('.')
  if (dot < 0) return undefined
  const [head, rest] = [path.slice(0, dot), path.slice(dot + 1)]
  const inner = Object.hasOwn(claims, head) ? claims[head] : undefined
  return isClaims(inner) ? claimAt(inner, rest) : undefined
}

const isClaims = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Unknown roles are the provider's own business. */
function grantedRoles(claim: unknown, roleNames: JwtSettings['roleNames']): readonly Role[] {
  const given: readonly unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : []
  const granted = given.flatMap((name) => {
    if (typeof name !== 'string') return []
    if (roleNames === undefined) return roles.find((role) => role === name) ?? []
    return Object.hasOwn(roleNames, name) ? (roleNames[name] ?? []) : []
  })
  return [...new Set(granted)]
}
