import { describe, expect, test, vi } from 'vitest'
import { newApiKey } from '../../src/access/api-key.ts'
import { keysOf } from '../support/api-keys.ts'
import type { Events } from '../support/client.ts'
import { agents } from '../support/echo-agents.ts'
import { logLines } from '../support/log-lines.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const viewer = '{ viewer { principal { id name } tenant roles } }'
const pending = 'subscription { pendingApprovals { __typename } }'

/** What all of the server says it does within "a few seconds" is done in these, in ms, on a slow machine too. */
const aFewSeconds = { timeout: 10_000, interval: 50 }

const statusOf = async (api: TestServer, token: string | null) =>
  (await api.post({ query: viewer }, token === null ? {} : { authorization: `Bearer ${token}` })).status

/** How a subscription ended: by the code of its socket, or by the reason in its stream. */
async function endOf(events: Events<unknown>): Promise<unknown> {
  try {
    for await (const { errors } of events) if (errors) return `${errors[0]?.extensions.code} ${errors[0]?.message}`
    return 'completed'
  } catch (error) {
    const { code, reason } = error as { code?: number; reason?: string }
    return `${code} ${reason}`
  }
}

async function isLive(events: Events<unknown>): Promise<boolean> {
  const next = events.next().catch(() => 'over')
  return (await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 50, 'live'))])) === 'live'
}

describe('with apiKeys', () => {
  const keyed = (logger = logLines().logger) => testServer({ agents, authenticate: null, apiKeys: true, logger })

  test('a key means the same principal over HTTP, SSE and WebSocket, and is seen at once', async () => {
    await using api = await keyed()
    expect(await statusOf(api, null)).toBe(401)
    const { key, token } = await keysOf(api.database).create({ name: 'nightly', tenant: 'two', roles: ['AUDITOR'] })
    const expected = {
      viewer: { principal: { id: `prn_${key.id}`, name: 'nightly' }, tenant: 'two', roles: ['AUDITOR'] },
    }
    expect(await api.data(viewer, {}, token)).toEqual(expected)
    expect(await api.sse(viewer, {}, token).data()).toEqual(expected)
    expect(await api.subscribe(viewer, {}, token).data()).toEqual(expected)
    const find = () => keysOf(api.database).find(key.id)
    await vi.waitFor(async () => expect((await find())?.lastUsedAt).toBeGreaterThan(key.createdAt - 1), aFewSeconds)
  })

  test('a key may stand for somebody, who cannot resolve what they requested by any of their keys', async () => {
    await using api = await keyed()
    const of = (roles: ('REQUESTER' | 'APPROVER')[]) => keysOf(api.database).create({ principal: 'ada', roles })
    const [asks, decides] = [await of(['REQUESTER']), await of(['APPROVER'])]
    const start = `mutation { startRun(input: { agentName: "gated", message: "Erase a.", waitMs: 20000 }) {
      ... on StartRunSuccess { run { approvals { edges { node { id } } } } } } }`
    const { startRun } = await api.data(start, {}, asks.token)
    const resolve = `mutation ($id: ID!) { resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { __typename } }`
    const id = startRun.run.approvals.edges[0].node.id
    expect(await api.data(resolve, { id }, decides.token)).toEqual({
      resolveApproval: { __typename: 'ForbiddenError' },
    })
  })

  test('what is no key, nobody’s, revoked or over is refused over every transport, and logged without a letter of it', async () => {
    const log = logLines()
    await using api = await keyed(log.logger)
    const keys = keysOf(api.database)
    const [mine, revoked, short] = [await keys.create(), await keys.create(), await keys.create({ expiresIn: 1 })]
    await keys.revoke(revoked.key.id)
    const wrong = newApiKey().token.slice(0, 20) + mine.token.slice(20)
    const refused: [string | null, string][] = [
      [null, 'NO_TOKEN'],
      [wrong, 'MALFORMED'],
      ['eyJhbGciOiJub25lIn0.e30.AAAA', 'MALFORMED'],
      [newApiKey().token, 'UNKNOWN_KEY'],
      [revoked.token, 'REVOKED'],
      [short.token, 'EXPIRED'],
    ]
    for (const [token, reason] of refused) {
      const before = log.lines().length
      const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
      const response = await api.post({ query: viewer }, { ...headers, 'x-request-id': 'mine-1' })
      expect([reason, response.status]).toEqual([reason, 401])
      expect(await response.text()).not.toMatch(/revoked|expired/i)
      expect((await api.post({ query: viewer }, { ...headers, accept: 'text/event-stream' })).status).toBe(401)
      await expect(api.subscribe(viewer, {}, token).next()).rejects.toMatchObject({ code: 4403 })
      const told = log.lines().slice(before)
      expect(told).toHaveLength(3)
      for (const line of told)
        expect(line).toMatchObject({
          level: 40,
          msg: 'sign-in refused',
          reason,
          address: expect.stringMatching(/127\.0\.0\.1$/),
        })
      expect(told.map(({ requestId }) => requestId)).toEqual(['mine-1', expect.any(String), expect.any(String)])
    }
    for (const [token] of refused) if (token) expect(log.text()).not.toContain(token.slice(20, 32))
  })

  test('a key that is revoked or over ends its streams and sockets with a reason, and nobody else’s', async () => {
    await using api = await keyed()
    const keys = keysOf(api.database)
    const [revoked, short, other] = [await keys.create(), await keys.create({ expiresIn: 3_000 }), await keys.create()]
    const open = async (token: string) => {
      const both = [api.sse(pending, {}, token), api.subscribe(pending, {}, token)]
      for (const one of both) await one.data()
      return both.map(endOf)
    }
    const others = [api.sse(pending, {}, other.token), api.subscribe(pending, {}, other.token)]
    for (const one of others) await one.data()
    const ends = [...(await open(revoked.token)), ...(await open(short.token))]
    await keys.revoke(revoked.key.id)
    await vi.waitFor(async () => expect(await statusOf(api, revoked.token)).toBe(401), aFewSeconds)
    expect(await Promise.all(ends)).toEqual([
      expect.stringMatching(/^UNAUTHENTICATED Your key has been revoked/),
      '4403 Your key has been revoked',
      expect.stringMatching(/^UNAUTHENTICATED Your token has expired/),
      '4403 Your token has expired',
    ])
    for (const one of others) expect(await isLive(one)).toBe(true)
  })

  test('any address may be listened on', async () => {
    await using api = await keyed()
    const { url } = await api.server.listen({ port: 0, host: '0.0.0.0' })
    expect((await fetch(`${url}/graphql`, { method: 'POST' })).status).toBe(401)
  })
})

describe('a server that is open', () => {
  const open = (logger = logLines().logger, database?: string) =>
    testServer({ agents, authenticate: null, logger, ...(database === undefined ? {} : { database }) })

  async function closesWithinSeconds(database?: string) {
    const log = logLines()
    await using api = await open(log.logger, database)
    expect([api.server.open, await statusOf(api, null)]).toEqual([true, 200])
    const strangers = [api.sse(pending, {}, null), api.subscribe(pending, {}, null)]
    for (const stranger of strangers) await stranger.data()
    const ends = strangers.map(endOf)
    const { token, key } = await keysOf(api.database).create()
    await vi.waitFor(async () => expect(await statusOf(api, null)).toBe(401), aFewSeconds)
    expect(await Promise.all(ends)).toEqual([
      expect.stringMatching(/^UNAUTHENTICATED This server asks for a key now/),
      '4403 This server asks for a key now',
    ])
    expect([api.server.open, await statusOf(api, token)]).toEqual([false, 200])
    expect(log.lines().filter(({ msg }) => String(msg).includes('everybody has to sign in'))).toHaveLength(1)

    // The last key that is revoked opens nothing, now or after a restart.
    await keysOf(api.database).revoke(key.id)
    await vi.waitFor(async () => expect(await statusOf(api, token)).toBe(401), aFewSeconds)
    await api.restart()
    // The client's old connection may only now find out that it is closed.
    await vi.waitFor(async () => expect(await statusOf(api, null)).toBe(401), aFewSeconds)
    expect(api.server.open).toBe(false)
  }

  test('closes within seconds after the first key is made, for good', () => closesWithinSeconds())

  test.skipIf(mongodbIsOff())('closes so on MongoDB too', { timeout: 60_000 }, async () => {
    await using database = mongoDatabase()
    await closesWithinSeconds(database.url)
  })

  test('closes at once to who comes with a key', async () => {
    await using api = await open()
    const { token } = await keysOf(api.database).create()
    expect(await api.data(viewer, {}, token)).toMatchObject({ viewer: { roles: ['REQUESTER'] } })
    expect([api.server.open, await statusOf(api, null)]).toEqual([false, 401])
  })

  test('stays open to a token that is no key of its database', async () => {
    await using api = await open()
    for (const token of [newApiKey().token, 'nobody']) expect(await statusOf(api, token)).toBe(200)
    expect(api.server.open).toBe(true)
  })

  test('lets nobody decide their own requests once it is closed, and answers to any name', async () => {
    await using api = await open()
    const keys = keysOf(api.database)
    const { token } = await keys.create({ roles: ['ADMIN'] })
    const start = `mutation { startRun(input: { agentName: "gated", message: "Erase a.", waitMs: 20000 }) {
      ... on StartRunSuccess { run { approvals { edges { node { viewerCanResolve } } } } } } }`
    const canResolve = async (token: string | null) =>
      (await api.data(start, {}, token)).startRun.run.approvals.edges[0].node.viewerCanResolve
    expect(await canResolve(null)).toBe(true)
    expect(await canResolve(token)).toBe(false)
    expect(
      (await api.post({ query: viewer }, { origin: 'https://console.example', authorization: `Bearer ${token}` }))
        .status,
    ).toBe(200)
  })
})
