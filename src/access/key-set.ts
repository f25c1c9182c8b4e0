import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import type { Logger } from 'pino'
import { CountersignError } from '../errors.ts'

export type KeySetOptions = {
  /** How often, in ms, the keys are fetched anew: one that the provider has withdrawn is believed so long. */
  readonly refreshMs?: number
  /** How long, in ms, the provider is left alone after it was asked, for a token of a key that is not known. */
  readonly restMs?: number
  /** How long, in ms, it has to answer. */
  readonly timeoutMs?: number
}

/** An identity provider's public keys. */
export type KeySet = Disposable & {
  /**
   * @throws errors.JOSEError for a token that no key of the provider fits.
   * @throws CountersignError IDENTITY_PROVIDER_UNAVAILABLE as long as the keys have never been fetched.
   */
  readonly keyOf: JWTVerifyGetKey
}

/**
 * Keeps the last good set while the provider is away, however long: only what is not known yet has to wait for it.
 * jose by itself would drop the set when it is old, and after a failure ask again for every token.
 */
export function keySet(
  url: string,
  log: Logger,
  { refreshMs = 300_000, restMs = 10_000, timeoutMs = 3_000 }: KeySetOptions = {},
): KeySet {
  let restsUntil = Number.NEGATIVE_INFINITY
  const remote = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: restMs,
    timeoutDuration: timeoutMs,
    async [customFetch](href, options) {
      if (performance.now() < restsUntil) throw new Resting()
      restsUntil = performance.now() + restMs
      return fetch(href, options)
    },
  })

  const tell = (error: unknown) => {
    if (!(error instanceof Resting)) log.warn({ err: error }, 'The keys of the identity provider cannot be fetched')
  }
  const refresh = () => void remote.reload().catch(tell)
  refresh()
  const timer = setInterval(refresh, refreshMs).unref()

  return {
    async keyOf(header, token) {
      try {
        return await remote(header, token)
      } catch (error) {
        if (fitsNone.some((kind) => error instanceof kind)) throw error
        tell(error)
        if (remote.jwks() === undefined) throw unavailable(error)
        throw new errors.JWKSNoMatchingKey(undefined, { cause: error })
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

const fitsNone = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported]

/** The provider was asked a moment ago. */
class Resting extends Error {}

const unavailable = (cause: unknown) =>
  new CountersignError('IDENTITY_PROVIDER_UNAVAILABLE', 'The identity provider does not answer.', { cause })
