import { GraphQLError } from 'graphql'
import type { ServerPlugin } from './http-context.ts'

/** What a request gets that came while the server cannot take it: HTTP 503. */
export const unavailable = (reason: string): GraphQLError =>
  new GraphQLError(`The server takes no requests now: ${reason}. Try again.`, {
    extensions: { code: 'UNAVAILABLE', retryAfterMs: 1000, http: { status: 503, headers: { 'retry-after': '1' } } },
  })

/** Refuses new requests before the server has started and once it is stopping; those under way go on. */
export const useDraining = (refusal: () => string | null): ServerPlugin => ({
  onRequestParse() {
    const reason = refusal()
    if (reason !== null) throw unavailable(reason)
  },
})
