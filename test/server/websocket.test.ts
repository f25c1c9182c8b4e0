import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

type Message = { id?: string; type: string; payload?: unknown }

/** A socket that sends what it is told, also what no client would. */
async function rawSocket(endpoint: string, token = 'admin-1') {
  const socket = new WebSocket(endpoint.replace('http', 'ws'), 'graphql-transport-ws')
  const messages: Message[] = []
  let arrived = () => {}
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)))
    arrived()
  })
  await once(socket, 'open')
  const send = (message: Message) => socket.send(JSON.stringify(message))
  /** The first message not yet taken that this holds for. */
  const take = async (holds: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const index = messages.findIndex(holds)
      const [message] = index < 0 ? [] : messages.splice(index, 1)
      if (message) return message
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
    }
  }
  send({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } })
  await take(({ type }) => type === 'connection_ack')
  return { socket, send, take, [Symbol.dispose]: () => socket.terminate() }
}

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

test('a client that does not speak graphql-transport-ws is closed', async () => {
  await using api = await testServer({ agents })
  const closed = (protocols: string[]) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(api.endpoint.replace('http', 'ws'), protocols)
      // ws itself gives up when the server chose none of its protocols.
      socket.on('error', () => {})
      socket.on('close', resolve)
    })
  expect(await closed([])).toBe(4406)
  expect(await closed(['graphql-ws'])).toBe(1006)
})

test('what is no message closes its socket, and nobody else’s', async () => {
  await using api = await testServer({ agents })
  using other = await rawSocket(api.endpoint)
  const closed = async (send: (socket: WebSocket) => void) => {
    using raw = await rawSocket(api.endpoint)
    send(raw.socket)
    const [code] = await once(raw.socket, 'close')
    return code
  }
  expect(await closed((socket) => socket.send('nonsense'))).toBe(4400)
  expect(await closed((socket) => socket.send('x'.repeat(3 * 1024 * 1024)))).toBe(1009)
  other.send({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } })
  await other.take(({ id, type }) => id === '1' && type === 'complete')
})

test('a WebSocket anywhere but at /graphql is refused', async () => {
  await using api = await testServer({ agents })
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/elsewhere`, 'graphql-transport-ws')
  const [error] = await once(socket, 'error')
  expect(error.message).toContain('404')
})
