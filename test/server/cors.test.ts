import { expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const page = 'https://console.example.com'
const other = 'https://other.example.com'
const token = { authorization: 'Bearer requester-1' }
const query = { query: '{ viewer { tenant } }' }

const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
const preflight = (endpoint: string, origin: string) =>
  fetch(endpoint, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  })

test('a page of an allowed origin may ask with a token, and read answers, refusals too', async () => {
  await using api = await testServer({ agents, allowedOrigins: [page, other] })
  const asked = await preflight(api.endpoint, page)
  expect([asked.status, corsOf(asked)]).toEqual([
    204,
    {
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'Authorization, Content-Type, Acting-For, X-Request-Id',
      'access-control-max-age': '600',
      'access-control-expose-headers': 'X-Request-Id, Retry-After',
    },
  ])
  for (const [headers, status] of [
    [token, 200],
    [{}, 401],
  ] as const) {
    const answer = await api.post(query, { ...headers, origin: page })
    expect([answer.status, corsOf(answer)]).toEqual([
      status,
      { 'access-control-allow-origin': page, 'access-control-expose-headers': 'X-Request-Id, Retry-After' },
    ])
    expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/)
  }
  const events = await api.post(
    { query: 'subscription { pendingApprovals { __typename } }' },
    {
      ...token,
      origin: page,
      accept: 'text/event-stream',
    },
  )
  expect(corsOf(events)).toMatchObject({ 'access-control-allow-origin': page })
  await events.body?.cancel()
})

test.each([
  ['that no list has', [], page],
  ['beside those allowed', [page, 'http://localhost:5173'], other],
  ['that is `null`', [page], 'null'],
  ['by another port', [page], `${page}:8443`],
  ['that begins as one allowed', [page], `${page}.evil.example`],
])('a page of an origin %s is told nothing, and caches are told that it depends', async (_, allowedOrigins, origin) => {
  await using api = await testServer({ agents, allowedOrigins })
  const asked = await preflight(api.endpoint, origin)
  expect([asked.ok, corsOf(asked)]).toEqual([false, {}])
  const answer = await api.post(query, { ...token, origin })
  expect(corsOf(answer)).toEqual({})
  expect(/\bOrigin\b/.test(answer.headers.get('vary') ?? '')).toBe(allowedOrigins.length > 0)
})

test('while nobody has to sign in no origin is told anything, whatever is allowed', async () => {
  await using api = await testServer({ agents, authenticate: null, allowedOrigins: [page] })
  for (const answer of [await preflight(api.endpoint, page), await api.post(query, { origin: page })])
    expect([answer.status, corsOf(answer)]).toEqual([403, {}])
})

test('no request that a page’s browser sends without asking first does anything (CSRF), signed in or open', async () => {
  const start = 'mutation { startRun(input: { agentName: "echo", message: "Hello." }) { __typename } }'
  const fromPage = { origin: other, 'sec-fetch-site': 'cross-site', cookie: 'session=requester-1' }
  for (const authenticate of [undefined, null]) {
    await using api = await testServer({ agents, ...(authenticate === null && { authenticate }) })
    const form = new FormData()
    form.set('operations', JSON.stringify({ query: start }))
    const simple: RequestInit[] = [
      ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/graphql'].map(
        (type) => ({ method: 'POST', body: JSON.stringify({ query: start }), headers: { 'content-type': type } }),
      ),
      { method: 'POST', body: new URLSearchParams({ query: start }) },
      { method: 'POST', body: form },
      // A Blob without a type has none.
      { method: 'POST', body: new Blob([JSON.stringify({ query: start })]) },
    ]
    for (const { headers, ...request } of simple) {
      // As if the page had a token too, it is the type that is refused.
      for (const more of [fromPage, ...(authenticate === null ? [{}] : [token])]) {
        const response = await fetch(api.endpoint, { ...request, headers: { ...headers, ...more } })
        expect([400, 401, 403, 415]).toContain(response.status)
      }
    }
    for (const headers of [fromPage, { 'sec-fetch-site': 'cross-site' }]) {
      const response = await fetch(`${api.endpoint}?${new URLSearchParams({ query: start })}`, { headers })
      expect([401, 403]).toContain(response.status)
    }
    const by = authenticate === null ? null : 'admin-1'
    expect(await api.data('{ runs { totalCount { count } } }', {}, by)).toEqual({ runs: { totalCount: { count: 0 } } })
  }
})
