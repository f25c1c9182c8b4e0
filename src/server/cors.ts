import type { ServerPlugin } from './http-context.ts'

/**
 * Lets web pages of these origins ask and read the answers, with the tokens that they have: cookies are not taken. Every other page's browser
 * is told nothing, and keeps from it what it asked for. Not by Yoga's `cors`, which answers others as if they were the first of the list or `null`.
 */
export function useCors(allowed: readonly string[], isOpen: () => boolean): ServerPlugin {
  const allowedOrigin = ({ headers }: Request) => {
    const origin = headers.get('origin')
    return origin !== null && allowed.includes(origin) && !isOpen() ? origin : null
  }
  return {
    onRequest({ request, endResponse }) {
      const asksFirst = request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
      if (asksFirst && allowedOrigin(request) !== null)
        endResponse(new Response(null, { status: 204, headers: mayAsk }))
    },
    onResponse({ request, response: { headers } }) {
      if (allowed.length === 0) return
      headers.append('vary', 'Origin')
      const origin = allowedOrigin(request)
      if (origin === null) return
      headers.set('access-control-allow-origin', origin)
      headers.set('access-control-expose-headers', 'X-Request-Id, Retry-After')
    },
  }
}

const mayAsk = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'Authorization, Content-Type, Acting-For, X-Request-Id',
  'access-control-max-age': '600',
}
