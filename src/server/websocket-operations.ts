import { randomUUID } from 'node:crypto'
import { type ExecutionResult, GraphQLError, getOperationAST } from 'graphql'
import type { SubscribePayload } from 'graphql-ws'
import { isAsyncIterable } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Identity } from '../access/authenticate.ts'
import type { ConversationParts } from './conversation.ts'
import { unavailable } from './draining.ts'
import { mapResults, maskResult } from './masking.ts'
import { whichOperation } from './one-operation.ts'
import type { Pipeline } from './pipeline.ts'

export type Operations = Pick<ConversationParts, 'errorsOf'> & {
  execute(payload: SubscribePayload, identity: Identity): Promise<ExecutionResult | AsyncIterable<ExecutionResult>>
}

/** The operations of sockets, by the same pipeline as those of HTTP requests. */
export function operations(pipeline: Pipeline, refusal: () => string | null, log: Logger): Operations {
  const mask =
    (requestId: string) =>
    ({ errors, ...rest }: ExecutionResult): ExecutionResult =>
      errors === undefined ? rest : { ...rest, errors: maskedErrors(errors, requestId, log) }

  return {
    async execute({ query, operationName, variables }, identity) {
      const requestId = randomUUID()
      const engine = pipeline.getEnveloped({ identity, requestId, onSocket: true } as never)
      const document = engine.parse(query)
      const invalid = engine.validate(engine.schema, document)
      if (invalid.length > 0) throw new AggregateError(invalid)
      const operation = getOperationAST(document, operationName)
      if (!operation) throw new GraphQLError(whichOperation, { extensions: { code: 'BAD_USER_INPUT' } })
      const isSubscription = operation.operation === 'subscription'
      const reason = refusal()
      // A subscription is over before it begins: the client goes elsewhere with it, as with those that are open.
      if (reason !== null && isSubscription) return nothing()
      if (reason !== null) throw unavailable(reason)
      const perform = isSubscription ? engine.subscribe : engine.execute
      const result: ExecutionResult | AsyncIterable<ExecutionResult> = await perform({
        schema: engine.schema,
        document,
        operationName,
        variableValues: variables,
        contextValue: await engine.contextFactory(),
      })
      return isAsyncIterable(result) ? mapResults(result, mask(requestId)) : mask(requestId)(result)
    },
    errorsOf(thrown) {
      const errors: readonly unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown]
      return maskedErrors(errors.map(asGraphQLError), randomUUID(), log)
    },
  }
}

async function* nothing(): AsyncGenerator<ExecutionResult> {}

const asGraphQLError = (error: unknown) =>
  error instanceof GraphQLError
    ? error
    : new GraphQLError('Unexpected error', { originalError: error instanceof Error ? error : new Error(String(error)) })

/** HTTP's status has no place on a socket. */
const maskedErrors = (errors: readonly GraphQLError[], requestId: string, log: Logger): GraphQLError[] =>
  (maskResult({ errors }, requestId, log).errors ?? []).map((error) => {
    const { http: _, ...extensions } = error.extensions
    return new GraphQLError(error.message, {
      nodes: error.nodes,
      source: error.source,
      positions: error.positions,
      path: error.path,
      extensions,
    })
  })
