import { MongoClient } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { collectionsOf } from '../../src/store/mongodb/documents.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { agentOf, isDone, openWorkplace, tally } from '../runs/workshop.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { testServer } from '../support/test-server.ts'
import {
  alice,
  anApproval,
  anEntry,
  aResolution,
  aStep,
  claimed,
  completed,
  lease,
  paused,
  started,
} from './records.ts'

// What a newer program wrote is refused whole: nothing of it is read, and nothing is written to it.

/** A store on a database of its own, and its collections as the newer program sees them. */
async function openScene() {
  await using opening = new AsyncDisposableStack()
  const { url } = opening.use(mongoDatabase())
  const store = opening.use(await openMongoStore({ url }))
  const client = opening.use(new MongoClient(url))
  const { runs, journal, approvals } = collectionsOf(client.db(), '')
  const opened = opening.move()
  return {
    url,
    store,
    /** As if the newer program had written this run, or this approval; another field tells what it means by it. */
    async makeNewer(id: string) {
      const newer = { $set: { v: 2 as 1, status: 'PENDING' as never, meaning: 'another' } }
      const changed = id.startsWith('run_')
        ? await runs.updateOne({ _id: id as never }, { $set: { v: 2 as 1, meaning: 'another' } as never })
        : await approvals.updateOne({ _id: id as never }, newer)
      expect(changed.modifiedCount).toBe(1)
    },
    /** Of an approval, and nothing else of it. */
    async setVersion(id: string, v: number) {
      expect((await approvals.updateOne({ _id: id as never }, { $set: { v: v as 1 } })).modifiedCount).toBe(1)
    },
    /** All there is. */
    contents: () =>
      Promise.all([runs, journal, approvals].map((one) => (one as typeof runs).find().sort({ _id: 1 }).toArray())),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const refused = { code: 'UNSUPPORTED_VERSION', message: expect.stringMatching(/format 2, this one reads 1/) }
const tenant = { visible: { tenant: 'acme' } }
const page = { limit: 10 }

describe.skipIf(mongodbIsOff())('what a newer program wrote', () => {
  test('a run is read and written by nobody here', async () => {
    await using scene = await openScene()
    const { store } = scene
    const run = await claimed(store, { sessionId: 's', status: 'COMPLETED' })
    await scene.makeNewer(run.id)
    const before = await scene.contents()
    for (const ask of [
      () => store.runs.get(run.id),
      () => store.runs.list(tenant, 'NEWEST_FIRST', page),
      () => store.runs.history('acme', 's', alice, 10),
      () => store.runs.claimOrSignal(run.id, lease(9_000)),
      () => store.runs.signal(run.id),
      () => store.runs.signal(run.id, { by: alice, at: 1, reason: null }),
      () => store.runs.create(run, anEntry(run, 1)),
    ]) {
      await expect(ask()).rejects.toMatchObject(refused)
    }
    // To who held it when it was made newer, it is lost.
    expect(await store.runs.step(aStep(run, { propose: [anApproval(run)] }))).toBeNull()
    expect(await store.runs.renew(run.id, run.fence, 9_000)).toBeNull()
    expect(await scene.contents()).toEqual(before)
  })

  test('a run that is due is left alone, and keeps none of the others waiting', async () => {
    await using scene = await openScene()
    const { store } = scene
    const newer = await Promise.all([1, 2, 3].map((due) => started(store, { due })))
    const ours = await started(store, { due: 4 })
    for (const { id } of newer) await scene.makeNewer(id)
    const claimed = await store.runs.claimDue(['support'], 1, lease(1_000))
    expect(claimed.map(({ id }) => id)).toEqual([ours.id])
    expect(await store.runs.claimDue(['support'], 10, lease(1_000))).toEqual([])
    const [runs] = await scene.contents()
    expect(runs?.filter(({ v }) => (v as number) === 2)).toMatchObject(newer.map(() => ({ fence: 0, lease: null })))
  })

  test('an approval is read and decided by nobody here', async () => {
    await using scene = await openScene()
    const { store } = scene
    const { run, ids } = await paused(store)
    const [id] = ids
    if (id === undefined) throw new Error('not set up')
    await scene.makeNewer(id)
    const before = await scene.contents()
    for (const ask of [
      () => store.approvals.get(id),
      () => store.approvals.getMany([id]),
      () => store.approvals.list(tenant, 'OLDEST_FIRST', page),
      () => store.approvals.decide(id, 'acme', {}, aResolution()),
      () =>
        store.approvals.decide(
          id,
          'acme',
          { deadline: { is: 'passed', at: 9_000 } },
          aResolution({ status: 'EXPIRED' }),
        ),
    ]) {
      await expect(ask()).rejects.toMatchObject(refused)
    }
    expect(await scene.contents()).toEqual(before)
    // Nor does its run end over it.
    const holder = await store.runs.claimOrSignal(run.id, lease(9_000))
    if (holder === null) throw new Error('not to be had')
    const taken = await scene.contents()
    const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' })
    await expect(store.runs.step(aStep(holder, { head: completed, cancelPending }))).rejects.toMatchObject(refused)
    expect(await scene.contents()).toEqual(taken)
  })

  test('an unheard decision is not heard for it, and those of others are', async () => {
    await using scene = await openScene()
    const { store } = scene
    const [newer, ours] = [await paused(store), await paused(store)]
    for (const { ids } of [newer, ours]) await store.approvals.decide(ids[0] as never, 'acme', {}, aResolution())
    await scene.makeNewer(String(newer.ids[0]))
    expect(await store.approvals.unheard(9_000, 1)).toEqual([ours.run.id])
    const holder = await store.runs.claimOrSignal(newer.run.id, lease(9_000))
    if (holder === null) throw new Error('not to be had')
    await store.runs.step(aStep(holder, { heard: newer.ids }))
    const [, , approvals] = await scene.contents()
    expect(approvals?.find(({ _id }) => (_id as string) === newer.ids[0])).toMatchObject({ v: 2, unheard: true })
  })

  test('a run whose decision it is waits for that program: it is not failed here, and goes on where it can be read', async () => {
    await using scene = await openScene()
    const { made, mark } = tally()
    const guarded = { inputSchema: z.object({}), approval: 'required' as const, execute: mark }
    const agents = [agentOf({ guarded }, [[{ call: 'guarded' }]])]
    const work = { agents, store: scene.store, settings: { leaseMs: 300 } }
    await using shop = await openWorkplace(work)
    const { id, fence } = await shop.start({ waitMs: 20_000 })
    const [approval] = await shop.pending(id)
    if (!approval) throw new Error('not set up')
    await shop.engine.worker.stop(100)
    await shop.decide(approval)
    await scene.setVersion(approval.id, 2)
    await using older = await openWorkplace(work)
    // Looked at, and again.
    const looked = await older.until(id, (run) => run.fence > fence + 2)
    expect(looked).toMatchObject({ status: 'PAUSED', error: null })
    expect(older.errors[0]).toMatchObject({ err: { message: refused.message } })
    await scene.setVersion(approval.id, 1)
    expect(await older.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect([...made.values()]).toEqual([1])
  })

  test('the API says so, and answers the rest of the request', async () => {
    await using scene = await openScene()
    const { run, ids } = await paused(scene.store, { tenant: 'default', status: 'RUNNING' })
    const other = await paused(scene.store, { tenant: 'default', status: 'RUNNING' })
    for (const id of [run.id, ...ids]) await scene.makeNewer(id)
    const before = await scene.contents()
    await using api = await testServer({ agents: [], database: scene.url, logLevel: 'silent' })
    const query = `query ($run: ID!, $approval: ID!, $other: ID!) {
      run(id: $run) { status }
      approval(id: $approval) { status }
      other: run(id: $other) { status }
    }`
    const variables = { run: run.id, approval: ids[0], other: other.run.id }
    const answer = await api.graphql(query, variables, 'admin-1')
    const message = (id: unknown) =>
      `${id} was written by another version of Countersign (format 2, this one reads 1). Update this server.`
    const extensions = expect.objectContaining({ code: 'INTERNAL_SERVER_ERROR' })
    expect(answer.data).toEqual({ run: null, approval: null, other: { status: 'PAUSED' } })
    expect(answer.errors).toHaveLength(2)
    expect(answer.errors).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ message: message(run.id), path: ['run'], extensions }),
        expect.objectContaining({ message: message(ids[0]), path: ['approval'], extensions }),
      ]),
    )
    const resolve = `mutation ($input: ResolveApprovalInput!) { resolveApproval(input: $input) { __typename } }`
    const input = { approvalId: ids[0], decision: { approve: {} } }
    const resolved = await api.graphql(resolve, { input }, 'admin-1')
    expect(resolved.errors).toEqual([expect.objectContaining({ message: message(ids[0]) })])
    expect(await scene.contents()).toEqual(before)
  })
})

test.skipIf(mongodbIsOff())('collections of a newer format are not opened, and not touched', async () => {
  await using database = mongoDatabase()
  {
    await using store = await openMongoStore({ url: database.url })
    await started(store)
  }
  await using client = new MongoClient(database.url)
  const mark = () => client.db().collection<{ _id: string }>('countersign')
  await mark().updateOne({ _id: 'format' }, { $set: { version: 2 } })
  await client.db().collection('runs').dropIndexes()
  await expect(openMongoStore({ url: database.url })).rejects.toMatchObject({
    code: 'UNSUPPORTED_VERSION',
    message: expect.stringMatching(
      /^The database countersign_test_\w+ was made by a newer version of Countersign \(format 2, this one reads 1\)\. Use that version, or another database\.$/,
    ),
  })
  expect(await mark().findOne()).toEqual({ _id: 'format', version: 2 })
  expect(await client.db().collection('runs').indexes()).toHaveLength(1)
})
