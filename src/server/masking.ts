import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Logger } from 'pino'
import { toGraphQLError } from '../graphql/errors.ts'
import { retryAfter } from './draining.ts'
import type { ServerPlugin } from './http-context.ts'
import { whichOperation } from './one-operation.ts'

/** The result as it may leave the server: what nobody expected is logged with its cause, once, and replaced. */
export const maskResult = (result: ExecutionResult, requestId: string, log: Logger): ExecutionResult =>
  result.errors === undefined
    ? result
    : { ...result, errors: result.errors.map((error) => toGraphQLError(error, { requestId, log })) }

/**
 * At the very edge, so that errors of every stage before it come by. Over WebSocket `websocket.ts` does the same.
 *
 * @param maxBody In bytes, for the message to who sent more.
 */
export const useMasking = (log: Logger, maxBody: number): ServerPlugin => ({
  onResultProcess({ request, result, setResult, serverContext }) {
    const { requestId = 'unknown' } = serverContext
    const mask = (one: ExecutionResult) => maskResult(inOurWords(one, maxBody), requestId, log)
    if (Array.isArray(result)) return
    setResult(isAsyncIterable(result) ? mapResults(result, mask) : withStatus(mask(result), takesEventsOnly(request)))
  },
})

/** Yoga has codes and words of its own; callers are promised ours only. They are about the request, so that no client takes 200 for them. */
function inOurWords(result: ExecutionResult, maxBody: number): ExecutionResult {
  const said = (error: GraphQLError): GraphQLError => {
    const { code, http } = error.extensions
    const message = messages[String(code)]
    if (message === undefined) return error
    return new GraphQLError(message(error.message, maxBody), {
      extensions: { code: 'BAD_USER_INPUT', http: { ...http, spec: false } },
    })
  }
  return result.errors === undefined ? result : { ...result, errors: result.errors.map(said) }
}

const messages: Readonly<Record<string, (yogas: string, maxBody: number) => string>> = {
  BAD_REQUEST: (yogas) => yogas,
  REQUEST_ENTITY_TOO_LARGE: (_yogas, maxBody) =>
    `The request is too large: at most ${maxBody} bytes are taken. Send a shorter message.`,
  OPERATION_RESOLUTION_FAILURE: () => whichOperation,
}

/**
 * A request that was not executed says so by its HTTP status; `spec` leaves 200 for clients that accept application/json only. Who reads
 * events is given the error as an event: of another status their clients read nothing, and show no more than the number.
 */
function withStatus(result: ExecutionResult, events: boolean): ExecutionResult {
  if (result.errors === undefined || 'data' in result) return result
  for (const { extensions } of result.errors) {
    extensions.http ??= statusOf(extensions) ?? { status: 400, spec: true }
    const { http } = extensions as { http: { status?: number } }
    if (events && ![401, 429, 503].includes(http.status ?? 0)) extensions.http = { ...http, status: 200 }
  }
  return result
}

/** Server-Sent Events and nothing else. */
function takesEventsOnly({ headers }: Request): boolean {
  const accept = headers.get('accept') ?? ''
  return /\btext\/event-stream\b/i.test(accept) && !/\bapplication\/|\*\/\*/i.test(accept)
}

const statusOf = ({ code, retryAfterMs }: GraphQLError['extensions']) => {
  const status = statuses[String(code)]
  if (status === undefined) return undefined
  return { status, ...(typeof retryAfterMs === 'number' && { headers: retryAfter(retryAfterMs) }) }
}

const statuses: Readonly<Record<string, number>> = {
  INTERNAL_SERVER_ERROR: 500,
  UNAVAILABLE: 503,
  RATE_LIMITED: 429,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
}

/** Not an async generator: its `return()` would wait for a `next()` that may never come. */
export function mapResults(
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
