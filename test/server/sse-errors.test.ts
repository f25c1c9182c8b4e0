import { createClient } from 'graphql-sse'
import { afterAll, expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const api = await testServer({ agents })
afterAll(() => api[Symbol.asyncDispose]())

const noRun = 'subscription { runEvents(runId: "run_00000000000000000000000000000000") { __typename } }'

test.each([
  ['that is not there', noRun, 'NOT_FOUND', /no such run/],
  ['that is not in the schema', 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED', /nothing/],
  ['that does not parse', 'subscription {', 'GRAPHQL_PARSE_FAILED', /Syntax Error/],
  ['with a bad id', 'subscription { runEvents(runId: "x", after: "y") { at } }', 'GRAPHQL_VALIDATION_FAILED', /Int/],
])('a client of Server-Sent Events reads message and code of what it asked %s', async (_, query, code, message) => {
  const { done, value } = await api.sse(query).next()
  expect(done).toBe(false)
  expect(value.errors).toMatchObject([{ message: expect.stringMatching(message), extensions: { code } }])
})

test('a client of Server-Sent Events whom nobody knows is answered with 401', async () => {
  const sse = createClient({ url: api.endpoint, headers: { authorization: 'Bearer nobody' }, retryAttempts: 0 })
  await expect(sse.iterate({ query: noRun }).next()).rejects.toMatchObject({ response: { status: 401 } })
  sse.dispose()
})

test('who would take JSON too is told by the status', async () => {
  const headers = { authorization: 'Bearer requester-1', accept: 'text/event-stream, application/json' }
  expect((await api.post({ query: noRun }, headers)).status).toBe(404)
})

test('a subscription of who takes no events is refused with what to send, and nothing of it stays open', async () => {
  const query = 'subscription { pendingApprovals { at } }'
  const charsets = ['charset=utf-16', 'xcharset=utf-16', 'x="charset=utf-8"'].map((one) => `text/event-stream;${one}`)
  const others = ['application/json', 'application/graphql-response+json', 'text/html', 'multipart/mixed']
  for (const accept of [...others, ...charsets, '*/*;acharset=1']) {
    const response = await api.post({ query }, { authorization: 'Bearer requester-1', accept })
    expect(response.status).toBe(406)
    expect((await response.json()).errors).toMatchObject([
      { message: expect.stringMatching(/Accept: .*text\/event-stream/), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    expect(api.server.liveSubscriptions).toBe(0)
  }
})

test('a mutation of who takes no answer that there is does nothing', async () => {
  const query = 'mutation { startRun(input: { agentName: "echo", message: "hi" }) { __typename } }'
  const response = await api.post({ query }, { authorization: 'Bearer requester-1', accept: 'text/html, image/*' })
  expect(response.status).toBe(406)
  expect((await response.json()).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  expect((await api.data('{ runs { totalCount { count } } }', {}, 'admin-1')).runs.totalCount.count).toBe(0)
})
