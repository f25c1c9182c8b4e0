import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** The line between one server process and its database. While it is cut nothing gets through; what was sent meanwhile comes late. */
export type Line = AsyncDisposable & { readonly url: string; cut(): void; mend(): void }

export async function openLine(url: string): Promise<Line> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let isCut = false
  const proxy = createServer((client) => {
    const server = createConnection(Number(port), hostname)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy()).on('close', () => sockets.delete(from) && to.destroy())
      from.on('data', (chunk) => void to.write(chunk))
      if (isCut) from.pause()
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const own = new URL(url)
  own.port = `${(proxy.address() as AddressInfo).port}`
  return {
    url: own.href,
    cut() {
      isCut = true
      for (const socket of sockets) socket.pause()
    },
    mend() {
      isCut = false
      for (const socket of sockets) socket.resume()
    },
    async [Symbol.asyncDispose]() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}
