import { randomUUID } from 'node:crypto'
import type { ServerPlugin } from './http-context.ts'

/** Names each request, for the log and for whoever asks what happened: the caller's own `X-Request-Id` if it is a plain one. */
export function requestIdOf({ headers }: Request): string {
  const given = headers.get('x-request-id')
  return given !== null && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID()
}

export const useRequestId = (): ServerPlugin => ({
  onRequest({ request, serverContext }) {
    serverContext.requestId = requestIdOf(request)
  },
  onResponse({ response, serverContext }) {
    if (serverContext.requestId !== undefined) response.headers.set('x-request-id', serverContext.requestId)
  },
})
