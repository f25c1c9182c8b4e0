import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const startRun =
  'mutation { startRun(input: { agentName: "gated", message: "Hello", waitMs: 10000 }) { ... on StartRunSuccess { run { id } } } }'
const logged: { level: number; msg: string }[] = []
const logger = pino({ level: 'error' }, { write: (line) => void logged.push(JSON.parse(line)) })
const messages = () => logged.map(({ msg }) => msg)
afterEach(() => void logged.splice(0))

/** Two paused runs, and what somebody does to the first one's rows behind the server's back. */
async function scene(sql: string, ...values: SQLInputValue[]) {
  const api = await testServer({ agents, logger })
  const broken: string = (await api.data(startRun)).startRun.run.id
  const sound: string = (await api.data(startRun)).startRun.run.id
  change(api, sql, ...values, broken)
  return { api, broken, sound, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

function change(api: TestServer, sql: string, ...values: SQLInputValue[]) {
  using database = new DatabaseSync(String(api.database).replace('file:', ''))
  expect(database.prepare(sql).run(...values).changes).toBeGreaterThan(0)
}

const byOldest = '(orderBy: OLDEST_FIRST)'

test.each([
  ['changed', `UPDATE journal SET text = replace(text, '"id', '"xx') WHERE seq = 2 AND run_id = ?`],
  ['cut off', 'DELETE FROM journal WHERE seq >= 3 AND run_id = ?'],
  ['of a newer version', `UPDATE journal SET text = replace(text, '"v":1', '"v":2') WHERE seq = 2 AND run_id = ?`],
])('a run whose journal was %s does not take the lists that it is in along, and is logged once', async (_, sql) => {
  await using s = await scene(sql)
  const { runs } = await s.api.data(
    `{ runs${byOldest} { edges { node { id status requirements { callId } toolCalls { edges { node { status } } } } } } }`,
    {},
    'admin-1',
  )
  expect(runs.edges).toEqual([
    { node: { id: s.broken, status: 'PAUSED', requirements: [], toolCalls: { edges: [] } } },
    {
      node: {
        id: s.sound,
        status: 'PAUSED',
        requirements: [expect.anything()],
        toolCalls: { edges: [{ node: { status: 'WAITING' } }] },
      },
    },
  ])
  expect(messages()).toEqual(['the journal of a run cannot be read'])
})

test('an approval of a run whose journal was changed shows its call as the record has it', async () => {
  await using s = await scene(`UPDATE journal SET text = replace(text, '"id', '"xx') WHERE seq = 2 AND run_id = ?`)
  const { approvals } = await s.api.data(
    `{ approvals${byOldest} { edges { node { id callId toolCall { id toolName arguments status error approval { id } } } } } }`,
    {},
    'approver-1',
  )
  const [first, second] = approvals.edges
  expect(first.node.toolCall).toEqual({
    id: first.node.callId,
    toolName: 'erase',
    arguments: { id: 'a' },
    status: 'UNKNOWN',
    error: 'The journal of this run cannot be read.',
    approval: { id: first.node.id },
  })
  expect(second.node.toolCall).toMatchObject({ status: 'WAITING', error: null })
})

test('the events of a run whose journal was changed end with an error that says so', async () => {
  await using s = await scene(`UPDATE journal SET text = replace(text, '"id', '"xx') WHERE seq = 2 AND run_id = ?`)
  const events = s.api.sse(`subscription { runEvents(runId: "${s.broken}") { __typename } }`)
  const errors = []
  for await (const answer of events) errors.push(...(answer.errors ?? []))
  expect(errors).toMatchObject([
    {
      message: 'The journal of this run cannot be read.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) },
    },
  ])
  expect(messages()).toEqual(['unexpected error'])
})

test.each(['arguments', 'input_schema', 'answer_schema'])(
  'an approval whose %s in the database are no JSON object does not take the list along, and is logged',
  async (column) => {
    for (const text of ['no json', '[1]']) {
      await using s = await scene(`UPDATE approvals SET ${column} = ? WHERE run_id = ?`, text)
      const field = column.replace(/_s/, 'S')
      const { approvals } = await s.api.data(
        `{ approvals${byOldest} { edges { node { id ${field} } } } }`,
        {},
        'approver-1',
      )
      expect(approvals.edges).toMatchObject([{ node: { [field]: {} } }, { node: { id: expect.any(String) } }])
      expect(messages().splice(0)).toContain('what is kept as a JSON object is none')
    }
  },
)
