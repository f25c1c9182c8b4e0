import { once } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { agents } from '../support/echo-agents.ts'
import { testPrincipals } from '../support/principals.ts'
import { type Message, openSocket, type RawSocket, rawSocket } from '../support/raw-socket.ts'
import { testServer } from '../support/test-server.ts'

// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, rule by rule, and what RFC 6455 says below it.

const api = await testServer({
  agents,
  authenticate(token, request, actingFor) {
    if (token === 'trouble') throw new Error('The directory is down')
    return testPrincipals(token, request, actingFor)
  },
})
afterAll(() => api[Symbol.asyncDispose]())

const subscribe = (id: string, query: string): Message => ({ id, type: 'subscribe', payload: { query } })
const watch = (id: string) => subscribe(id, 'subscription { pendingApprovals { __typename } }')
const ask = (id: string) => subscribe(id, '{ __typename }')
const complete = (id: string): Message => ({ id, type: 'complete' })
const start = (id: string, agentName: string, waitMs = 0) =>
  subscribe(
    id,
    `mutation { startRun(input: { agentName: "${agentName}", message: "Go", waitMs: ${waitMs} }) { ... on StartRunSuccess { run { status } } } }`,
  )
const isOf = (id: string, type?: string) => (message: Message) =>
  message.id === id && (type === undefined || message.type === type)
/** Until the subscription stands. */
async function watching(raw: RawSocket, id: string): Promise<RawSocket> {
  raw.send(watch(id))
  await raw.take(isOf(id, 'next'))
  return raw
}

describe('sub-protocol', () => {
  test('4406 without one', async () => {
    const socket = new WebSocket(api.endpoint.replace('http', 'ws'))
    expect(await once(socket, 'close')).toEqual([4406, Buffer.from('Subprotocol not acceptable')])
  })

  test('none is chosen where only others are offered, and the client gives up', async () => {
    const socket = new WebSocket(api.endpoint.replace('http', 'ws'), ['graphql-ws', 'soap'])
    const [error] = await once(socket, 'error')
    expect(error.message).toBe('Server sent no subprotocol')
  })

  test('graphql-transport-ws is chosen where it is offered among others', async () => {
    const socket = new WebSocket(api.endpoint.replace('http', 'ws'), ['graphql-ws', 'graphql-transport-ws'])
    await once(socket, 'open')
    expect(socket.protocol).toBe('graphql-transport-ws')
    socket.terminate()
  })
})

describe('connection_init', () => {
  test('4408 when it does not come within 5 s', async () => {
    using raw = await openSocket(api.endpoint)
    const began = performance.now()
    expect(await raw.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' })
    expect(performance.now() - began).toBeGreaterThan(4_900)
  })

  test.each(['after', 'before'])('4429 when it comes again, %s it was acknowledged', async (when) => {
    using raw = when === 'after' ? await rawSocket(api.endpoint) : await openSocket(api.endpoint)
    const init = { type: 'connection_init', payload: { authorization: 'Bearer admin-1' } }
    raw.sendAtOnce(...(when === 'after' ? [init] : [init, init]))
    expect(await raw.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' })
    expect(raw.untaken).toEqual([])
  })

  test('4403 for a token that nobody has, and for none', async () => {
    for (const payload of [{ authorization: 'Bearer nobody' }, {}, undefined]) {
      using raw = await openSocket(api.endpoint)
      raw.send({ type: 'connection_init', payload })
      expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' })
    }
  })

  test('4500 when nobody can say who asks', async () => {
    using raw = await openSocket(api.endpoint)
    raw.send({ type: 'connection_init', payload: { authorization: 'Bearer trouble' } })
    expect(await raw.closed).toEqual({ code: 4500, reason: 'Internal server error' })
  })
})

describe('ping and pong', () => {
  test('a ping is answered with a pong of the same payload, also before connection_init', async () => {
    using raw = await openSocket(api.endpoint)
    raw.send({ type: 'ping', payload: { n: 1 } })
    expect(await raw.take(({ type }) => type === 'pong')).toEqual({ type: 'pong', payload: { n: 1 } })
    raw.send({ type: 'ping' })
    expect(await raw.take(({ type }) => type === 'pong')).toEqual({ type: 'pong' })
  })

  test('a pong that nobody asked for is no mistake', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.send({ type: 'pong', payload: { n: 1 } })
    await raw.heard()
    expect(raw.socket.readyState).toBe(WebSocket.OPEN)
  })

  test('a ping frame is answered with a pong frame of the same bytes', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.socket.ping('still there?')
    expect(await once(raw.socket, 'pong')).toEqual([Buffer.from('still there?')])
  })
})

describe('subscribe', () => {
  test('4401 before connection_init, and before it is acknowledged', async () => {
    const init = { type: 'connection_init', payload: { authorization: 'Bearer admin-1' } }
    for (const messages of [[ask('1')], [init, ask('1')]]) {
      using raw = await openSocket(api.endpoint)
      raw.sendAtOnce(...messages)
      expect(await raw.closed).toEqual({ code: 4401, reason: 'Unauthorized' })
    }
  })

  test.each([
    ['', 'watch', 'Subscriber for watch already exists'],
    [', however long the id is', 'ä'.repeat(10_000), 'Subscriber already exists'],
  ])('4409 when an operation of that id is open%s', async (_, id, reason) => {
    using raw = await watching(await rawSocket(api.endpoint), id)
    raw.send(ask(id))
    expect(await raw.closed).toEqual({ code: 4409, reason })
  })

  test('an id of any text is one', async () => {
    using raw = await rawSocket(api.endpoint)
    for (const id of ['__proto__', 'constructor', ' ', '\u0000', '🦜', '\ud800']) {
      raw.send(ask(id))
      expect(await raw.take(isOf(id))).toMatchObject({ type: 'next' })
      expect(await raw.take(isOf(id))).toEqual({ id, type: 'complete' })
    }
  })

  test('an error is the last message of its operation, and its id is free', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.send(subscribe('1', '{ nothing }'))
    expect(await raw.take(isOf('1'))).toMatchObject({ type: 'error', payload: [{ message: expect.any(String) }] })
    raw.send(ask('1'))
    expect(await raw.take(isOf('1'))).toEqual({ id: '1', type: 'next', payload: { data: { __typename: 'Query' } } })
    expect(await raw.take(isOf('1'))).toEqual({ id: '1', type: 'complete' })
  })

  test('RATE_LIMITED is the answer to the 101st operation at once; it fails alone, and goes once another is complete', async () => {
    using raw = await rawSocket(api.endpoint)
    const ids = Array.from({ length: 100 }, (_, n) => `${n}`)
    raw.sendAtOnce(...ids.map(watch))
    for (const id of ids) await raw.take(isOf(id, 'next'))
    raw.send(watch('one more'))
    expect(await raw.take(isOf('one more'))).toEqual({
      id: 'one more',
      type: 'error',
      payload: [
        {
          message: 'More than 100 operations are open on this socket: complete some first.',
          extensions: { code: 'RATE_LIMITED' },
        },
      ],
    })
    raw.sendAtOnce(complete('7'), watch('one more'))
    expect(await raw.take(isOf('one more'))).toMatchObject({ type: 'next' })
    expect(raw.untaken).toEqual([])
  })
})

describe('complete', () => {
  test('by the client ends the subscription, and nothing comes after it', async () => {
    using raw = await watching(await rawSocket(api.endpoint), '1')
    const before = api.server.liveSubscriptions
    raw.send(complete('1'))
    await raw.heard()
    await expect.poll(() => api.server.liveSubscriptions).toBe(before - 1)
    await api.data('mutation { startRun(input: { agentName: "gated", message: "Hi", waitMs: 9000 }) { __typename } }')
    await raw.heard()
    expect(raw.untaken).toEqual([])
  })

  test('by the server follows the last result', async () => {
    const { startRun } = await api.data(
      'mutation { startRun(input: { agentName: "echo", message: "Hi", waitMs: 9000 }) { ... on StartRunSuccess { run { id } } } }',
    )
    using raw = await rawSocket(api.endpoint)
    raw.send(subscribe('1', `subscription { runEvents(runId: "${startRun.run.id}") { __typename } }`))
    await raw.take(isOf('1', 'complete'))
    expect(raw.untaken.at(-1)).toMatchObject({ payload: { data: { runEvents: { __typename: 'RunCompleted' } } } })
  })

  test('of what is complete, or never was, is no mistake', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.send(ask('1'))
    await raw.take(isOf('1', 'complete'))
    raw.sendAtOnce(complete('1'), complete('2'))
    await raw.heard()
    expect(raw.socket.readyState).toBe(WebSocket.OPEN)
  })

  test('frees the id at once: the next subscription of that id lives', async () => {
    using raw = await watching(await rawSocket(api.endpoint), '1')
    raw.sendAtOnce(complete('1'), watch('1'), complete('1'), watch('1'))
    await raw.take(isOf('1', 'next'))
    await api.data('mutation { startRun(input: { agentName: "gated", message: "Hi", waitMs: 9000 }) { __typename } }')
    expect(await raw.take(isOf('1'))).toMatchObject({
      type: 'next',
      payload: { data: { pendingApprovals: { __typename: 'PendingApprovalAdded' } } },
    })
    expect(raw.untaken).toEqual([])
  })

  test('of a mutation under way leaves its result to nobody, least of all to the next operation of that id', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.sendAtOnce(start('1', 'slow', 9_000), complete('1'), watch('1'))
    const payload = { data: { pendingApprovals: { __typename: 'PendingApprovalsSnapshot' } } }
    expect(await raw.take(isOf('1'))).toEqual({ id: '1', type: 'next', payload })
    raw.send(start('2', 'slow', 9_000))
    await raw.take(isOf('2', 'complete'))
    expect(raw.untaken).toMatchObject([{ id: '2' }])
  })
})

describe('what is no message', () => {
  const bad: [string, string | Buffer][] = [
    ['no JSON', 'nonsense'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['no type', '{"id":"1"}'],
    ['a type that is no text', '{"type":1}'],
    ['a type of the older protocol', '{"type":"start","id":"1","payload":{"query":"{ __typename }"}}'],
    ['a type that only servers send, next', '{"type":"next","id":"1","payload":{}}'],
    ['a type that only servers send, error', '{"type":"error","id":"1","payload":[{"message":"no"}]}'],
    ['a type that only servers send, connection_ack', '{"type":"connection_ack"}'],
    ['a subscribe without an id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
    ['a subscribe with an empty id', '{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}'],
    ['a subscribe with a number for id', '{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}'],
    ['a subscribe without a payload', '{"type":"subscribe","id":"1"}'],
    ['a subscribe without a query', '{"type":"subscribe","id":"1","payload":{}}'],
    ['a list of variables', '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}'],
    ['a number for operationName', '{"type":"subscribe","id":"1","payload":{"query":"{ a }","operationName":1}}'],
    ['a text for extensions', '{"type":"subscribe","id":"1","payload":{"query":"{ a }","extensions":"x"}}'],
    ['a complete without an id', '{"type":"complete"}'],
    ['a ping with a list', '{"type":"ping","payload":[]}'],
    ['a connection_init with a text', '{"type":"connection_init","payload":"x"}'],
    ['brackets without an end', '['.repeat(500_000)],
    ['a binary frame', Buffer.from(JSON.stringify(ask('1')))],
  ]
  test.each(bad)('4400 for %s, and nobody else’s socket is closed', async (_, sent) => {
    using other = await rawSocket(api.endpoint)
    using raw = await rawSocket(api.endpoint)
    raw.socket.send(sent)
    expect(await raw.closed).toMatchObject({ code: 4400, reason: expect.stringMatching(/message/i) })
    expect(raw.untaken).toEqual([])
    other.send(ask('1'))
    await other.take(isOf('1', 'complete'))
  })

  test('1009 for a message of more than 1 MB; one of 1 MB is taken', async () => {
    using raw = await rawSocket(api.endpoint)
    const empty = JSON.stringify(subscribe('1', '{ __typename } #')).length
    raw.send(subscribe('1', `{ __typename } #${'x'.repeat(1024 * 1024 - empty)}`))
    await raw.take(isOf('1', 'complete'))
    raw.send(subscribe('2', `{ __typename } #${'x'.repeat(1024 * 1024 - empty + 1)}`))
    expect(await raw.closed).toMatchObject({ code: 1009 })
  })

  test('1007 for text that is no UTF-8', async () => {
    using raw = await rawSocket(api.endpoint)
    raw.socket.send(Buffer.from([0x7b, 0xc3, 0x28, 0x7d]), { binary: false })
    expect(await raw.closed).toMatchObject({ code: 1007 })
  })

  test('whatever comes after it is not done', async () => {
    const runs = async () => (await api.data('{ runs(first: 100) { edges { cursor } } }')).runs.edges.length
    using raw = await watching(await rawSocket(api.endpoint, 'requester-1'), '1')
    const [before, live] = [await runs(), api.server.liveSubscriptions]
    raw.sendAtOnce('nonsense', start('2', 'echo'))
    expect(await raw.closed).toMatchObject({ code: 4400 })
    await api.data('mutation { startRun(input: { agentName: "echo", message: "Hi", waitMs: 9000 }) { __typename } }')
    expect([await runs(), api.server.liveSubscriptions]).toEqual([before + 1, live - 1])
  })
})

test('a client that goes away takes its subscriptions with it', async () => {
  using raw = await watching(await rawSocket(api.endpoint), '1')
  await watching(raw, '2')
  const before = api.server.liveSubscriptions
  raw.socket.close()
  await expect.poll(() => api.server.liveSubscriptions).toBe(before - 2)
})
