import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const hostile = [
  "' OR '1'='1",
  "'; DROP TABLE runs; --",
  '" OR ""="',
  "x' UNION SELECT * FROM api_keys --",
  '%',
  '_',
  '*',
  '\\',
  "run_' || (SELECT hex(randomblob(1)))",
]

test('a text that looks like SQL is a text: it finds nothing, changes nothing, and is kept as it is', async () => {
  await using api = await testServer({ agents })
  const start = `mutation ($input: StartRunInput!) { startRun(input: $input) { __typename
    ... on StartRunSuccess { run { message sessionId metadata } } } }`
  await api.data(start, { input: { agentName: 'gated', message: 'Erase a.', sessionId: 's', waitMs: 20_000 } })
  const contents = () => {
    using db = new DatabaseSync(api.database.replace('file:', ''), { readOnly: true })
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    return names.map(({ name }) => [name, db.prepare(`SELECT * FROM "${name}"`).all()])
  }
  const before = contents()
  const read = `query ($text: String!, $id: ID!) {
    ofAgent: runs(filter: { agentName: [$text] }) { totalCount { count } }
    ofTool: approvals(filter: { toolName: [$text] }) { totalCount { count } }
    ofSession: runs(filter: { sessionId: $id }) { totalCount { count } }
  }`
  for (const text of hostile) {
    const none = { totalCount: { count: 0 } }
    expect(await api.data(read, { text, id: text }, 'admin-1')).toEqual({
      ofAgent: none,
      ofTool: none,
      ofSession: none,
    })
    for (const [document, variables] of [
      ['query ($id: ID!) { run(id: $id) { id } }', { id: text }],
      ['query ($id: ID!) { approval(id: $id) { id } }', { id: text }],
      ['query ($after: String) { runs(after: $after) { edges { cursor } } }', { after: text }],
    ] as const)
      expect(JSON.stringify(await api.graphql(document, variables, 'admin-1'))).not.toMatch(/_0|INTERNAL|cursor":/)
    const cancel = 'mutation ($id: ID!) { cancelRun(input: { runId: $id }) { __typename } }'
    expect(await api.data(cancel, { id: text })).toEqual({ cancelRun: { __typename: 'NotFoundError' } })
  }
  expect(contents()).toEqual(before)
  for (const text of hostile) {
    const input = {
      agentName: 'echo',
      message: text,
      sessionId: text,
      idempotencyKey: text,
      metadata: { [text]: text },
    }
    const { startRun } = await api.data(start, { input })
    expect(startRun.run).toEqual({ message: text, sessionId: text, metadata: { [text]: text } })
  }
  expect(contents().map(([name]) => name)).toEqual(before.map(([name]) => name))
})
