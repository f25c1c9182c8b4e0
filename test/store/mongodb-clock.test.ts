import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Db, MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { databaseClock } from '../../src/store/mongodb/clock.ts'
import { collectionsOf, type RunDocument } from '../../src/store/mongodb/documents.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { type SpawnedServer, spawnServer } from '../support/spawn-server.ts'

// Two servers on one database, whose times of day are wrong by an hour, one each way: leases and deadlines are judged by the database's clock.

const support = join(import.meta.dirname, '../support')
const hour = 3_600_000
const leaseMs = 1_000

const opened = new AsyncDisposableStack()
let url: string
let database: Db
let fast: SpawnedServer
let slow: SpawnedServer
let runOf: (id: string) => Promise<RunDocument>

const spawnWrong = async (wrongBy: number) =>
  opened.use(
    await spawnServer({
      agents: join(support, 'clocked-agents.ts'),
      database: url,
      env: {
        NODE_OPTIONS: `--import=${pathToFileURL(join(support, 'wrong-clock.ts'))}`,
        WRONG_BY: `${wrongBy}`,
        LEASE_MS: `${leaseMs}`,
        ALLOW_SELF_APPROVAL: 'true',
      },
    }),
  )

beforeAll(async () => {
  if (mongodbIsOff()) return
  url = opened.use(mongoDatabase()).url
  const client = opened.use(new MongoClient(url))
  database = client.db()
  const { runs } = collectionsOf(database, '')
  runOf = async (id) => (await runs.findOne({ _id: id as never })) as RunDocument
  fast = await spawnWrong(hour)
  slow = await spawnWrong(-hour)
}, 120_000)
afterAll(() => opened.disposeAsync(), 120_000)

type Started = {
  readonly id: string
  readonly createdAt: string
  readonly approvals: { readonly edges: { node: { id: string; createdAt: string; expiresAt: string } }[] }
  readonly toolCalls: { readonly edges: { node: { result: string; startedAt: string } }[] }
}

async function start(server: SpawnedServer, agentName: string, waitMs = 0): Promise<Started> {
  const { startRun } = await server.data(
    `mutation ($input: StartRunInput!) { startRun(input: $input) { ... on StartRunSuccess { run {
      id createdAt
      approvals { edges { node { id createdAt expiresAt } } }
    } } } }`,
    { input: { agentName, message: 'Go.', waitMs } },
    null,
  )
  return startRun.run
}

const statusOf = async (server: SpawnedServer, id: string) =>
  (await server.data('query ($id: ID!) { approval(id: $id) { status resolvedAt: updatedAt } }', { id }, null)).approval

describe.skipIf(mongodbIsOff())('with times of day that are two hours apart', { timeout: 120_000 }, () => {
  test('what both write is of the same time, the database’s', async () => {
    const [ofFast, ofSlow] = await Promise.all([start(fast, 'clock', 20_000), start(slow, 'clock', 20_000)])
    const { localTime } = await database.command({ hello: 1 })
    for (const { createdAt } of [ofFast, ofSlow])
      expect(Math.abs(new Date(createdAt).getTime() - localTime.getTime())).toBeLessThan(10_000)
    expect(Math.abs(new Date(ofFast.createdAt).getTime() - new Date(ofSlow.createdAt).getTime())).toBeLessThan(10_000)
  })

  test.each([
    { name: 'fast', whose: 'slow' },
    { name: 'slow', whose: 'fast' },
  ])(
    'a lease is not taken from the $name one while it works, and is had by the $whose one when it dies',
    async ({ name }) => {
      const [holder, other] = name === 'fast' ? [fast, slow] : [slow, fast]
      const { id } = await start(holder, 'busy')
      const { lease, fence } = await runOf(id)
      if (lease === null) throw new Error('nobody works on it')
      // Renewed for long enough that the other has looked for work many times.
      await expect
        .poll(async () => ((await runOf(id)).lease?.until.getTime() ?? 0) - lease.until.getTime(), { timeout: 20_000 })
        .toBeGreaterThan(3 * leaseMs)
      expect(await runOf(id)).toMatchObject({ fence, lease: { owner: lease.owner } })
      const killed = performance.now()
      await holder.kill('SIGKILL')
      await expect.poll(async () => (await runOf(id)).fence, { timeout: 20_000 }).toBeGreaterThan(fence)
      expect(performance.now() - killed).toBeLessThan(15_000)
      if (name === 'fast') fast = await spawnWrong(hour)
      else slow = await spawnWrong(-hour)
      expect((await other.graphql('{ __typename }', {}, null)).errors).toBeUndefined()
    },
  )

  test('a deadline is the same on both: open until then, expired after', async () => {
    const [ofFast, ofSlow] = await Promise.all([start(fast, 'hasty', 20_000), start(slow, 'hasty', 20_000)])
    const [first, second] = [ofFast, ofSlow].map(({ approvals }) => approvals.edges[0]?.node)
    if (!first || !second) throw new Error('nothing waits')
    for (const { createdAt, expiresAt } of [first, second])
      expect(new Date(expiresAt).getTime() - new Date(createdAt).getTime()).toBe(2_000)
    // By its own time of day it would be over for an hour.
    const { resolveApproval } = await fast.data(
      'mutation ($input: ResolveApprovalInput!) { resolveApproval(input: $input) { __typename } }',
      { input: { approvalId: second.id, decision: { approve: {} } } },
      null,
    )
    expect(resolveApproval.__typename).toBe('ResolveApprovalSuccess')
    // And by this one's not for another hour.
    await expect.poll(async () => (await statusOf(slow, first.id)).status, { timeout: 20_000 }).toBe('EXPIRED')
    const { resolvedAt } = await statusOf(slow, first.id)
    const late = new Date(resolvedAt).getTime() - new Date(first.expiresAt).getTime()
    expect(late).toBeGreaterThanOrEqual(0)
    expect(late).toBeLessThan(10_000)
  })
})

test.skipIf(mongodbIsOff())(
  'a time of day that leaps, as when the machine was suspended, has the clock set once before anything is asked',
  async () => {
    await using client = new MongoClient(url, { monitorCommands: true })
    const db = client.db()
    using clock = await databaseClock(db)
    let asked = 0
    client.on('commandStarted', ({ commandName }) => {
      asked += commandName === 'hello' ? 1 : 0
    })
    await clock.settled()
    expect(asked).toBe(0)
    const { now } = Date
    using _ = { [Symbol.dispose]: () => vi.restoreAllMocks() }
    vi.spyOn(Date, 'now').mockImplementation(() => now() + hour)
    await Promise.all([clock.settled(), clock.settled()])
    await clock.settled()
    expect(asked).toBe(1)
    expect(Math.abs(clock.now() - now())).toBeLessThan(10_000)
  },
)
