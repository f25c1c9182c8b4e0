import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

export type Message = { id?: string; type: string; payload?: unknown }

/** A WebSocket that sends what it is told, also what no client would. */
export type RawSocket = Disposable & {
  readonly socket: WebSocket
  send(message: Message): void
  /** Sends all of them so that they come in one piece. */
  sendAtOnce(...messages: readonly (Message | string)[]): void
  /** The first message not yet taken that this holds for, once it is there. */
  take(holds: (message: Message) => boolean): Promise<Message>
  /** Those not yet taken. */
  readonly untaken: readonly Message[]
  /** How the server closed it. */
  readonly closed: Promise<{ code: number; reason: string }>
  /** Resolves when the server has heard all that was sent before. */
  heard(): Promise<void>
}

/** Open, and nobody has said yet who it is. */
export async function openSocket(endpoint: string, options: ClientOptions = {}): Promise<RawSocket> {
  const socket = new WebSocket(endpoint.replace('http', 'ws'), 'graphql-transport-ws', options)
  const untaken: Message[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    untaken.push(JSON.parse(String(data)))
    for (const look of waiting) look()
  })
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  await once(socket, 'open')
  let pings = 0
  const raw: RawSocket = {
    socket,
    send: (message) => socket.send(JSON.stringify(message)),
    sendAtOnce(...messages) {
      const tcp = (socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket
      tcp.cork()
      for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message))
      tcp.uncork()
    },
    take: (holds) =>
      new Promise((resolve) => {
        const look = () => {
          const index = untaken.findIndex(holds)
          const [message] = index < 0 ? [] : untaken.splice(index, 1)
          if (!message) return
          waiting.delete(look)
          resolve(message)
        }
        waiting.add(look)
        look()
      }),
    untaken,
    closed,
    async heard() {
      const id = ++pings
      raw.send({ type: 'ping', payload: { id } })
      await raw.take(({ type, payload }) => type === 'pong' && (payload as { id: number }).id === id)
    },
    [Symbol.dispose]: () => socket.terminate(),
  }
  return raw
}

/** Open, and let in. */
export async function rawSocket(endpoint: string, token = 'admin-1', options: ClientOptions = {}): Promise<RawSocket> {
  const raw = await openSocket(endpoint, options)
  raw.send({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } })
  await raw.take(({ type }) => type === 'connection_ack')
  return raw
}
