import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allPending } from '../behaviours/support/pending-client.ts'
import { agents as echoAgents } from '../support/echo-agents.ts'
import { freePort } from '../support/free-port.ts'
import { principalOf } from '../support/principals.ts'
import { type SpawnedServer, spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'
import { apollo } from './apollo.ts'
import { bareGraphqlSse } from './bare-graphql-sse.ts'
import { bareGraphqlWs } from './bare-graphql-ws.ts'
import { urql } from './urql.ts'
import { watchInbox, watchRun } from './watching.ts'

const agents = join(import.meta.dirname, '../support/echo-agents.ts')
const patience = { timeout: 30_000 }

/** One server process after the other, on one port and one database. */
async function scene() {
  await using opened = new AsyncDisposableStack()
  const database = `file:${join(opened.use(temporaryDirectory()).path, 'test.db')}`
  const env = { PORT: `${await freePort()}` }
  const spawn = () => spawnServer({ agents, authenticated: true, database, env })
  let server: SpawnedServer = await spawn()
  opened.defer(() => server[Symbol.asyncDispose]())
  const owned = opened.move()
  return {
    get server() {
      return server
    },
    async restart(signal: NodeJS.Signals) {
      await server.kill(signal)
      server = await spawn()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const startDocument = /* GraphQL */ `
  mutation ($input: StartRunInput!) {
    startRun(input: $input) { ... on StartRunSuccess { run { id status approvals(first: 1) { edges { node { id } } } } } }
  }
`
const resolveDocument = /* GraphQL */ `
  mutation ($input: ResolveApprovalInput!) {
    resolveApproval(input: $input) { __typename ... on ResolveApprovalSuccess { approval { id status revision } } }
  }
`
const approvalDocument = 'query ($id: ID!) { approval(id: $id) { id status revision } }'
const runDocument = 'query ($id: ID!) { run(id: $id) { id status output } }'

const libraries = { '@apollo/client': apollo, urql, 'graphql-ws': bareGraphqlWs, 'graphql-sse': bareGraphqlSse }

/** Two people of one library: who starts runs, and who watches and resolves. */
function peopleOf([name, open]: [string, (typeof libraries)['urql']], endpoint: string) {
  const requester = open(endpoint, () => 'Bearer requester-1')
  const approver = open(endpoint, () => 'Bearer approver-1')
  return {
    name,
    requester,
    approver,
    inbox: watchInbox(approver),
    async start() {
      const input = { agentName: 'gated', message: 'Go', waitMs: 20_000 }
      const { run } = (await requester.ask(startDocument, { input })).startRun
      return { id: run.id as string, approvalId: run.approvals.edges[0].node.id as string }
    },
    approve: (approvalId: string) =>
      approver.ask(resolveDocument, { input: { approvalId, decision: { approve: {} } } }),
    async [Symbol.asyncDispose]() {
      await requester[Symbol.asyncDispose]()
      await approver[Symbol.asyncDispose]()
    },
  }
}

test('W2 W7 with each client runs are started, watched and resolved while the server is killed and restarted, and it ends with what the server has', {
  timeout: 180_000,
}, async () => {
  await using s = await scene()
  await using opened = new AsyncDisposableStack()
  const people = Object.entries(libraries).map((library) => opened.use(peopleOf(library, s.server.endpoint)))
  const each = <Result>(act: (one: (typeof people)[number], index: number) => Promise<Result>) =>
    Promise.all(people.map(act))
  /** Everybody's inbox has these, and so has the server. */
  const waiting = async (approvalIds: readonly string[], seen: (name: string) => object) => {
    const expected = await allPending(s.server)
    expect(Object.keys(expected).sort()).toEqual(approvalIds.toSorted())
    await each(({ name, inbox }) =>
      expect.poll(() => ({ name, pending: inbox.pending() }), patience).toEqual({ name, pending: expected }),
    )
    expect(people.map(({ inbox }) => inbox.seen)).toEqual(people.map(({ name }) => seen(name)))
  }

  const first = await each(({ start }) => start())
  const events = people.map(({ requester }, index) => watchRun(requester, first[index]?.id ?? ''))
  await each(async ({ requester, approver }, index) => {
    await requester.ask(runDocument, { id: first[index]?.id })
    await approver.ask(approvalDocument, { id: first[index]?.approvalId })
  })
  const idsOf = (runs: readonly { approvalId: string }[]) => runs.map(({ approvalId }) => approvalId)
  await waiting(idsOf(first), () => ({ snapshots: 1, completions: 0 }))

  await s.restart('SIGKILL')
  const second = await each(({ start }) => start())
  await waiting(idsOf([...first, ...second]), () => ({ snapshots: 2, completions: 0 }))

  await s.restart('SIGTERM')
  const decided = await each(({ approve }, index) => approve(first[index]?.approvalId ?? ''))
  expect(decided.map(({ resolveApproval }) => resolveApproval.__typename)).toEqual(
    people.map(() => 'ResolveApprovalSuccess'),
  )
  // A socket is left without a word on its subscriptions, and so they go on by themselves; a stream has no other way to say that the server stops.
  await waiting(idsOf(second), (name) => ({ snapshots: 3, completions: name === 'graphql-sse' ? 1 : 0 }))

  await each(async ({ name, requester, approver }, index) => {
    await events[index]?.over
    const [id, approvalId] = [first[index]?.id, first[index]?.approvalId]
    const { run } = await s.server.data('query ($id: ID!) { run(id: $id) { lastSeq } }', { id })
    expect([name, events[index]?.seqs]).toEqual([name, Array.from({ length: run.lastSeq }, (_, n) => n + 1)])
    // The normalised cache heard of these by mutation and subscription: nobody asked for them again.
    if (name !== '@apollo/client') return
    expect(requester.cached?.(runDocument, { id })).toEqual({
      run: { __typename: 'Run', id, status: 'COMPLETED', output: 'Done.' },
    })
    expect(approver.cached?.(approvalDocument, { id: approvalId })).toEqual({
      approval: { __typename: 'Approval', id: approvalId, status: 'APPROVED', revision: 2 },
    })
  })
})

test.each(Object.entries(libraries).filter(([name]) => name !== 'graphql-sse'))(
  'W2 W5 %s: a token that expires ends the socket, and with a fresh one everything goes on',
  async (_, open) => {
    await using api = await testServer({
      agents: echoAgents,
      authenticate(token) {
        const [, person = '', seconds] = /^(.*?)(?: for (\d+) s)?$/.exec(token?.replaceAll('_', ' ') ?? '') ?? []
        const principal = principalOf(person)
        if (!principal || seconds === undefined) return principal
        return { ...principal, expiresAt: new Date(Date.now() + 1_000 * Number(seconds)) }
      },
    })
    let tokens = 0
    await using client = open(api.endpoint, () => {
      tokens += 1
      return 'Bearer approver-1_for_1_s'
    })
    const inbox = watchInbox(client)
    const start = () =>
      api.data('mutation { startRun(input: { agentName: "gated", message: "Go", waitMs: 9000 }) { __typename } }')
    await expect.poll(() => inbox.seen.snapshots, patience).toBe(1)
    await start()
    await expect.poll(() => inbox.seen.snapshots, patience).toBeGreaterThan(2)
    await start()
    await expect.poll(() => Object.keys(inbox.pending()).length, patience).toBe(2)
    expect(inbox.pending()).toEqual(await allPending(api))
    expect([tokens > 2, inbox.seen.completions]).toEqual([true, 0])
  },
)
