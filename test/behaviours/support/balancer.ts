import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** Stands before servers and gives each connection to the next of them; one that refuses it is passed over. It knows nothing of HTTP, nor of readiness. */
export async function balancer(serverUrls: readonly string[]): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    return socket
  }
  let turn = 0
  const join = (client: Socket, tries: number) => {
    if (tries === 0) return client.destroy()
    const { hostname, port } = new URL(serverUrls[turn++ % serverUrls.length] ?? '')
    const server = keep(createConnection(Number(port), hostname))
    const refused = () => join(client, tries - 1)
    server.once('error', refused)
    server.once('connect', () => {
      server.off('error', refused)
      for (const [from, to] of [[client, server] as const, [server, client] as const]) {
        from.on('close', () => to.destroy()).pipe(to)
      }
    })
  }
  const proxy = createServer((client) => join(keep(client), serverUrls.length)).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}
