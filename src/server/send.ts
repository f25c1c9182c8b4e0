import { WebSocket } from 'ws'

/** Beyond so many bytes that a client has not taken yet, its subscriptions are not asked for more, and its messages are not read. */
const highWater = 1024 * 1024

/** Resolves when the client may be sent more: at once, or when it has taken what it was sent. */
export function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== WebSocket.OPEN) return resolve()
    const full = socket.bufferedAmount > highWater
    if (full) socket.pause()
    socket.send(text, () => {
      // Whichever it was: after the last that had to wait much may have been sent at once.
      if (socket.isPaused && socket.bufferedAmount <= highWater) socket.resume()
      resolve()
    })
    if (!full) resolve()
  })
}
