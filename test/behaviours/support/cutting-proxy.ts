import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** When a connection is cut: the request is through and the server has it to itself, or its answer is on the way and is lost. */
export type Moment = 'the request is through' | 'the answer is on its way'

/** Stands between HTTP clients and a server, and cuts the connection of each request at the moment it is told. */
export type CuttingProxy = AsyncDisposable & {
  readonly url: string
  /** How many were cut. */
  count(): number
}

export async function cuttingProxy(serverUrl: string, moment: Moment): Promise<CuttingProxy> {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let cuts = 0
  const proxy = createServer((client) => {
    const upstream = createConnection(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    const cut = () => {
      if (client.destroyed) return
      cuts += 1
      client.destroy()
      // What was sent is delivered, and nothing is read.
      upstream.end()
    }
    let sent = Buffer.alloc(0)
    client.on('data', (chunk) => {
      sent = Buffer.concat([sent, chunk])
      upstream.write(chunk, () => {
        if (moment === 'the request is through' && isWhole(sent)) cut()
      })
    })
    upstream.on('data', cut)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    count: () => cuts,
    async [Symbol.asyncDispose]() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}

/** Whether these are all bytes of a request with a body of known length. */
function isWhole(sent: Buffer): boolean {
  const end = sent.indexOf('\r\n\r\n')
  const length = /content-length: (\d+)/i.exec(sent.subarray(0, end).toString('latin1'))?.[1]
  return end >= 0 && sent.length - end - 4 === Number(length)
}
