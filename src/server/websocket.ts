import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols, makeServer, type ServerOptions } from 'graphql-ws'
import type { Logger } from 'pino'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../access/authenticate.ts'
import type { Watch } from '../access/watch.ts'
import { CountersignError, isUnavailable } from '../errors.ts'
import type { Activity } from './activity.ts'
import type { Pipeline } from './pipeline.ts'
import { requestIdOf } from './request-id.ts'
import type { SignIn } from './sign-in.ts'
import { refusalOf, refuse, toRequest } from './upgrade.ts'
import { operations } from './websocket-operations.ts'

/** Beyond so many bytes that a client has not taken yet, its subscriptions are not asked for more, and its messages are not read. */
const highWater = 1024 * 1024
/** A connection that answers no ping within this time, in ms, and has taken all we sent, is dead. */
const pingEvery = 15_000

export type WebSockets = {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every connection, those that do not answer at once when `signal` aborts. */
  close(signal: AbortSignal): Promise<void>
}

export type WebSocketParts = {
  readonly pipeline: Pipeline
  readonly signIn: SignIn
  readonly watch: Watch
  readonly isOpen: () => boolean
  readonly refusal: () => string | null
  readonly activity: Activity
  /** Of one message, in bytes. */
  readonly maxMessage: number
  readonly log: Logger
}

type Extra = {
  readonly socket: WebSocket
  readonly request: Request
  readonly address: string | null
  identity?: Identity
  watched?: Disposable
}
export type SocketOptions = ServerOptions<Record<string, unknown>, Extra>

/** GraphQL over WebSocket: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, sub-protocol graphql-transport-ws only. */
export function createWebSockets({
  pipeline,
  signIn,
  watch,
  isOpen,
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
    ...authenticated(signIn, watch, log),
    ...operations(pipeline, refusal, log),
  })
  const heartbeat = setInterval(() => beat(sockets.clients), pingEvery).unref()

  sockets.on('connection', (socket: WebSocket, upgrade: IncomingMessage) => {
    const extra: Extra = { socket, request: toRequest(upgrade), address: upgrade.socket.remoteAddress ?? null }
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
      extra.watched?.[Symbol.dispose]()
      closed(code, String(reason)).catch((error) => log.error({ err: error }, 'A subscription could not be ended'))
    })
  })

  return {
    handleUpgrade(upgrade, socket, head) {
      const refused = refusalOf(upgrade, isOpen(), refusal)
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

function authenticated(signIn: SignIn, watch: Watch, log: Logger): Pick<SocketOptions, 'onConnect'> {
  return {
    async onConnect({ connectionParams, extra }) {
      const { socket, request, address } = extra
      const requestId = requestIdOf(request)
      try {
        const { authorization = connectionParams?.Authorization, actingFor = null } = connectionParams ?? {}
        const identity = await signIn({ authorization, request, actingFor, address, requestId })
        // Whoever is gone meanwhile is not watched any more.
        if (identity === null || socket.readyState !== WebSocket.OPEN) return false
        extra.identity = identity
        extra.watched = watch(identity, (why) => socket.close(CloseCode.Forbidden, why))
      } catch (error) {
        if (isUnavailable(error)) {
          // Clients try again after this, and not after 4500.
          socket.close(tryAgainLater, 'Who you are cannot be found out now')
          return false
        }
        if (error instanceof CountersignError && error.code === 'BAD_USER_INPUT') {
          socket.close(CloseCode.BadRequest, error.message)
          return false
        }
        log.error({ err: error, requestId }, 'Authentication failed to answer')
        socket.close(CloseCode.InternalServerError, 'Internal server error')
        return false
      }
      return true
    },
  }
}

/** https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number */
const tryAgainLater = 1013

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
