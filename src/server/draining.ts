import { GraphQLError } from 'graphql'
import { retryAfterMs } from '../graphql/errors.ts'
import type { ServerPlugin } from './http-context.ts'

/** For an answer with HTTP 429 or 503, in seconds: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
export const retryAfter = (ms = retryAfterMs) => ({ 'retry-after': String(Math.ceil(ms / 1_000)) })

/** What a request gets that came while the server cannot take it: HTTP 503. */
export const unavailable = (reason: string): GraphQLError =>
  new GraphQLError(`The server takes no requests now: ${reason}. Try again.`, {
    extensions: { code: 'UNAVAILABLE', retryAfterMs },
  })

/** Refuses new requests before the server has started and once it is stopping; those under way go on. */
export const useDraining = (refusal: () => string | null): ServerPlugin => ({
  onRequestParse() {
    const reason = refusal()
    if (reason !== null) throw unavailable(reason)
  },
})
