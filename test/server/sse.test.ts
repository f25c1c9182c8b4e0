import { once } from 'node:events'
import { afterAll, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const pending = 'subscription { pendingApprovals { __typename ... on PendingApprovalsSnapshot { approvals { id } } } }'
const propose =
  'mutation { startRun(input: { agentName: "gated", message: "Go", waitMs: 9000 }) { ... on StartRunSuccess { run { id } } } }'

const api = await testServer({ agents, authenticate: null })
afterAll(() => api[Symbol.asyncDispose]())

test.each(['POST', 'GET'])(
  'by %s: an event stream that no proxy is to keep, change or hold back, with a heartbeat',
  async (method) => {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json' }
    const response = await (method === 'POST'
      ? fetch(api.endpoint, { method, headers, body: JSON.stringify({ query: pending }) })
      : fetch(`${api.endpoint}?query=${encodeURIComponent(pending)}`, { headers }))
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    // Every 12 s; with NODE_ENV=test every 300 ms.
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (/event: next\ndata: .*\n\n(:\n\n){2}/s.test(text)) break
    }
    expect(text).toMatch(/^:\n\n/)
  },
)

test('other answers may be kept and buffered as the proxy likes', async () => {
  const { headers } = await api.post({ query: '{ __typename }' })
  expect([headers.get('cache-control'), headers.get('x-accel-buffering')]).toEqual([null, null])
})

test('W2 W7 the EventSource of Node: told of what waits and of changes, cut off and connected again it gets a snapshot', async () => {
  const source = new EventSource(`${api.endpoint}?query=${encodeURIComponent(pending)}`)
  const events: AnyData[] = []
  let arrived = () => {}
  source.addEventListener('next', ({ data }) => {
    events.push(JSON.parse(data).data.pendingApprovals)
    arrived()
  })
  const count = async (count: number) => {
    while (events.length < count) await new Promise<void>((resolve) => (arrived = resolve))
  }
  await count(1)
  expect(events).toEqual([{ __typename: 'PendingApprovalsSnapshot', approvals: [] }])
  await api.data(propose)
  await count(2)
  expect(events[1]).toEqual({ __typename: 'PendingApprovalAdded' })

  const completed = once(source, 'complete')
  await api.restart()
  // It says that it is over, which an EventSource does not know of: it connects again by itself.
  await completed
  await api.data(propose)
  await count(3)
  expect(events[2]).toMatchObject({ __typename: 'PendingApprovalsSnapshot', approvals: [{}, {}] })
  source.close()
  await expect.poll(() => api.server.liveSubscriptions).toBe(0)
})
