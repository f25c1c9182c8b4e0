import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
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

test('examples/inbox.mjs shows what waits, as it comes and goes, and decides on what it shows', async () => {
  const env = { NODE_OPTIONS: '--conditions=countersign-source' }
  await using server = await spawnServer({ agents: resolve(root, 'examples/agents.ts'), env })
  const inbox = spawn(process.execPath, [resolve(root, 'examples/inbox.mjs')], {
    env: { PATH: process.env.PATH, COUNTERSIGN_URL: `${server.url}/graphql` },
  })
  onTestFinished(() => void inbox.kill('SIGKILL'))
  let [seen, output] = [0, '']
  for (const stream of [inbox.stdout, inbox.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  /** What matches first after what was seen before. */
  const shown = async (pattern: RegExp) => {
    await expect.poll(() => pattern.test(output.slice(seen)), { timeout: 20_000, message: String(pattern) }).toBe(true)
    const [text = ''] = pattern.exec(output.slice(seen)) ?? []
    seen = output.indexOf(text, seen) + text.length
  }
  const start = async () => {
    const { startRun } = await server.data(
      `mutation { startRun(input: { agentName: "shop", message: "A voucher, please", waitMs: 10000 }) {
        ... on StartRunSuccess { run { id } } } }`,
    )
    return startRun.run.id
  }
  await shown(/Nothing waits/)
  const first = await start()
  await shown(/1 {2}create_voucher \{.*"euros":50.*\} {2}\(shop, for .*\)/)
  await start()
  await shown(/2 {2}create_voucher/)
  inbox.stdin.write('y 1\n')
  await shown(/apr_\w+ is APPROVED/)
  inbox.stdin.write('y 1\n')
  await shown(/y 1 approves the first/)
  inbox.stdin.write('n 2 Not today.\n')
  const before = seen
  await shown(/apr_\w+ is REJECTED/)
  // It may be told of that sooner than it is answered.
  seen = before
  await shown(/Nothing waits/)
  inbox.stdin.end()
  expect(await once(inbox, 'close')).toEqual([0, null])
  const { run } = await server.data(`query ($id: ID!) { run(id: $id) { status } }`, { id: first })
  expect(['RUNNING', 'COMPLETED']).toContain(run.status)
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
