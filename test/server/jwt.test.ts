import { expect, test } from 'vitest'
import { keysOf } from '../support/api-keys.ts'
import { agents } from '../support/echo-agents.ts'
import { identityProvider } from '../support/identity-provider.ts'
import { logLines } from '../support/log-lines.ts'
import { testServer } from '../support/test-server.ts'

const viewer = '{ viewer { principal { id name } tenant roles } }'
const pending = 'subscription { pendingApprovals { __typename } }'

async function scene(state: 'up' | 'down' = 'up') {
  await using opening = new AsyncDisposableStack()
  const provider = opening.use(await identityProvider('RS256'))
  provider.be(state)
  const log = logLines()
  const api = opening.use(await testServer({ agents, authenticate: null, jwt: provider.options, logger: log.logger }))
  const opened = opening.move()
  return { provider, log, api, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

test('a token means the same principal over HTTP, SSE and WebSocket, and API keys are taken beside it', async () => {
  await using all = await scene()
  const { api, provider } = all
  const token = await provider.token({ sub: 'auth0|1', roles: 'APPROVER AUDITOR' })
  const principal = { id: 'prn_auth0|1', name: 'Alice' }
  const expected = { viewer: { principal, tenant: 'acme', roles: ['APPROVER', 'AUDITOR'] } }
  expect(await api.data(viewer, {}, token)).toEqual(expected)
  expect(await api.sse(viewer, {}, token).data()).toEqual(expected)
  expect(await api.subscribe(viewer, {}, token).data()).toEqual(expected)
  expect(api.server.open).toBe(false)
  const made = await keysOf(api.database).create()
  expect(await api.data(viewer, {}, made.token)).toMatchObject({ viewer: { roles: ['REQUESTER'] } })
})

test('a token that is not right is refused over every transport, and no line of the log has a part of one', async () => {
  await using all = await scene()
  const { api, provider, log } = all
  const good = await provider.token()
  await api.data(viewer, {}, good)
  const refused: [string | null, string][] = [
    [null, 'NO_TOKEN'],
    ['nobody', 'MALFORMED'],
    [await provider.token({ iss: 'https://evil.example/' }), 'WRONG_ISSUER'],
    [await provider.token({ roles: [] }), 'NO_ROLE'],
    [await provider.token({}, { alg: 'HS256', key: Buffer.from(String(provider.publicKey.n)) }), 'WRONG_ALGORITHM'],
    [good.replace(/.{8}$/, 'AAAAAAAA'), 'WRONG_SIGNATURE'],
    [await provider.token({ pad: 'x'.repeat(8_192) }), 'MALFORMED'],
  ]
  for (const [token, reason] of refused) {
    const before = log.lines().length
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
    expect((await api.post({ query: viewer }, headers)).status).toBe(401)
    expect((await api.post({ query: viewer }, { ...headers, accept: 'text/event-stream' })).status).toBe(401)
    await expect(api.subscribe(viewer, {}, token).next()).rejects.toMatchObject({ code: 4403 })
    const told = log.lines().slice(before)
    expect(told.map((line) => [line.msg, line.reason])).toEqual(Array(3).fill(['sign-in refused', reason]))
  }
  for (const token of [good, ...refused.map(([token]) => token)])
    for (const part of token?.split('.') ?? []) if (part.length > 20) expect(log.text()).not.toContain(part.slice(-20))
})

test('a token that ends closes its WebSocket with 4403 and its stream with a reason', async () => {
  await using all = await scene()
  const { api, provider } = all
  // It is good for as long as the provider's clock may be off.
  const token = await provider.token({}, { expiresIn: -8 })
  const sse = api.sse(pending, {}, token)
  await sse.data()
  const ws = api.subscribe(pending, {}, token)
  await ws.data()
  expect((await sse.next()).value.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
  await expect(ws.next()).rejects.toMatchObject({ code: 4403, reason: 'Your token has expired' })
  expect((await api.post({ query: viewer }, { authorization: `Bearer ${token}` })).status).toBe(401)
})

test('while nobody can tell whose a token is, the answer is to try again: 503, or 1013', async () => {
  await using all = await scene('down')
  const { api, provider, log } = all
  const token = await provider.token()
  const response = await api.post({ query: viewer }, { authorization: `Bearer ${token}` })
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] })
  await expect(api.subscribe(viewer, {}, token).next()).rejects.toMatchObject({ code: 1013 })
  // Keys do not need the provider.
  const made = await keysOf(api.database).create()
  expect(await api.data(viewer, {}, made.token)).toMatchObject({ viewer: { tenant: 'acme' } })
  expect(log.lines().filter(({ level }) => Number(level) >= 50)).toEqual([])
})
