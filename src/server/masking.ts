import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Logger } from 'pino'
import { toGraphQLError } from '../graphql/errors.ts'
import type { ServerPlugin } from './http-context.ts'

/** The result as it may leave the server: what nobody expected is logged with its cause, once, and replaced. */
export const maskResult = (result: ExecutionResult, requestId: string, log: Logger): ExecutionResult =>
  result.errors === undefined
    ? result
    : { ...result, errors: result.errors.map((error) => toGraphQLError(inOurWords(error), { requestId, log })) }

/** At the very edge, so that errors of every stage before it come by. Over WebSocket `websocket.ts` does the same. */
export const useMasking = (log: Logger): ServerPlugin => ({
  onResultProcess({ result, setResult, serverContext }) {
    const { requestId = 'unknown' } = serverContext
    const mask = (one: ExecutionResult) => maskResult(one, requestId, log)
    if (Array.isArray(result)) return
    setResult(isAsyncIterable(result) ? mapResults(result, mask) : withStatus(mask(result)))
  },
})

/** Yoga has codes of its own; callers are promised ours only. They are about the request, so that no client takes 200 for them. */
function inOurWords(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions
  if (!['BAD_REQUEST', 'REQUEST_ENTITY_TOO_LARGE', 'OPERATION_RESOLUTION_FAILURE'].includes(String(code))) return error
  return new GraphQLError(error.message, { extensions: { code: 'BAD_USER_INPUT', http: { ...http, spec: false } } })
}

/** A request that was not executed says so by its HTTP status; `spec` leaves 200 for clients that accept application/json only. */
function withStatus(result: ExecutionResult): ExecutionResult {
  if (result.errors === undefined || 'data' in result) return result
  for (const { extensions } of result.errors) {
    extensions.http ??= statuses[String(extensions.code)] ?? { status: 400, spec: true }
  }
  return result
}

const statuses: Readonly<Record<string, { status: number }>> = {
  INTERNAL_SERVER_ERROR: { status: 500 },
  UNAVAILABLE: { status: 503 },
  UNAUTHENTICATED: { status: 401 },
  FORBIDDEN: { status: 403 },
  NOT_FOUND: { status: 404 },
}

/** Not an async generator: its `return()` would wait for a `next()` that may never come. */
function mapResults(
  results: AsyncIterable<ExecutionResult>,
  map: (result: ExecutionResult) => ExecutionResult,
): AsyncIterable<ExecutionResult> {
  return {
    [Symbol.asyncIterator]() {
      const source = results[Symbol.asyncIterator]()
      return {
        async next() {
          const next = await source.next()
          return next.done ? next : { done: false, value: map(next.value) }
        },
        async return() {
          await source.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
