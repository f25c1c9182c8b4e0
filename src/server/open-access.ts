import { errorResponse } from './error-response.ts'
import type { ServerPlugin } from './http-context.ts'
import { isLoopback } from './loopback.ts'
import { isOfForeignPage } from './origin.ts'

// Without authentication everyone on this machine is an admin, and every web page that is open in a browser here runs on
// this machine. Neither may a page reach the server under a name of its own (DNS rebinding) nor by a request across sites.

/** Why the name this request came by is refused; null when it means this machine. */
export function foreignHost(request: Request): string | null {
  const name = new URL(request.url).hostname
  const header = request.headers.get('host')
  const hostname =
    header !== null && URL.canParse(`http://${header}`) ? new URL(`http://${header}`).hostname : (header ?? name)
  return isLoopback(hostname)
    ? null
    : 'This server has no authentication and answers to the names localhost and 127.0.0.1 only.'
}

/** Why a page of another origin may not ask; null when it is not one. No origin is allowed to. */
export const foreignOrigin = (request: Request): string | null =>
  isOfForeignPage(request)
    ? 'This server has no authentication and takes no requests of web pages of another origin.'
    : null

export const useLoopbackHost = (isOpen: () => boolean): ServerPlugin => refuseIf(foreignHost, isOpen)
export const useSameOrigin = (isOpen: () => boolean): ServerPlugin => refuseIf(foreignOrigin, isOpen)

const refuseIf = (why: (request: Request) => string | null, isOpen: () => boolean): ServerPlugin => ({
  onRequest({ request, endResponse }) {
    const reason = isOpen() ? why(request) : null
    if (reason !== null) endResponse(errorResponse(403, 'FORBIDDEN', reason))
  },
})
