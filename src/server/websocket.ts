import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols, makeServer, type ServerOptions } from 'graphql-ws'
import type { Logger } from 'pino'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { bearerToken, type Identify, type Identity } from '../access/authenticate.ts'
import type { Activity } from './activity.ts'
import type { Pipeline } from './pipeline.ts'
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
  readonly identify: Identify
  readonly open: boolean
  readonly refusal: () => string | null
  readonly activity: Activity
  /** Of one message, in bytes. */
  readonly maxMessage: number
  readonly log: Logger
}

type Extra = { readonly socket: WebSocket; readonly request: Request; identity?: Identity; expiry?: NodeJS.Timeout }
export type SocketOptions = ServerOptions<Record<string, unknown>, Extra>

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

function authenticated(identify: Identify, log: Logger): Pick<SocketOptions, 'onConnect'> {
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
