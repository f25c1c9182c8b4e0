import { describe, expect, test } from 'vitest'
import { newApiKey } from '../../src/access/api-key.ts'
import type { Authenticate } from '../../src/access/authenticate.ts'
import { keysOf } from '../support/api-keys.ts'
import { agents } from '../support/echo-agents.ts'
import { logLines } from '../support/log-lines.ts'
import { testPrincipals } from '../support/principals.ts'
import { openSocket } from '../support/raw-socket.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const viewer = '{ viewer { principal { id } } }'
const start = 'mutation { startRun(input: { agentName: "echo", message: "Hello." }) { __typename } }'
const limited = {
  code: 'RATE_LIMITED',
  retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000),
}

describe('runs that are started', () => {
  const twoAMinute = { rateLimits: { startRunPerMinute: 2 } }

  test('are counted by principal, over every transport together, and one too many is RATE_LIMITED', async () => {
    const log = logLines()
    await using api = await testServer({ agents, logger: log.logger, ...twoAMinute })
    await api.data(start, {}, 'requester-1')
    await api.sse(start, {}, 'requester-1').data()
    const refusals = [
      await api.graphql(start, {}, 'requester-1'),
      (await api.sse(start, {}, 'requester-1').next()).value,
      (await api.subscribe(start, {}, 'requester-1').next()).value,
    ]
    for (const { data, errors } of refusals) {
      expect(data).toBeNull()
      expect(errors).toEqual([
        expect.objectContaining({
          message: expect.stringMatching(/^You start more than 2 runs a minute: try again in \d+ s\.$/),
          path: ['startRun'],
          extensions: limited,
        }),
      ])
    }
    // Others, also of the same id in another tenant, and what else one does.
    for (const who of ['requester-2', 'requester-1@two']) await api.data(start, {}, who)
    await api.data(viewer, {}, 'requester-1')
    expect(await api.data('{ runs { totalCount { count } } }')).toEqual({ runs: { totalCount: { count: 2 } } })
    const lines = log.lines().filter(({ msg }) => msg === 'operation refused')
    const who = {
      operation: 'startRun',
      principal: 'prn_requester-1',
      tenant: 'default',
      requestId: expect.any(String),
    }
    expect(lines).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ ...who, level: 40, reason: 'RATE_LIMITED' })),
    )
  })

  test('are counted one by one also in one mutation', async () => {
    await using api = await testServer({ agents, ...twoAMinute })
    const three = ['a', 'b', 'c'].map((name) => start.replace('mutation { ', `${name}: `).replace(/ }$/, '')).join(' ')
    const { errors } = await api.graphql(`mutation { ${three} }`)
    expect(errors).toMatchObject([{ path: ['c'], extensions: limited }])
  })

  test('are not counted without a limit, by the library, and while nobody has to sign in', async () => {
    await using open = await testServer({ agents, authenticate: null, ...twoAMinute })
    for (let run = 0; run < 4; run++) await open.data(start, {}, null)
    await using free = await testServer({ agents, rateLimits: { startRunPerMinute: 0 } })
    for (let run = 0; run < 4; run++) await free.data(start)
    await using api = await testServer({ agents, ...twoAMinute })
    const requester = { id: 'requester-1', roles: ['REQUESTER' as const] }
    for (let run = 0; run < 4; run++) await api.server.runs.start(requester, { agentName: 'echo', message: 'Hello.' })
  })
})

describe('sign-ins that fail', () => {
  const ask = (api: TestServer, token: string | null, headers = {}) =>
    api.post({ query: viewer }, { ...headers, ...(token !== null && { authorization: `Bearer ${token}` }) })
  const statusOf = async (api: TestServer, token: string | null) => (await ask(api, token)).status
  async function closureOf(api: TestServer, token: string) {
    using raw = await openSocket(api.endpoint)
    raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    return await raw.closed
  }
  const twoAMinute = { rateLimits: { failedSignInsPerMinute: 2 } }

  test('are counted by address: beyond the limit tokens that were not good here are not looked at, over every transport', async () => {
    const log = logLines()
    const looked: (string | null)[] = []
    const authenticate: Authenticate = (token, ...more) => {
      looked.push(token)
      return testPrincipals(token, ...more)
    }
    await using api = await testServer({ agents, authenticate, logger: log.logger, ...twoAMinute })
    expect(await statusOf(api, 'requester-1')).toBe(200)
    expect(await statusOf(api, 'guess-1')).toBe(401)
    expect(await closureOf(api, 'guess-2')).toEqual({ code: 4403, reason: 'Forbidden' })
    looked.length = 0
    const answer = await ask(api, 'guess-3')
    expect([answer.status, Number(answer.headers.get('retry-after'))]).toEqual([
      429,
      expect.toSatisfy((s) => s > 0 && s <= 30),
    ])
    const message = /^Too many sign-ins from your address failed: try again in \d+ s\.$/
    expect(await answer.json()).toEqual({ errors: [{ message: expect.stringMatching(message), extensions: limited }] })
    expect((await ask(api, 'guess-3', { accept: 'text/event-stream' })).status).toBe(429)
    expect(await closureOf(api, 'guess-3')).toEqual({ code: 1013, reason: expect.stringMatching(message) })
    expect(looked).toEqual([])
    const lines = log.lines().filter(({ msg }) => msg === 'sign-in refused')
    const line = { level: 40, operation: 'signIn', principal: null, address: expect.stringMatching(/127\.0\.0\.1$/) }
    expect(lines).toEqual(
      ['REFUSED', 'REFUSED', ...Array<string>(3).fill('RATE_LIMITED')].map((reason) =>
        expect.objectContaining({ ...line, reason }),
      ),
    )
    expect(log.text()).not.toMatch(/guess/)
  })

  test('lock nobody out whose token was good here, nor are they told a wrong thing who bring none', async () => {
    await using api = await testServer({ agents, ...twoAMinute })
    expect(await statusOf(api, 'requester-1')).toBe(200)
    for (let guess = 0; guess < 5; guess++) await statusOf(api, `guess-${guess}`)
    expect(await statusOf(api, 'requester-2')).toBe(429)
    expect(await statusOf(api, 'requester-1')).toBe(200)
    expect(await api.subscribe(viewer, {}, 'requester-1').data()).toEqual({
      viewer: { principal: { id: 'prn_requester-1' } },
    })
    expect(await statusOf(api, null)).toBe(401)
  })

  test('do not count where nobody guesses: without a token, and with keys that were good once', async () => {
    await using api = await testServer({ agents, authenticate: null, apiKeys: true, ...twoAMinute })
    const keys = keysOf(api.database)
    const [good, revoked, short] = [await keys.create(), await keys.create(), await keys.create({ expiresIn: 1 })]
    await keys.revoke(revoked.key.id)
    for (let times = 0; times < 3; times++)
      for (const token of [null, revoked.token, short.token]) expect(await statusOf(api, token)).toBe(401)
    for (const expected of [401, 401, 429]) expect(await statusOf(api, newApiKey().token)).toBe(expected)
    expect(await statusOf(api, good.token)).toBe(429)
  })

  test('may be as many as they like when there is no limit', async () => {
    await using api = await testServer({ agents, rateLimits: { failedSignInsPerMinute: 0 } })
    for (let guess = 0; guess < 5; guess++) expect(await statusOf(api, `guess-${guess}`)).toBe(401)
  })
})
