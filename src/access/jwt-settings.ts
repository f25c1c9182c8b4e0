import type { Role } from './principal.ts'

/** Signatures that who checks them cannot make. None by a shared secret: a public key would be taken for one. */
export const jwtAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
export type JwtAlgorithm = (typeof jwtAlgorithms)[number]

/**
 * Tokens of an identity provider, and who they make their bearer. A claim is named by its path: `realm_access.roles` is `roles` in
 * `realm_access`, unless there is a claim of that whole name.
 */
export type JwtSettings = {
  /** Where the provider's public keys are. */
  readonly jwksUrl: string
  readonly issuer: string
  readonly audience: string | readonly string[]
  readonly algorithms: readonly JwtAlgorithm[]
  readonly nameClaim: string
  readonly tenantClaim: string
  /** For tokens without a tenant; without one they are refused. */
  readonly defaultTenant?: string | undefined
  /** A list of texts, or one text with blanks between. */
  readonly rolesClaim: string
  /** The services that may act for the token's subject, by the `sub` of the claim `act` (RFC 8693, 4.1). Without them tokens with that claim are refused. */
  readonly actors?: readonly string[] | undefined
  /** What the provider calls the roles. When it is given, no other names count. */
  readonly roleNames?: Readonly<Record<string, Role>> | undefined
}
