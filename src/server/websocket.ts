import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols } from 'graphql-ws'
import type { Logger } from 'pino'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../access/authenticate.ts'
import type { Over, Watch } from '../access/watch.ts'
import { CountersignError, isUnavailable } from '../errors.ts'
import type { Activity } from './activity.ts'
import { type Closure, type ConversationParts, converse, type Execute, type InitPayload } from './conversation.ts'
import { heartbeat } from './heartbeat.ts'
import type { Pipeline } from './pipeline.ts'
import { principalSockets } from './principal-sockets.ts'
import { requestIdOf } from './request-id.ts'
import { send } from './send.ts'
import type { SignIn } from './sign-in.ts'
import { refusalOf, refuse, toRequest } from './upgrade.ts'
import { operations } from './websocket-operations.ts'

/** In bytes, of one message of a client. */
const maxMessage = 1024 * 1024
const socketsOfPrincipal = 1_000
const initTimeoutMs = 5_000
/** Less than the 15 s after which the most impatient proxies give up. */
const pingEveryMs = 12_000

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
  readonly allowedOrigins: readonly string[]
  readonly refusal: () => string | null
  readonly activity: Activity
  readonly log: Logger
}

/** GraphQL over WebSocket, sub-protocol graphql-transport-ws only. */
export function createWebSockets(parts: WebSocketParts): WebSockets {
  const { pipeline, watch, isOpen, allowedOrigins, refusal, activity, log } = parts
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessage,
    handleProtocols: (offered) => handleProtocols(offered),
  })
  const { execute, errorsOf } = operations(pipeline, refusal, log)
  const identify = identifying(parts)
  const places = principalSockets(socketsOfPrincipal)
  const beating = heartbeat(sockets, pingEveryMs)

  /** @param held What ends with the socket. */
  const admission =
    (upgrade: IncomingMessage, held: DisposableStack, onOver: (why: Over) => void): ConversationParts['admit'] =>
    async (params) => {
      const identity = await identify(upgrade, params)
      // Whoever is gone meanwhile takes no place and is not watched.
      if (identity === null || held.disposed) return forbidden('Forbidden')
      if ('code' in identity) return identity
      const place = places.take(identity.principal)
      if (place === null) return tooManySockets
      held.use(place)
      held.use(watch(identity, onOver))
      return executeAs(identity)
    }
  const leaving = () => (refusal() === null ? null : goingAway)
  const executeAs =
    (identity: Identity): Execute =>
    (payload) =>
      execute(payload, identity)

  sockets.on('connection', (socket: WebSocket, upgrade: IncomingMessage) => {
    socket.on('error', (error) => log.debug({ err: error }, 'WebSocket error'))
    if (socket.protocol === '') return socket.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
    const held = new DisposableStack()
    const conversation = converse(
      { send: (text) => send(socket, text), close: ({ code, reason }) => socket.close(code, reason) },
      {
        admit: admission(upgrade, held, (why) => conversation.close(forbidden(why))),
        errorsOf,
        leaving,
        initTimeoutMs,
      },
    )
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return conversation.close({ code: CloseCode.BadRequest, reason: 'Messages are sent as text' })
      const handled = conversation.receive(String(data)).catch((error) => {
        log.error({ err: error }, 'A WebSocket message could not be handled')
        conversation.close(internalError)
      })
      void activity.track(handled)
    })
    socket.on('close', () => {
      held.dispose()
      conversation.end()
    })
  })

  return {
    handleUpgrade(upgrade, socket, head) {
      const refused = refusalOf(upgrade, { open: isOpen(), allowedOrigins, refusal })
      if (refused !== null) return refuse(socket, refused)
      sockets.handleUpgrade(upgrade, socket, head, (ws) => sockets.emit('connection', ws, upgrade))
    },
    async close(signal) {
      beating[Symbol.dispose]()
      const gone = [...sockets.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of sockets.clients) socket.close(goingAway.code, goingAway.reason)
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

const forbidden = (reason: string): Closure => ({ code: CloseCode.Forbidden, reason })
/** Clients connect again after this, and begin anew what was not complete. */
const goingAway: Closure = { code: 1001, reason: 'Going away' }
const internalError: Closure = { code: CloseCode.InternalServerError, reason: 'Internal server error' }

/** https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number; clients try again after this, and not after 4429 or 4500. */
const tryAgainLater = 1013
const tooManySockets: Closure = {
  code: tryAgainLater,
  reason: `More than ${socketsOfPrincipal} WebSockets of yours are open here: close some first`,
}

/** Who asks for a socket, by the `authorization` of its connection_init; null when nobody may ask this way. */
function identifying({ signIn, log }: Pick<WebSocketParts, 'signIn' | 'log'>) {
  return async (
    upgrade: IncomingMessage,
    { authorization, Authorization, actingFor = null }: InitPayload,
  ): Promise<Identity | Closure | null> => {
    const request = toRequest(upgrade)
    const requestId = requestIdOf(request)
    const address = upgrade.socket.remoteAddress ?? null
    try {
      return await signIn({ authorization: authorization ?? Authorization, request, actingFor, address, requestId })
    } catch (error) {
      if (isUnavailable(error)) return { code: tryAgainLater, reason: 'Who you are cannot be found out now' }
      if (error instanceof CountersignError && error.code === 'BAD_USER_INPUT')
        return { code: CloseCode.BadRequest, reason: error.message }
      if (error instanceof CountersignError && error.code === 'RATE_LIMITED')
        return { code: tryAgainLater, reason: error.message }
      log.error({ err: error, requestId }, 'Authentication failed to answer')
      return internalError
    }
  }
}
