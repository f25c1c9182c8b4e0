import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createClient } from 'graphql-ws'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testPrincipals } from '../support/principals.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'

const agentsModule = new URL('../support/echo-agents.ts', import.meta.url).pathname
const pending = 'subscription { pendingApprovals { __typename } }'
const start = (agentName: string) =>
  `mutation { startRun(input: { agentName: "${agentName}", message: "Hello", waitMs: 10000 }) { ... on StartRunSuccess { run { id status output } } } }`

test.each(['SIGTERM', 'SIGINT'] as const)(
  'W8 %s: subscriptions are complete over SSE and leave their socket over WebSocket, requests under way finish, exit 0 within the grace period',
  async (signal) => {
    await using server = await spawnServer({ agents: agentsModule })
    const sse = server.sse(pending)
    const ws = server.subscribe(pending)
    expect(await sse.data()).toEqual({ pendingApprovals: { __typename: 'PendingApprovalsSnapshot' } })
    await ws.data()
    const { startRun } = await server.data(
      'mutation { startRun(input: { agentName: "slow", message: "Hello" }) { ... on StartRunSuccess { run { id } } } }',
    )
    const events = server.sse(`subscription { runEvents(runId: "${startRun.run.id}") { __typename } }`)
    await events.data()
    const underWay = server.data(start('slow'))
    const overSocket = server.subscribe(start('slow')).data()
    await expect.poll(async () => (await server.data('{ runs { edges { cursor } } }')).runs.edges.length).toBe(3)

    const began = performance.now()
    const exited = server.kill(signal)
    expect((await sse.next()).done).toBe(true)
    await expect(ws.next()).rejects.toMatchObject({ code: 1001, reason: 'Going away' })
    expect(await underWay).toMatchObject({ startRun: { run: { status: 'RUNNING', output: null } } })
    expect(await overSocket).toMatchObject({ startRun: { run: { status: 'RUNNING', output: null } } })
    expect(await exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(5_000)
  },
)

test.each(['SIGTERM', 'SIGINT'] as const)(
  'W8 %s while clients wait in startRun and continueRun: each is answered at once with the run as it is',
  async (signal) => {
    const agents = new URL('endless-agents.ts', import.meta.url).pathname
    await using server = await spawnServer({ agents, env: { GRACE_MS: '8000' } })
    const { startRun: asked } = await server.data(
      'mutation { startRun(input: { agentName: "asks", message: "Hello", waitMs: 10000 }) { ... on StartRunSuccess { run { id requirements { callId } } } } }',
    )
    const { id, requirements } = asked.run
    const starting = server.data(
      'mutation { startRun(input: { agentName: "hangs", message: "Hello", waitMs: 30000 }) { ... on StartRunSuccess { run { status } } } }',
    )
    const answers = [{ callId: requirements[0].callId, decision: { approve: {} } }]
    const continuing = server.data(
      'mutation ($input: ContinueRunInput!) { continueRun(input: $input) { ... on ContinueRunSuccess { run { status } } } }',
      { input: { runId: id, answers, waitMs: 30_000 } },
    )
    const running = '{ runs(filter: { status: [RUNNING] }) { edges { cursor } } }'
    await expect.poll(async () => (await server.data(running)).runs.edges.length).toBe(2)

    const began = performance.now()
    const exited = server.kill(signal)
    expect(await starting).toEqual({ startRun: { run: { status: 'RUNNING' } } })
    expect(await continuing).toEqual({ continueRun: { run: { status: 'RUNNING' } } })
    expect(performance.now() - began).toBeLessThan(3_500)
    expect(await exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(9_500)
  },
)

test('W8 while requests under way finish, readiness fails and new work is refused with 503', async () => {
  const arrived = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  await using api = await testServer({
    agents,
    async authenticate(...asked) {
      if (asked[0] === 'requester-held') {
        arrived.resolve()
        await held.promise
      }
      return testPrincipals(...asked)
    },
  })
  const socket = createClient({
    url: api.endpoint.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: 'Bearer requester-1' },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError() {},
  })
  const ask = (query: string) => socket.iterate({ query }).next()
  expect((await ask('{ __typename }')).value).toEqual({ data: { __typename: 'Query' } })
  using late = await rawSocket(api.endpoint)
  const underWay = api.graphql('{ __typename }', {}, 'requester-held')
  await arrived.promise
  const closed = api.server.close()
  const ready = await fetch(`${api.url}/ready`)
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'unavailable', reason: 'it is stopping' }])
  expect((await fetch(`${api.url}/health`)).status).toBe(200)
  expect(await api.graphql('{ __typename }')).toMatchObject({
    errors: [{ extensions: { code: 'UNAVAILABLE', retryAfterMs: 1000 } }],
  })
  await expect(ask('{ __typename }')).rejects.toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
  late.send({ id: 'late', type: 'subscribe', payload: { query: pending } })
  expect(await late.closed).toEqual({ code: 1001, reason: 'Going away' })
  // Whoever follows something goes elsewhere with it, and is told of no failure.
  expect(late.untaken).toEqual([])
  held.resolve()
  expect(await underWay).toEqual({ data: { __typename: 'Query' } })
  await closed
  await expect(fetch(`${api.url}/ready`)).rejects.toThrow()
})

test('W8 while runs under way finish, readiness fails and says so', async () => {
  await using api = await testServer({ agents })
  const underWay = api.data(start('slow'))
  await expect.poll(async () => (await api.server.runs.list({ id: 'a', roles: ['ADMIN'] })).edges.length).toBe(1)
  const closed = api.server.close()
  const { startRun } = await underWay
  expect(startRun.run.status).toBe('RUNNING')
  expect((await fetch(`${api.url}/ready`)).status).toBe(503)
  await closed
  await expect(fetch(`${api.url}/ready`)).rejects.toThrow()
  await api.restart()
  expect(await api.data(`{ run(id: "${startRun.run.id}") { output } }`)).toEqual({ run: { output: 'Waited.' } })
})

test('W8 a request that does not finish in time does not keep the process', async () => {
  await using server = await spawnServer({ agents: agentsModule, env: { GRACE_MS: '600' } })
  const hanging = server.data(
    `mutation { startRun(input: { agentName: "endless", message: "Hello", waitMs: 30000 }) { __typename } }`,
  )
  hanging.catch(() => {})
  await expect.poll(async () => (await server.data('{ runs { edges { node { status } } } }')).runs.edges.length).toBe(1)
  const began = performance.now()
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('a second signal ends the process at once', async () => {
  await using server = await spawnServer({ agents: agentsModule, env: { GRACE_MS: '60000' } })
  const hanging = server.data(
    `mutation { startRun(input: { agentName: "endless", message: "Hello", waitMs: 30000 }) { __typename } }`,
  )
  hanging.catch(() => {})
  await expect.poll(async () => (await server.data('{ runs { edges { node { status } } } }')).runs.edges.length).toBe(1)
  server.process.kill('SIGTERM')
  await expect.poll(async () => (await fetch(`${server.url}/ready`)).status).toBe(503)
  expect(await server.kill('SIGTERM')).toEqual({ code: 143, signal: null })
})

test('after a restart on the same database everything is there', async () => {
  await using api = await testServer({ agents })
  const { startRun } = await api.data(start('gated'))
  expect(startRun.run.status).toBe('PAUSED')
  await api.restart()
  const { approvals } = await api.data('{ approvals { edges { node { id run { id } } } } }', {}, 'approver-1')
  expect(approvals.edges).toMatchObject([{ node: { run: { id: startRun.run.id } } }])
})

test('a process that is killed leaves a database that the next one takes up', async () => {
  const options = { agents: agentsModule, authenticated: true }
  await using first = await spawnServer(options)
  await first.data(start('gated'), {}, 'requester-1')
  expect(await first.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
  await using second = await spawnServer({ ...options, database: first.database })
  const { approvals } = await second.data('{ approvals { edges { node { requestedBy { id } } } } }', {}, 'approver-1')
  expect(approvals.edges).toEqual([{ node: { requestedBy: { id: 'prn_requester-1' } } }])
})

test('a server that is closed while it starts does not stay open', async () => {
  using directory = temporaryDirectory()
  const database = `file:${join(directory.path, 'test.db')}`
  const server = createServer({ agents, database, logger: createLog('silent') })
  await Promise.all([server.start(), server.close()])
  await using next = createServer({ agents, database, logger: createLog('silent') })
  await next.start()
})

test('a client that goes away in the middle of its answer is waited for no more', async () => {
  await using api = await testServer({ agents, graceMs: 240_000 })
  const { startRun } = await api.data(
    'mutation ($input: StartRunInput!) { startRun(input: $input) { ... on StartRunSuccess { run { id } } } }',
    { input: { agentName: 'echo', message: 'x'.repeat(1_000_000) } },
    'requester-1',
  )
  const messages = Array.from({ length: 10 }, (_, index) => `a${index}: run(id: "${startRun.run.id}") { message }`)
  const body = JSON.stringify({ query: `{ ${messages.join(' ')} }` })
  const { host, hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  const lines = [
    'POST /graphql HTTP/1.1',
    `Host: ${host}`,
    'Authorization: Bearer requester-1',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  await once(socket, 'readable')
  socket.resetAndDestroy()
  await api.server.close()
})
