import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'
import { httpBounds } from '../../src/server/http-server.ts'
import { serverWithin } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { logLines } from '../support/log-lines.ts'
import { testPrincipals } from '../support/principals.ts'
import { rawSocket } from '../support/raw-socket.ts'

const log = logLines()
const bounds = { ...httpBounds, headersTimeout: 1_500, requestTimeout: 3_000, connectionsCheckingInterval: 50 }
const server = serverWithin(bounds, {
  agents,
  database: ':memory:',
  authenticate: testPrincipals,
  logger: log.logger,
})
afterAll(() => server.close())
const { url } = await server.listen({ port: 0 })
const head = [
  'POST /graphql HTTP/1.1',
  'Host: 127.0.0.1',
  'Authorization: Bearer requester-1',
  'Content-Type: application/json',
]

async function opened(): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** What comes back, to the end, while `drip` is sent every 50 ms. */
async function answerTo(first: string, drip: string): Promise<string> {
  const socket = await opened()
  socket.on('error', () => {})
  socket.write(first)
  const dripping = setInterval(() => socket.write(drip), 50)
  const answer = await text(socket).catch(() => '')
  clearInterval(dripping)
  return answer
}

describe.concurrent('a client that takes its time', () => {
  test.each([
    ['over nothing at all', '', ''],
    ['over its headers, one at a time', `${head.join('\r\n')}\r\n`, 'X-More: 1\r\n'],
    ['over its body, a letter at a time', `${[...head, 'Content-Length: 100000'].join('\r\n')}\r\n\r\n{"query":"`, 'a'],
    [
      'over its body, a chunk at a time',
      `${[...head, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`,
      '1\r\n{\r\n',
    ],
  ])('%s is answered 408 and cut off', async (_, first, drip) => {
    // Nothing, where the client's system threw the answer away because more was sent to a connection that is cut off.
    expect(await answerTo(first, drip)).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n\r\n)?$/)
    expect(log.text()).not.toMatch(/"level":[56]0/)
  })

  test('keeps nobody else from being answered, and takes nothing from streams and sockets', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, opened))
    for (const socket of slow) socket.on('error', () => {}).write(`${head.join('\r\n')}\r\n`)
    const ended = slow.map((socket) => once(socket.resume(), 'close'))
    const headers = {
      authorization: 'Bearer requester-1',
      'content-type': 'application/json',
      accept: 'text/event-stream',
    }
    const body = JSON.stringify({ query: 'subscription { pendingApprovals { __typename } }' })
    const events = await fetch(`${url}/graphql`, { method: 'POST', headers, body })
    using socket = await rawSocket(`${url}/graphql`)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    await Promise.all(ended)
    // Longer than a request may take.
    await expect(answerTo(`${[...head, 'Content-Length: 9'].join('\r\n')}\r\n\r\n`, '')).resolves.toBeDefined()
    await socket.heard()
    expect(server.liveSubscriptions).toBe(1)
    await events.body?.cancel()
  })
})

test('headers of more than 16 KB are refused with 431', async () => {
  const token = (length: number) => ({ authorization: `Bearer ${'a'.repeat(length)}` })
  expect((await fetch(`${url}/graphql`, { headers: token(17_000) })).status).toBe(431)
  expect((await fetch(`${url}/graphql`, { headers: token(8_192) })).status).toBe(401)
})

test('without other bounds a client has 10 s for its headers and 60 s for all of a request', () => {
  expect(httpBounds).toMatchObject({ headersTimeout: 10_000, requestTimeout: 60_000, maxHeaderSize: 16_384 })
})
