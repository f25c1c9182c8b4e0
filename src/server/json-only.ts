import { errorResponse } from './error-response.ts'
import type { ServerPlugin } from './http-context.ts'

/** A POST carries JSON and nothing else: a browser sends forms across sites without asking first, JSON it does not. */
export const useJsonOnly = (): ServerPlugin => ({
  onRequestParse({ request, endResponse }) {
    if (request.method !== 'POST') return
    const type = request.headers.get('content-type')
    // As Yoga reads it: what it does not know it refuses without a word.
    if (type?.split(';')[0] === 'application/json') return
    const message = 'Send the request as JSON, with Content-Type: application/json.'
    endResponse(errorResponse(type === null ? 400 : 415, 'BAD_USER_INPUT', message))
  },
})
