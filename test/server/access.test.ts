import { request as httpRequest } from 'node:http'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testPrincipals } from '../support/principals.ts'
import { testServer } from '../support/test-server.ts'

const logger = createLog('silent')

const viewer = '{ viewer { principal { id name } tenant roles } }'

test('without authentication everyone is the local admin and may decide what they requested', async () => {
  await using api = await testServer({ agents, authenticate: null })
  const data = await api.data(viewer, {}, null)
  expect(data.viewer).toMatchObject({ principal: { id: 'prn_local', name: 'Local admin' }, tenant: 'default' })
  expect(data.viewer.roles).toHaveLength(4)
})

test('without authentication no address but loopback is listened on', async () => {
  await using server = createServer({ logger, agents, database: ':memory:' })
  await expect(server.listen({ port: 0, host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
    message: expect.stringContaining('0.0.0.0'),
  })
})

test('without authentication a request under another name (DNS rebinding) is refused', async () => {
  await using api = await testServer({ agents, authenticate: null })
  const { port } = new URL(api.url)
  const status = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { host, 'content-type': 'application/json' }
      const request = httpRequest(
        { port, host: '127.0.0.1', path: '/graphql', method: 'POST', headers },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      request.on('error', reject)
      request.end(JSON.stringify({ query: '{ __typename }' }))
    })
  expect(await status(`localhost:${port}`)).toBe(200)
  expect(await status(`[::1]:${port}`)).toBe(200)
  for (const host of [
    `rebound.example:${port}`,
    '127.0.0.1.example',
    'localhost.example',
    '0.0.0.0',
    ':',
    '@',
    'a b',
  ]) {
    expect([host, await status(host)]).toEqual([host, expect.toBeOneOf([400, 403])])
  }
})

test('without authentication a page of another origin is refused, over HTTP, SSE and WebSocket', async () => {
  await using api = await testServer({ agents, authenticate: null })
  const body = { query: '{ __typename }' }
  expect((await api.post(body, { origin: api.url })).status).toBe(200)
  for (const origin of ['https://elsewhere.example', 'http://localhost:1', 'null']) {
    expect((await api.post(body, { origin })).status).toBe(403)
    expect((await api.post(body, { origin, accept: 'text/event-stream' })).status).toBe(403)
    expect(await upgrade(api.endpoint, origin)).toBe(403)
  }
  expect(
    (await fetch(`${api.endpoint}?query={__typename}`, { headers: { 'sec-fetch-site': 'cross-site' } })).status,
  ).toBe(403)
  expect(await upgrade(api.endpoint, api.url)).toBe(101)
})

/** The status that the request for a WebSocket is answered with. */
function upgrade(endpoint: string, origin: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = new WebSocket(endpoint.replace('http', 'ws'), 'graphql-transport-ws', { origin })
    socket.on('error', () => {})
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode))
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
  })
}

test('one token means the same principal over HTTP, SSE and WebSocket', async () => {
  await using api = await testServer({ agents })
  const expected = { viewer: { principal: { id: 'prn_auditor-1' }, tenant: 'two', roles: ['AUDITOR'] } }
  expect(await api.data(viewer, {}, 'auditor-1@two')).toMatchObject(expected)
  expect(await api.sse(viewer, {}, 'auditor-1@two').data()).toMatchObject(expected)
  expect(await api.subscribe(viewer, {}, 'auditor-1@two').data()).toMatchObject(expected)
})

test('a token that nobody has is refused: 401 over HTTP and SSE, 4403 over WebSocket', async () => {
  await using api = await testServer({ agents })
  for (const headers of [{}, { authorization: 'Bearer nobody' }, { authorization: 'Basic cmVxdWVzdGVyLTE=' }] as Record<
    string,
    string
  >[]) {
    for (const accept of ['application/graphql-response+json', 'application/json', 'text/event-stream']) {
      const response = await api.post({ query: viewer }, { ...headers, accept })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      expect(await response.text()).toContain('UNAUTHENTICATED')
    }
  }
  for (const token of ['nobody', null]) {
    await expect(api.subscribe(viewer, {}, token).next()).rejects.toMatchObject({ code: 4403 })
  }
})

test('a token that ends closes its WebSocket with 4403 and its SSE stream with a reason, and nobody else’s', async () => {
  await using api = await testServer({
    agents,
    authenticate: (...asked) => {
      const [token] = asked
      const principal = testPrincipals(...asked)
      if (principal === null || principal instanceof Promise || token !== 'approver-1') return principal
      return { ...principal, expiresAt: new Date(Date.now() + 500) }
    },
  })
  const pending = 'subscription { pendingApprovals { __typename } }'
  const other = api.subscribe(pending, {}, 'approver-2')
  await other.data()
  const sse = api.sse(pending, {}, 'approver-1')
  await sse.data()
  const ws = api.subscribe(pending, {}, 'approver-1')
  await ws.data()
  expect((await sse.next()).value.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
  expect((await sse.next()).done).toBe(true)
  await expect(readAll(ws)).rejects.toMatchObject({ code: 4403 })
  expect(await Promise.race([other.next(), Promise.resolve('still open')])).toBe('still open')
})

async function readAll(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

test('an authentication that fails is hidden from who asks, and logged once with the request id', async () => {
  const lines: { level: number; requestId?: string; err?: { message: string } }[] = []
  await using api = await testServer({
    agents,
    authenticate: () => {
      throw new Error('the directory password is hunter2')
    },
    logger: pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  })
  const response = await api.post({ query: viewer }, { authorization: 'Bearer requester-1', 'x-request-id': 'mine-1' })
  const text = await response.text()
  expect(response.status).toBe(500)
  expect(text).not.toContain('hunter2')
  expect(JSON.parse(text).errors[0].extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', requestId: 'mine-1' })
  expect(lines).toMatchObject([{ requestId: 'mine-1', err: { message: 'the directory password is hunter2' } }])
  await expect(api.subscribe(viewer).next()).rejects.toMatchObject({ code: 4500 })
  expect(lines).toHaveLength(2)
})

test('whoever is said to end at no time that there is, is let in over no transport', async () => {
  await using api = await testServer({
    agents,
    logLevel: 'silent',
    authenticate: () => ({ id: 'ada', roles: ['ADMIN'], expiresAt: new Date(Number.NaN) }),
  })
  expect((await api.post({ query: viewer }, { authorization: 'Bearer any' })).status).toBe(500)
  await expect(api.subscribe(viewer).next()).rejects.toMatchObject({ code: 4500 })
})

test('GraphiQL is there for a browser, on loopback only, and loads nothing from elsewhere', async () => {
  await using api = await testServer({ agents, authenticate: null })
  const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
  const page = await fetch(api.endpoint, { headers: browser })
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(await page.text()).not.toMatch(/(?:src|href)="https?:/)
  expect((await fetch(api.url, { headers: browser })).url).toBe(api.endpoint)
  expect((await fetch(`${api.endpoint}?query={__typename}`)).headers.get('content-type')).toContain('json')

  await using beyond = createServer({ logger, agents, database: ':memory:', authenticate: testPrincipals })
  const { url } = await beyond.listen({ port: 0, host: '0.0.0.0' })
  expect((await fetch(`${url}/graphql`, { headers: browser })).status).toBe(401)
})
