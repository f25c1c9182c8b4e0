import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-ws'

// Two servers share a database: a run is started on one, seen and approved on the other, and watched to its end on the first.
// docker compose up -d mongodb, then: DATABASE_URL=mongodb://127.0.0.1:27017/countersign npm run example:mongodb

const [first, second] = await Promise.all([startServer('first'), startServer('second')])

const pending = watch(
  second.url,
  `subscription { pendingApprovals {
    ... on PendingApprovalAdded { approval { id toolName arguments run { id } } }
  } }`,
)
await pending.next() // The snapshot: the subscription is on.

const { startRun } = await ask(
  first.url,
  'mutation { startRun(input: { agentName: "shop", message: "A voucher of 50 for Riley" }) { ... on StartRunSuccess { run { id } } ... on UserError { message } } }',
)
const runId = startRun.run.id
console.log(`first:  started ${runId}`)

const approval = await approvalOf(runId)
console.log(`second: asked to allow ${approval.toolName} ${JSON.stringify(approval.arguments)}`)

const { resolveApproval } = await ask(
  second.url,
  'mutation ($id: ID!) { resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { __typename } }',
  { id: approval.id },
)
console.log(`second: ${resolveApproval.__typename}`)

for await (const { runEvents } of watch(
  first.url,
  'subscription ($id: ID!) { runEvents(runId: $id) { __typename ... on ToolCallFinished { toolCall { status result } } ... on RunCompleted { output } } }',
  { id: runId },
)) {
  const { __typename, ...told } = runEvents
  console.log(`first:  ${__typename} ${Object.keys(told).length > 0 ? JSON.stringify(told) : ''}`)
}
for (const { process: running } of [first, second]) running.kill('SIGTERM')

async function approvalOf(run: string): Promise<Data> {
  for await (const { pendingApprovals } of pending) {
    if (pendingApprovals.approval?.run.id === run) return pendingApprovals.approval
  }
  throw new Error('The subscription ended.')
}

async function startServer(name: string) {
  const args = [...process.execArgv, join(import.meta.dirname, 'server.ts')]
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => server.kill())
  for await (const line of createInterface(server.stdout)) {
    const [, url] = /^listening at (.*)$/.exec(line) ?? []
    if (url) {
      console.log(`${name}: ${url}/graphql`)
      return { url, process: server }
    }
  }
  const [code] = await once(server, 'close')
  throw new Error(`The ${name} server ended with ${code}.`)
}

// biome-ignore lint/suspicious/noExplicitAny: a client of yours gets its types by codegen from schema.graphql
type Data = any

async function ask(url: string, query: string, variables = {}): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] }
  if (errors?.[0]) throw new Error(errors[0].message)
  return data
}

async function* watch(url: string, query: string, variables = {}): AsyncGenerator<Data> {
  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, retryAttempts: 0 })
  try {
    for await (const { data } of client.iterate({ query, variables })) yield data
  } finally {
    await client.dispose()
  }
}
