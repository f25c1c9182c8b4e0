import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { send } from '../../src/server/send.ts'

/** A WebSocket whose client takes what it is sent piece by piece, when the test says so. */
async function openTo(takes: (() => void)[]): Promise<WebSocket> {
  const connection = new Duplex({ read() {}, write: (_chunk, _encoding, taken) => void takes.push(taken) })
  const upgrade = new IncomingMessage(new Socket())
  upgrade.method = 'GET'
  const key = Buffer.alloc(16).toString('base64')
  Object.assign(upgrade.headers, {
    ...{ connection: 'Upgrade', upgrade: 'websocket' },
    ...{ 'sec-websocket-key': key, 'sec-websocket-version': '13' },
  })
  const server = new WebSocketServer({ noServer: true })
  const connected = once(server, 'connection')
  server.handleUpgrade(upgrade, connection, Buffer.alloc(0), (socket) => server.emit('connection', socket))
  const [socket] = await connected
  return socket
}

test('a client that was slow is read again also when much came after what it waited for', async () => {
  const takes: (() => void)[] = []
  const socket = await openTo(takes)
  const takeUntil = async (left: number) => {
    while (socket.bufferedAmount > left) {
      takes.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await takeUntil(0)
  const large = 'x'.repeat(1024 * 1024)
  await send(socket, large)
  const small = send(socket, 'y')
  expect(socket.isPaused).toBe(true)
  // The small one is under way, and is all that is left: there is room.
  await takeUntil(1024)
  await send(socket, large + large)
  await takeUntil(0)
  await small
  expect(socket.isPaused).toBe(false)
  socket.terminate()
})
