import type { Logger } from 'pino'
import { bearerToken, type Identify, type Identity } from '../access/authenticate.ts'
import { CountersignError } from '../errors.ts'
import type { FailedSignIns } from './failed-sign-ins.ts'

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
 * @throws CountersignError BAD_USER_INPUT when for whom they ask is not clear, RATE_LIMITED when too many failed from their address.
 */
export type SignIn = (caller: Caller) => Promise<Identity | null>

/** Every sign-in of every transport goes through here, and every failure. */
export const signInWith =
  (identify: Identify, failures: FailedSignIns, log: Logger): SignIn =>
  async ({ authorization, request, actingFor, address, requestId }) => {
    const refused = (reason: string) =>
      log.warn({ operation: 'signIn', requestId, principal: null, tenant: null, reason, address }, 'sign-in refused')
    const token = bearerToken(authorization)
    const retryAfterMs = failures.wait(address, token)
    if (retryAfterMs > 0) {
      refused('RATE_LIMITED')
      const message = `Too many sign-ins from your address failed: try again in ${Math.ceil(retryAfterMs / 1_000)} s.`
      throw new CountersignError('RATE_LIMITED', message, { retryAfterMs })
    }
    const signIn = await identify(token, request, actingFor)
    if ('identity' in signIn) {
      failures.succeeded(token)
      return signIn.identity
    }
    failures.failed(address, signIn.refused)
    refused(signIn.refused)
    if (signIn.message !== undefined) throw new CountersignError('BAD_USER_INPUT', signIn.message)
    return null
  }
