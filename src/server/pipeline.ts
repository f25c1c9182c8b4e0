import { type DocumentNode, type ExecutionArgs, execute, subscribe } from 'graphql'
import { createLRUCache, createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Watch } from '../access/watch.ts'
import type { Engine } from '../engine.ts'
import type { GraphQLContext } from '../graphql/context.ts'
import { parseDocument } from '../graphql/limits.ts'
import { schema } from '../graphql/schema.ts'
import { validating } from '../graphql/validate.ts'
import { useAcceptable } from './acceptable.ts'
import { useAuthentication } from './authentication.ts'
import { useCors } from './cors.ts'
import { useDraining } from './draining.ts'
import { useUnbufferedEvents } from './event-stream.ts'
import { useGraphiql } from './graphiql.ts'
import { type Readiness, useHealth } from './health.ts'
import type { HttpContext } from './http-context.ts'
import { useJsonOnly } from './json-only.ts'
import { useJsonParameters } from './json-parameters.ts'
import { type LiveSubscriptions, useLiveSubscriptions } from './live-subscriptions.ts'
import { useMasking } from './masking.ts'
import { useOneOperation } from './one-operation.ts'
import { useLoopbackHost, useSameOrigin } from './open-access.ts'
import { useRequestId } from './request-id.ts'
import type { SignIn } from './sign-in.ts'
import type { CountStart } from './start-rate.ts'

export const endpoint = '/graphql'

export type PipelineParts = {
  readonly signIn: SignIn
  readonly watch: Watch
  /** Whether nobody has to say who they are, now. */
  readonly isOpen: () => boolean
  readonly engine: () => Engine
  readonly readiness: Readiness
  /** Why no request is taken now; null when it is. */
  readonly refusal: () => string | null
  readonly graphiql: () => boolean
  readonly introspection: () => boolean
  readonly allowedOrigins: readonly string[]
  readonly countStart: CountStart
  readonly live: LiveSubscriptions
  /** In bytes. */
  readonly maxBody: number
  readonly log: Logger
}

export type Pipeline = YogaServerInstance<HttpContext, GraphQLContext>

/** The way a request takes, from its first byte to its answer; over WebSocket it joins at {@link useEngine}. */
export function createPipeline(parts: PipelineParts): Pipeline {
  return createYoga<HttpContext, GraphQLContext>({
    schema,
    graphqlEndpoint: endpoint,
    plugins: [
      useRequestId(),
      useHealth(parts.readiness),
      useLoopbackHost(parts.isOpen),
      useGraphiql(endpoint, parts.graphiql),
      useSameOrigin(parts.isOpen),
      useCors(parts.allowedOrigins, parts.isOpen),
      useDraining(parts.refusal),
      useAuthentication(parts.signIn),
      useAcceptable(),
      useJsonOnly(),
      useJsonParameters(),
      useOneOperation(),
      useEngine(parts.introspection),
      useLiveSubscriptions(parts.live, parts.watch),
      useMasking(parts.log, parts.maxBody),
      useUnbufferedEvents(),
    ],
    context: ({ identity, requestId }) => contextOf(parts, identity, requestId),
    parserAndValidationCache: { documentCache: documentCache(), errorCache: noCache, validationCache: false },
    maxRequestBodySize: parts.maxBody,
    // Each said, because Yoga's defaults are others: it reflects any origin, takes forms, shows pages, masks and logs in its own way.
    cors: false,
    multipart: false,
    batching: false,
    graphiql: false,
    landingPage: false,
    maskedErrors: false,
    logging: false,
    healthCheckEndpoint: '/none',
  })
}

function contextOf(
  { engine, countStart }: Pick<PipelineParts, 'engine' | 'countStart'>,
  identity: HttpContext['identity'],
  requestId = 'unknown',
): GraphQLContext {
  if (identity === undefined) throw new Error('A request came to GraphQL without authentication')
  return { engine: engine(), principal: identity.principal, requestId, countStart }
}

/** graphql's own engine, and documents within our limits; Envelop's hooks, and so for WebSocket too. */
function useEngine(introspection: () => boolean): Plugin {
  const [withIntrospection, without] = [validating(true), validating(false)]
  const told = (args: ExecutionArgs) => ({ ...args, hideSuggestions: !introspection() })
  return {
    onParse: ({ setParseFn }) => setParseFn(parseDocument),
    onValidate: ({ setValidationFn }) => setValidationFn(introspection() ? withIntrospection : without),
    onExecute: ({ setExecuteFn }) => setExecuteFn((args) => execute(told(args))),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn((args) => subscribe(told(args))),
  }
}

/** Documents are few and small, or else they are not worth their memory. */
function documentCache(maxLength = 20_000) {
  const cache = createLRUCache<DocumentNode>({ max: 500 })
  return {
    get: (text: string) => cache.get(text),
    set: (text: string, document: DocumentNode) => void (text.length <= maxLength && cache.set(text, document)),
  }
}
const noCache = { get: () => undefined, set: () => {} }
