import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { createServer } from '../../src/server/server.ts'
import { spawnServer } from '../support/spawn-server.ts'

const root = resolve(import.meta.dirname, '../..')

test('examples/agents.ts is served by AGENTS, and its approved call runs', async () => {
  const env = { NODE_OPTIONS: '--conditions=countersign-source' }
  await using server = await spawnServer({ agents: resolve(root, 'examples/agents.ts'), env })
  const { startRun } = await server.data(
    `mutation { startRun(input: { agentName: "shop", message: "A voucher, please", waitMs: 10000 }) {
      ... on StartRunSuccess { run { id status requirements { approval { id } } } } } }`,
  )
  expect(startRun.run.status).toBe('PAUSED')
  const [{ approval }] = startRun.run.requirements
  await server.data(
    `mutation ($id: ID!) { resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { __typename } }`,
    { id: approval.id },
  )
  const events = server.subscribe(
    `subscription ($id: ID!) { runEvents(runId: $id) { ... on RunCompleted { output } } }`,
    {
      id: startRun.run.id,
    },
  )
  for await (const _ of events);
  const { run } = await server.data(
    `query ($id: ID!) { run(id: $id) { status toolCalls { edges { node { status result } } } } }`,
    { id: startRun.run.id },
  )
  expect(run).toMatchObject({
    status: 'COMPLETED',
    toolCalls: { edges: [{ node: { status: 'SUCCEEDED', result: { customer: 'Riley', euros: 50 } } }] },
  })
})

test('an agent of another copy of the package is refused, and not served with its tools behind another gate', () => {
  const foreign = {
    name: 'foreign',
    description: null,
    instructions: null,
    model: {},
    tools: new Map(),
    maxRetries: 0,
    maxSteps: 1,
  }
  const agents = [foreign] as unknown as Parameters<typeof createServer>[0]['agents']
  expect(() => createServer({ agents, database: ':memory:' })).toThrow(
    /'foreign' was not made by defineAgent of this copy/,
  )
})
