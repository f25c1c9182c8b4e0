import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { heartbeat } from '../../src/server/heartbeat.ts'

async function scene() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const open = async (autoPong: boolean) => {
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { autoPong })
    await once(socket, 'open')
    return socket
  }
  return {
    server,
    open,
    [Symbol.dispose]() {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

test('a client that answers no ping is cut off before the ping after it, and one that does stays', async () => {
  using s = await scene()
  using _ = heartbeat(s.server, 1_000)
  const [alive, dead] = [await s.open(true), await s.open(false)]
  const pings: number[] = []
  alive.on('ping', () => pings.push(performance.now()))
  let missed = 0
  dead.on('ping', () => {
    missed += 1
  })
  expect(await once(dead, 'close')).toEqual([1006, Buffer.from('')])
  expect(missed).toBe(1)
  await expect.poll(() => pings.length, { timeout: 10_000 }).toBeGreaterThan(2)
  expect(alive.readyState).toBe(WebSocket.OPEN)
})
