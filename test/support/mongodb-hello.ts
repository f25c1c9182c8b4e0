import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BSON, type Document } from 'mongodb'

/** A MongoDB server as it is, but for what it says of itself. It ends with its scope. */
export type OtherHello = AsyncDisposable & { readonly url: string }

/** @param said What its answers to `hello` have instead; a member that is undefined they have not. */
export async function withHello(url: string, said: Document): Promise<OtherHello> {
  const real = new URL(url.replace(/^mongodb/, 'http'))
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(Number(real.port), real.hostname)
    for (const socket of [client, server]) sockets.add(socket)
    // Whoever hangs up first ends both.
    pipeline(client, server, otherAnswers(said), client).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('It listens on no port.')
  return {
    url: url.replace(real.host, `127.0.0.1:${address.port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

/** Message by message, as each says how long it is. */
function otherAnswers(said: Document): Transform {
  let held = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
        const length = held.readInt32LE(0)
        this.push(changed(held.subarray(0, length), said))
        held = held.subarray(length)
      }
      done()
    },
  })
}

// Where the answer's document begins: behind flags and kind in an OP_MSG, behind flags, cursor and counts in the OP_REPLY that
// answers a first `hello`; https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const opMsg = 2013
const startOf: Readonly<Record<number, number>> = { [opMsg]: 16 + 4 + 1, 1: 16 + 4 + 8 + 4 + 4 }

function changed(message: Buffer, said: Document): Buffer {
  const start = startOf[message.readInt32LE(12)] ?? message.length
  if (start >= message.length) return message
  const answer = BSON.deserialize(message.subarray(start), { promoteValues: false })
  if (!('maxWireVersion' in answer)) return message
  const document = BSON.serialize({ ...answer, ...said }, { ignoreUndefined: true })
  const other = Buffer.concat([message.subarray(0, start), document])
  other.writeInt32LE(other.length, 0)
  return other
}
