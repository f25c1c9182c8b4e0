import type { KeyId } from '../ids.ts'
import { unclear } from './acting-for.ts'
import { type Principal, type PrincipalInput, parsePrincipal, roles } from './principal.ts'

/**
 * Says who asks. Called once for each HTTP request and SSE stream, and once for each WebSocket when it opens.
 *
 * @param token What came as `Authorization: Bearer …`, or for a WebSocket as `authorization` in the payload of connection_init; null when nothing came.
 * @param request The request with its headers; for a WebSocket the one that asked for the upgrade.
 * @param actingFor What came as `Acting-For: prn_…`, or for a WebSocket as `actingFor` in the payload of connection_init; null when nothing came.
 * Whoever takes it names the service as `actor`; else a request with it is refused.
 * @returns null when nobody may ask this way: the answer is UNAUTHENTICATED (HTTP 401, WebSocket 4403). What it throws is
 * logged, and the caller gets INTERNAL_SERVER_ERROR.
 */
export type Authenticate = (
  token: string | null,
  request: Request,
  actingFor: string | null,
) => PrincipalInput | null | Promise<PrincipalInput | null>

/** Who asks, and until when; `expiresAt` in ms since 1970, null for no end. */
export type Identity = {
  readonly principal: Principal
  readonly expiresAt: number | null
  /** What it was known by: that may end while a connection lives. */
  readonly by:
    | { readonly kind: 'nothing' }
    | { readonly kind: 'token' }
    | { readonly kind: 'key'; readonly id: KeyId; readonly actsForOthers: boolean }
}

/** Why a token lets nobody in, in a word for the log. Who sent it is not told. */
export type Refusal =
  | 'NO_TOKEN'
  /** By one's own `authenticate`. */
  | 'REFUSED'
  | 'MALFORMED'
  | 'UNKNOWN_KEY'
  | 'REVOKED'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'WRONG_ALGORITHM'
  | 'WRONG_SIGNATURE'
  | 'WRONG_ISSUER'
  | 'WRONG_AUDIENCE'
  | 'WRONG_CLAIMS'
  | 'NO_TENANT'
  | 'NO_ROLE'
  | 'WRONG_ACTOR'
  /** They are known; for whom they ask is not clear. */
  | 'ACTING_FOR'

/** `message`: for who asks, who is known; others are told nothing. */
export type SignIn = { readonly identity: Identity } | { readonly refused: Refusal; readonly message?: string }

/** The one way in for HTTP, SSE and WebSocket alike. */
/** `actingFor`: as it came, or null. */
export type Identify = (token: string | null, request: Request, actingFor: unknown) => Promise<SignIn>

/** Whoever reaches a server without authentication, which listens on loopback only. */
export const localAdmin: Identity = {
  principal: parsePrincipal({ id: 'local', name: 'Local admin', roles }),
  expiresAt: null,
  by: { kind: 'nothing' },
}

/** By the user's own function, which knows all there is to know. */
export const identifyWith =
  (authenticate: Authenticate): Identify =>
  async (token, request, actingFor) => {
    const input = await authenticate(token, request, typeof actingFor === 'string' ? actingFor : null)
    if (input === null) return { refused: token === null ? 'NO_TOKEN' : 'REFUSED' }
    const principal = parsePrincipal(input)
    const expiresAt = input.expiresAt?.getTime() ?? null
    if (expiresAt !== null && expiresAt <= Date.now()) return { refused: 'EXPIRED' }
    if (actingFor !== null && (typeof actingFor !== 'string' || input.actor == null))
      return unclear('Acting-For is not taken here.')
    return { identity: { principal, expiresAt, by: { kind: 'token' } } }
  }

/** The token of an `Authorization: Bearer …` header; null for any other scheme. RFC 6750, section 2.1. */
export function bearerToken(header: unknown): string | null {
  const match = typeof header === 'string' ? /^Bearer +(\S+) *$/i.exec(header) : null
  return match?.[1] ?? null
}
