import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { agents } from '../support/echo-agents.ts'
import { openSocket, type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { testServer } from '../support/test-server.ts'

test('W7 a bad operation on a socket fails alone: everything else on it goes on', async () => {
  await using api = await testServer({ agents })
  using socket = await rawSocket(api.endpoint)
  socket.send({
    id: 'watch',
    type: 'subscribe',
    payload: { query: 'subscription { pendingApprovals { __typename } }' },
  })
  await socket.take(({ id, type }) => id === 'watch' && type === 'next')

  const bad: [string, unknown, string][] = [
    ['a syntax error', { query: 'subscription {' }, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', { query: 'subscription { nothing }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['200 levels', { query: `{ ${'node(id: "x") { '.repeat(200)} id ${'}'.repeat(201)}` }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      '10,000 aliases',
      { query: `{ ${Array.from({ length: 10_000 }, (_, n) => `a${n}: __typename`).join(' ')} }` },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['no operation', { query: 'fragment A on Query { __typename }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['two operations and no name', { query: 'query A { __typename } query B { __typename }' }, 'BAD_USER_INPUT'],
    [
      'variables that do not fit',
      { query: 'query ($first: Int!) { runs(first: $first) { edges { cursor } } }', variables: {} },
      'BAD_USER_INPUT',
    ],
    [
      'a subscription to what is not there',
      { query: 'subscription { runEvents(runId: "run_00000000000000000000000000000000") { at } }' },
      'NOT_FOUND',
    ],
  ]
  for (const [what, payload, code] of bad) {
    socket.send({ id: what, type: 'subscribe', payload })
    const { type, payload: answer } = await socket.take(({ id }) => id === what)
    const errors = type === 'error' ? answer : (answer as { errors: unknown }).errors
    expect([what, errors]).toEqual([what, [expect.objectContaining({ extensions: { code } })]])
  }
  await api.data('mutation { startRun(input: { agentName: "gated", message: "Hello" }) { __typename } }')
  await socket.take(
    ({ id, type, payload }) =>
      id === 'watch' && type === 'next' && JSON.stringify(payload).includes('PendingApprovalAdded'),
  )
  expect(socket.socket.readyState).toBe(WebSocket.OPEN)
})

test('W7 queries and mutations run over the socket too, each with its own context', async () => {
  await using api = await testServer({ agents })
  const start =
    'mutation { startRun(input: { agentName: "echo", message: "Hello", waitMs: 10000 }) { ... on StartRunSuccess { run { output } } } }'
  expect(await api.subscribe(start).data()).toEqual({ startRun: { run: { output: 'Hello.' } } })
  expect(await api.subscribe('{ agent(name: "echo") { name } }').data()).toEqual({ agent: { name: 'echo' } })
})

test('the 1,001st WebSocket of one principal is closed with a reason, until another of theirs is; nobody else’s is', {
  timeout: 180_000,
}, async () => {
  await using api = await testServer({ agents })
  using held = new DisposableStack()
  const open = async (token: string) => held.use(await rawSocket(api.endpoint, token))
  const all: RawSocket[] = []
  while (all.length < 1_000) {
    all.push(...(await Promise.all(Array.from({ length: 100 }, () => open('requester-1')))))
  }
  const knock = async () => {
    const raw = held.use(await openSocket(api.endpoint))
    raw.send({ type: 'connection_init', payload: { authorization: 'Bearer requester-1' } })
    return Promise.race([raw.closed, raw.take(({ type }) => type === 'connection_ack')])
  }
  // 1013: the client may try again, and graphql-ws does.
  expect(await knock()).toEqual({
    code: 1013,
    reason: 'More than 1000 WebSockets of yours are open here: close some first',
  })
  await open('requester-2')
  await open('requester-1@two')
  all[0]?.socket.close()
  await all[0]?.closed
  expect(await knock()).toEqual({ type: 'connection_ack' })
  expect(await knock()).toMatchObject({ code: 1013 })
})

test('a WebSocket anywhere but at /graphql is refused', async () => {
  await using api = await testServer({ agents })
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/elsewhere`, 'graphql-transport-ws')
  const [error] = await once(socket, 'error')
  expect(error.message).toContain('404')
})
