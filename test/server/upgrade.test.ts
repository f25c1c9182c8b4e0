import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

/** What comes back for a request as it goes over the wire. */
async function raw(url: string, lines: string[], body: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return text(socket)
}

test('a WebSocket that comes before the server has started is told when to try again', async () => {
  const server = createServer({ logger: createLog('silent'), agents, database: ':memory:' })
  const http = createHttpServer().on('upgrade', server.handleUpgrade).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const lines = ['GET /graphql HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket']
  const answer = await raw(`http://127.0.0.1:${port}`, lines, '')
  expect(answer).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/)
  expect(answer).toMatch(/\r\nretry-after: 1\r\n\r\nit has not started$/)
  http.close()
})

test('an offer to go on with HTTP/2 is ignored, and the request answered', async () => {
  await using api = await testServer({ agents })
  const body = '{"query":"{ viewer { tenant } }"}'
  const answer = await raw(
    api.url,
    [
      'POST /graphql HTTP/1.1',
      `Host: ${new URL(api.url).host}`,
      'Authorization: Bearer requester-1',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
    ],
    body,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK/)
  expect(answer).toContain('{"data":{"viewer":{"tenant":"default"}}}')
})

test('a WebSocket for a URL with a name and password in it is answered as any other, and the server goes on', async () => {
  await using api = await testServer({ agents })
  const { host } = new URL(api.url)
  const ask = (target: string, from: string) =>
    raw(
      api.url,
      [
        `GET ${target} HTTP/1.1`,
        `Host: ${from}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Origin: https://a.example',
      ],
      '',
    )
  expect(await ask('/graphql', `ada:secret@${host}`)).toMatch(/^HTTP\/1\.1 403 Forbidden/)
  expect(await ask(`http://ada:secret@${host}/graphql`, host)).toMatch(/^HTTP\/1\.1 403 Forbidden/)
  expect(await ask(`//ada@${host}/other`, host)).toMatch(/^HTTP\/1\.1 404 Not Found/)
})

test('a client whose WebSocket was refused cannot keep its connection open, nor the server from closing', async () => {
  await using api = await testServer({ agents })
  const { host, hostname, port } = new URL(api.url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  const lines = ['GET /other HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket']
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 Not Found/)
  await api.server.close()
  socket.destroy()
})
