import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import type { ServerPlugin } from './http-context.ts'

const policy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  "style-src 'unsafe-inline'",
  'worker-src blob:',
  'img-src data:',
  'font-src data:',
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

/** GraphiQL, for a browser that comes to the endpoint. It carries its files: nothing is loaded from elsewhere. */
export function useGraphiql(endpoint: string, shown: () => boolean): ServerPlugin {
  let page: string | undefined
  return {
    onRequest({ request, url, endResponse }) {
      const wantsPage = request.method === 'GET' && request.headers.get('accept')?.includes('text/html')
      if (!wantsPage || !shown()) return
      if (url.pathname === '/') endResponse(new Response(null, { status: 302, headers: { location: endpoint } }))
      if (url.pathname !== endpoint) return
      page ??= renderGraphiQL({
        title: 'Countersign',
        endpoint,
        defaultQuery: '{ viewer { principal { name } roles } }',
      })
      const headers = {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy,
        'x-frame-options': 'DENY',
      }
      endResponse(new Response(page, { headers }))
    },
  }
}
