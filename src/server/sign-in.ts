import type { Logger } from 'pino'
import { bearerToken, type Identify, type Identity } from '../access/authenticate.ts'
import { CountersignError } from '../errors.ts'

/** Who wants in, by any transport. */
export type Caller = {
  /** The `Authorization` header, or what stands for it in a WebSocket's connection_init. */
  readonly authorization: unknown
  readonly request: Request
  /** The `Acting-For` header, or what stands for it in connection_init; null when nothing does. */
  readonly actingFor: unknown
  /** Of the connection: behind a proxy the proxy's. Null where somebody else's HTTP server has it. */
  readonly address: string | null
  readonly requestId: string
}

/**
 * Null when nobody may ask this way.
 *
 * @throws CountersignError BAD_USER_INPUT when for whom they ask is not clear.
 */
export type SignIn = (caller: Caller) => Promise<Identity | null>

/** Every sign-in of every transport goes through here, and every failure: whatever counts failures by address belongs here. */
export const signInWith =
  (identify: Identify, log: Logger): SignIn =>
  async ({ authorization, request, actingFor, address, requestId }) => {
    const signIn = await identify(bearerToken(authorization), request, actingFor)
    if ('identity' in signIn) return signIn.identity
    const who = { operation: 'signIn', requestId, principal: null, tenant: null }
    log.warn({ ...who, reason: signIn.refused, address }, 'sign-in refused')
    if (signIn.message !== undefined) throw new CountersignError('BAD_USER_INPUT', signIn.message)
    return null
  }
