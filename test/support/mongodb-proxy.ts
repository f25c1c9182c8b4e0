import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { BSON, type Document } from 'mongodb'
import type { MongoServer } from './mongodb-server.ts'

/** Stands between a client and a server, and sees what is asked. */
export type MongoProxy = AsyncDisposable & {
  url(database: string): string
  /** The last command of this name. */
  last(name: string): Document | undefined
  /** The server does the next `times` commands of this name, and nobody hears of it: their connections are cut. */
  loseAnswers(name: string, times: number): void
  /** From now on answers to commands of this name come so much later. */
  delayAnswers(name: string, ms: number): void
}

export async function mongoProxy(server: MongoServer): Promise<MongoProxy> {
  const { hostname, port: serverPort } = new URL(server.url(''))
  const seen = new Map<string, Document>()
  const sockets = new Set<Socket>()
  let losing = { name: '', left: 0 }
  let delaying = { name: '', ms: 0 }

  const proxy = createServer((client) => {
    const upstream = createConnection(Number(serverPort), hostname)
    const unanswered = new Set<number>()
    const late = new Set<number>()
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', cut).on('close', () => sockets.delete(socket) && cut())
    }
    onMessages(client, (message) => {
      const command = commandOf(message)
      const [name] = Object.keys(command ?? {})
      if (command && name !== undefined) {
        seen.set(name, command)
        if (name === losing.name && losing.left > 0) {
          losing.left -= 1
          unanswered.add(message.readInt32LE(4))
        }
        if (name === delaying.name) late.add(message.readInt32LE(4))
      }
      upstream.write(message)
    })
    onMessages(upstream, (message) => {
      const answered = message.readInt32LE(8)
      if (unanswered.has(answered)) cut()
      else if (late.has(answered)) setTimeout(() => client.write(message), delaying.ms)
      else client.write(message)
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('It listens on no port.')
  const { port } = address

  return {
    url: (database) => server.url(database).replace(`:${serverPort}/`, `:${port}/`),
    last: (name) => seen.get(name),
    loseAnswers(name, times) {
      losing = { name, left: times }
    },
    delayAnswers(name, ms) {
      delaying = { name, ms }
    },
    async [Symbol.asyncDispose]() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}

// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/: int32 length, request, responseTo, opCode; an OP_MSG has
// flags and then sections, of which the command is the first.
const opMsg = 2013
const commandAt = 21

function commandOf(message: Buffer): Document | null {
  if (message.readInt32LE(12) !== opMsg) return null
  return BSON.deserialize(message.subarray(commandAt, commandAt + message.readInt32LE(commandAt)))
}

function onMessages(socket: Socket, hear: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      hear(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
}
