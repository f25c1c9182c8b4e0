import type { WebSocket, WebSocketServer } from 'ws'

/**
 * Pings all clients, and cuts off those that have not answered the ping before. Not those who still have bytes to take: a slow client cannot
 * answer in time, and a dead one is found by TCP.
 */
export function heartbeat(server: WebSocketServer, everyMs: number): Disposable {
  const silent = new WeakSet<WebSocket>()
  server.on('connection', (socket) => {
    socket.on('pong', () => silent.delete(socket))
  })
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      if (socket.bufferedAmount > 0) silent.delete(socket)
      else if (silent.has(socket)) socket.terminate()
      else {
        silent.add(socket)
        socket.ping()
      }
    }
  }, everyMs).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
