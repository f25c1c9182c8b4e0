import { randomUUID } from 'node:crypto'
import { type ExecutionArgs, GraphQLError, getOperationAST } from 'graphql'
import type { SubscribePayload } from 'graphql-ws'
import type { Logger } from 'pino'
import type { Identity } from '../access/authenticate.ts'
import { unavailable } from './draining.ts'
import { maskResult } from './masking.ts'
import { whichOperation } from './one-operation.ts'
import type { Pipeline } from './pipeline.ts'
import type { SocketOptions } from './websocket.ts'

const maxOperations = 1_000

/** Every operation fails alone: whatever goes wrong is its own error message, and the socket stays open. */
export function operations(
  pipeline: Pipeline,
  refusal: () => string | null,
  log: Logger,
): Pick<SocketOptions, 'onSubscribe' | 'execute' | 'subscribe' | 'onNext' | 'onError'> {
  const enveloped = new WeakMap<ExecutionArgs, ReturnType<Pipeline['getEnveloped']>>()
  const requestIds = new WeakMap<ExecutionArgs, string>()
  const prepare = async (
    identity: Identity | undefined,
    { query, operationName, variables }: SubscribePayload,
    requestId: string,
  ) => {
    const engine = pipeline.getEnveloped({ identity, requestId, onSocket: true } as never)
    const document = engine.parse(query)
    const errors = engine.validate(engine.schema, document)
    if (errors.length > 0) return errors as readonly GraphQLError[]
    if (!getOperationAST(document, operationName)) return [noOperation()]
    const args: ExecutionArgs = {
      schema: engine.schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables ?? null,
      contextValue: await engine.contextFactory(),
    }
    enveloped.set(args, engine)
    requestIds.set(args, requestId)
    return args
  }
  const run = async (args: ExecutionArgs, how: 'execute' | 'subscribe') => {
    try {
      return await enveloped.get(args)?.[how](args)
    } catch (error) {
      return { errors: [asGraphQLError(error)] }
    }
  }
  return {
    async onSubscribe({ subscriptions, extra }, _id, payload) {
      const requestId = randomUUID()
      const mask = (errors: readonly unknown[]) => maskedErrors(errors.map(asGraphQLError), requestId, log)
      try {
        const reason = refusal()
        if (reason !== null) return mask([unavailable(reason)])
        if (Object.keys(subscriptions).length > maxOperations) return mask([tooMany()])
        const prepared = await prepare(extra.identity, payload, requestId)
        return 'schema' in prepared ? prepared : mask(prepared)
      } catch (error) {
        return mask([error])
      }
    },
    execute: (args) => run(args, 'execute'),
    subscribe: (args) => run(args, 'subscribe'),
    onNext(_context, _id, _payload, args, result) {
      if (result.errors === undefined) return undefined
      const { errors, ...rest } = result
      return { ...rest, errors: maskedErrors(errors, requestIds.get(args) ?? 'unknown', log) }
    },
    // What a subscription's source throws while it is read; graphql-ws makes a GraphQLError of it.
    onError: (_context, _id, _payload, errors) => maskedErrors(errors, randomUUID(), log),
  }
}

const noOperation = () => new GraphQLError(whichOperation, { extensions: { code: 'BAD_USER_INPUT' } })

const tooMany = () =>
  new GraphQLError(`More than ${maxOperations} operations are open on this socket: complete some first.`, {
    extensions: { code: 'RATE_LIMITED' },
  })

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
