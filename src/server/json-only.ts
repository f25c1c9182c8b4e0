import { errorResponse } from './error-response.ts'
import type { ServerPlugin } from './http-context.ts'

/** A POST carries JSON and nothing else: a browser sends forms across sites without asking first, JSON it does not. */
export const useJsonOnly = (): ServerPlugin => ({
  onRequestParse({ request, endResponse }) {
    const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (request.method === 'POST' && type !== 'application/json') {
      endResponse(errorResponse(415, 'BAD_REQUEST', 'Send the request as JSON, with Content-Type: application/json.'))
    }
  },
})
