import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, GraphQLError } from 'graphql'
import { CloseCode, handleProtocols, makeServer, type ServerOptions, type SubscribePayload } from 'graphql-ws'
import type { Logger } from 'pino'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { bearerToken, type Identify, type Identity } from '../access/authenticate.ts'
import type { Activity } from './activity.ts'
import { unavailable } from './draining.ts'
import { maskResult } from './masking.ts'
import { foreignHost, foreignOrigin } from './open-access.ts'
import { endpoint, type Pipeline } from './pipeline.ts'

/** Beyond so many bytes that a client has not taken yet, its subscriptions are not asked for more, and its messages are not read. */
const highWater = 1024 * 1024
/** A connection that answers no ping within this time, in ms, and has taken all we sent, is dead. */
const pingEvery = 15_000
const maxOperations = 1_000

export type WebSockets = {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every connection, those that do not answer at once when `signal` aborts. */
  close(signal: AbortSignal): Promise<void>
}

export type WebSocketParts = {
  readonly pipeline: Pipeline
  readonly identify: Identify
  readonly open: boolean
  readonly refusal: () => string | null
  readonly activity: Activity
  /** Of one message, in bytes. */
  readonly maxMessage: number
  readonly log: Logger
}

type Extra = { readonly socket: WebSocket; readonly request: Request; identity?: Identity; expiry?: NodeJS.Timeout }
type Options = ServerOptions<Record<string, unknown>, Extra>

/** GraphQL over WebSocket: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, sub-protocol graphql-transport-ws only. */
export function createWebSockets({
  pipeline,
  identify,
  open,
  refusal,
  activity,
  maxMessage,
  log,
}: WebSocketParts): WebSockets {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessage,
    handleProtocols: (offered) => handleProtocols(offered),
  })
  const protocol = makeServer<Record<string, unknown>, Extra>({
    ...authenticated(identify, log),
    ...operations(pipeline, refusal, log),
  })
  const heartbeat = setInterval(() => beat(sockets.clients), pingEvery).unref()

  sockets.on('connection', (socket: WebSocket, upgrade: IncomingMessage) => {
    const extra: Extra = { socket, request: toRequest(upgrade) }
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => send(socket, text),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) =>
          socket.on('message', (data: RawData) => {
            const handled = handle(String(data)).catch((error) => {
              log.error({ err: error }, 'A WebSocket message could not be handled')
              socket.close(CloseCode.InternalServerError, 'Internal server error')
            })
            void activity.track(handled)
          }),
      },
      extra,
    )
    socket.on('error', (error) => log.debug({ err: error }, 'WebSocket error'))
    socket.on('close', (code, reason) => {
      clearTimeout(extra.expiry)
      closed(code, String(reason)).catch((error) => log.error({ err: error }, 'A subscription could not be ended'))
    })
  })

  return {
    handleUpgrade(upgrade, socket, head) {
      const refused = refusalOf(upgrade, open, refusal)
      if (refused !== null) return refuse(socket, refused)
      sockets.handleUpgrade(upgrade, socket, head, (ws) => sockets.emit('connection', ws, upgrade))
    },
    async close(signal) {
      clearInterval(heartbeat)
      const gone = [...sockets.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of sockets.clients) socket.close(1001, 'Going away')
      const terminate = () => {
        for (const socket of sockets.clients) socket.terminate()
      }
      if (signal.aborted) terminate()
      signal.addEventListener('abort', terminate, { once: true })
      await Promise.all(gone)
      signal.removeEventListener('abort', terminate)
      sockets.close()
    },
  }
}

function authenticated(identify: Identify, log: Logger): Pick<Options, 'onConnect'> {
  return {
    async onConnect({ connectionParams, extra }) {
      try {
        const { authorization, Authorization } = connectionParams ?? {}
        const identity = await identify(bearerToken(authorization ?? Authorization), extra.request)
        if (identity === null) return false
        extra.identity = identity
        const left = identity.expiresAt === null ? null : identity.expiresAt - Date.now()
        if (left !== null && left < 2 ** 31) {
          extra.expiry = setTimeout(
            () => extra.socket.close(CloseCode.Forbidden, 'Your token has expired'),
            left,
          ).unref()
        }
      } catch (error) {
        log.error({ err: error }, 'Authentication failed to answer')
        extra.socket.close(CloseCode.InternalServerError, 'Internal server error')
        return false
      }
      return true
    },
  }
}

/** Every operation fails alone: whatever goes wrong is its own error message, and the socket stays open. */
function operations(
  pipeline: Pipeline,
  refusal: () => string | null,
  log: Logger,
): Pick<Options, 'onSubscribe' | 'execute' | 'subscribe' | 'onNext' | 'onError'> {
  const enveloped = new WeakMap<ExecutionArgs, ReturnType<Pipeline['getEnveloped']>>()
  const requestIds = new WeakMap<ExecutionArgs, string>()
  const prepare = async (
    identity: Identity | undefined,
    { query, operationName, variables }: SubscribePayload,
    requestId: string,
  ) => {
    const engine = pipeline.getEnveloped({ identity, requestId } as never)
    const document = engine.parse(query)
    const errors = engine.validate(engine.schema, document)
    if (errors.length > 0) return errors as readonly GraphQLError[]
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

/** Resolves when the client may be sent more: at once, or when it has taken what it was sent. */
function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== WebSocket.OPEN) return resolve()
    const full = socket.bufferedAmount > highWater
    if (full) socket.pause()
    socket.send(text, () => {
      if (full && socket.bufferedAmount <= highWater) socket.resume()
      resolve()
    })
    if (!full) resolve()
  })
}

const silent = new WeakSet<WebSocket>()

/** A slow client still has bytes to take and cannot answer in time; a dead one is found by TCP. */
function beat(clients: Set<WebSocket>): void {
  for (const socket of clients) {
    if (socket.bufferedAmount > 0) continue
    if (silent.has(socket)) {
      socket.terminate()
      continue
    }
    silent.add(socket)
    socket.once('pong', () => silent.delete(socket))
    socket.ping()
  }
}

type Refused = { readonly status: string; readonly reason: string }

function refusalOf(upgrade: IncomingMessage, open: boolean, refusal: () => string | null): Refused | null {
  const request = toRequest(upgrade)
  if (new URL(request.url).pathname !== endpoint)
    return { status: '404 Not Found', reason: `WebSockets are at ${endpoint}.` }
  const foreign = open ? (foreignHost(request) ?? foreignOrigin(request)) : null
  if (foreign !== null) return { status: '403 Forbidden', reason: foreign }
  const draining = refusal()
  return draining === null ? null : { status: '503 Service Unavailable', reason: draining }
}

function refuse(socket: Duplex, { status, reason }: Refused): void {
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  )
}

/** The upgrade as the web's Request, which `authenticate` is given over every transport. */
function toRequest(upgrade: IncomingMessage): Request {
  const headers = new Headers()
  for (const [name, values] of Object.entries(upgrade.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  const path = upgrade.url ?? '/'
  const base = `http://${upgrade.headers.host ?? 'localhost'}`
  return new Request(URL.canParse(path, base) ? new URL(path, base) : 'http://localhost/', { headers })
}
