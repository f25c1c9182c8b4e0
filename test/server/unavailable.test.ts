import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { databasePath } from '../../src/server/database.ts'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const api = await testServer({ agents })
afterAll(() => api[Symbol.asyncDispose]())

const tables = ['runs', 'approvals']

/** Somebody else takes the tables away until disposed: SQLite refuses every read and write of them. */
function databaseAway(): Disposable {
  const change = (statementFor: (table: string) => string) => {
    using database = new DatabaseSync(databasePath(String(api.database)), { timeout: 5_000 })
    for (const table of tables) database.exec(statementFor(table))
  }
  change((table) => `ALTER TABLE ${table} RENAME TO ${table}_away`)
  return { [Symbol.dispose]: () => change((table) => `ALTER TABLE ${table}_away RENAME TO ${table}`) }
}

const query = '{ runs { edges { cursor } } }'
const mutation = 'mutation { startRun(input: { agentName: "echo", message: "Hello" }) { __typename } }'
const runEvents = 'subscription { runEvents(runId: "run_00000000000000000000000000000000") { __typename } }'
const pendingApprovals = 'subscription { pendingApprovals { ... on PendingApprovalsSnapshot { reason } } }'

const errors = [expect.objectContaining({ extensions: { code: 'UNAVAILABLE', retryAfterMs: 1_000 } })]
const authorization = 'Bearer admin-1'

test.each([
  ['query', query],
  ['mutation', mutation],
])('while the database is away a %s says UNAVAILABLE and when to try again', async (_, document) => {
  using _away = databaseAway()
  expect(await api.graphql(document, {}, 'admin-1')).toEqual({ data: null, errors })
  for (const transport of [api.sse, api.subscribe]) {
    expect(await transport(document, {}, 'admin-1').next()).toMatchObject({ value: { data: null, errors } })
  }
})

test('a subscription that cannot begin says so too, over HTTP with 503 and Retry-After', async () => {
  using _away = databaseAway()
  const sse = await api.post({ query: runEvents }, { authorization, accept: 'text/event-stream' })
  expect([sse.status, sse.headers.get('retry-after')]).toEqual([503, '1'])
  const [, data = ''] = /^data: (.+)$/m.exec(await sse.text()) ?? []
  expect(JSON.parse(data)).toEqual({ errors })
  expect((await api.subscribe(runEvents, {}, 'admin-1').next()).value).toEqual({ errors })
})

test('once it is back everything goes on without a restart, a subscription that waited too', async () => {
  const away = databaseAway()
  await using waiting = api.subscribe(pendingApprovals, {}, 'admin-1')
  await expect.poll(() => api.server.liveSubscriptions).toBe(1)
  expect(await api.graphql(query, {}, 'admin-1')).toEqual({ data: null, errors })
  away[Symbol.dispose]()
  expect(await waiting.data()).toEqual({ pendingApprovals: { reason: 'INITIAL' } })
  expect(await api.data(query, {}, 'admin-1')).toEqual({ runs: { edges: [] } })
})
