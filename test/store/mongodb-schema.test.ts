import { type CollectionInfo, type Db, MongoClient } from 'mongodb'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  type ApprovalDocument,
  collectionsOf,
  fromApproval,
  fromKey,
  fromRun,
} from '../../src/store/mongodb/documents.ts'
import { indexes } from '../../src/store/mongodb/indexes.ts'
import { prepareSchema } from '../../src/store/mongodb/schema.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { News } from '../../src/store/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { runCli } from '../support/spawn-server.ts'
import { aKey, alice, anApproval, anEntry, aResolution, aRun, claimed, lease, paused, started } from './records.ts'

/** A database of the test's own, as anybody sees it. */
function openDatabase(): { readonly url: string; readonly db: Db } {
  const database = mongoDatabase()
  const client = new MongoClient(database.url)
  onTestFinished(async () => {
    await client.close()
    await database[Symbol.asyncDispose]()
  })
  return { url: database.url, db: client.db() }
}

/** Every collection with its options and its indexes. */
async function shapeOf(db: Db) {
  const collections: CollectionInfo[] = await db.listCollections<CollectionInfo>().toArray()
  const shapes = collections.map(async ({ name, options }) => {
    const found = await db.collection(name).indexes()
    return [name, { options, indexes: found.map(({ v: _, ...index }) => index).sort(byName) }] as const
  })
  return Object.fromEntries(await Promise.all(shapes))
}
const byName = (a: { name?: string }, b: { name?: string }) => String(a.name).localeCompare(String(b.name))

const failedValidation = expect.objectContaining({ code: 121 })

describe.skipIf(mongodbIsOff())('the collections', () => {
  test('have a validator, of level moderate, and every index that is declared', async () => {
    const { db } = openDatabase()
    await prepareSchema(db, '')
    const shape = await shapeOf(db)
    expect(Object.keys(shape).sort()).toEqual([
      'approvals',
      'countersign',
      'journal',
      'keys',
      'principals',
      'runs',
      'sessions',
    ])
    for (const [name, declared] of Object.entries(indexes)) {
      expect(shape[name]?.options).toMatchObject({ validationLevel: 'moderate', validator: { $jsonSchema: {} } })
      const wanted = [{ name: '_id_', key: { _id: 1 } }, ...declared].sort(byName)
      expect(shape[name]?.indexes).toMatchObject(wanted)
      expect(shape[name]?.indexes).toHaveLength(wanted.length)
    }
  })

  test('are the same after any number of processes made them at once', async () => {
    const { url, db } = openDatabase()
    const { db: other } = openDatabase()
    const migrated = Promise.all(Array.from({ length: 3 }, () => runCli(['migrate'], { env: { DATABASE_URL: url } })))
    const clients = Array.from({ length: 10 }, () => new MongoClient(url))
    await Promise.all(clients.map((client) => prepareSchema(client.db(), '')))
    await Promise.all(clients.map((client) => client.close()))
    for (const { code, stderr } of await migrated) expect([code, stderr]).toEqual([0, ''])
    await prepareSchema(other, '')
    expect(await shapeOf(db)).toEqual(await shapeOf(other))
  })

  test('are made ready again without a change, and what is in them is not touched', async () => {
    const { url, db } = openDatabase()
    {
      await using store = await openMongoStore({ url })
      await paused(store)
    }
    const contents = async () => {
      const all = (await db.collections()).map(async (one) => [
        one.collectionName,
        await one.find().sort({ _id: 1 }).toArray(),
      ])
      return Object.fromEntries(await Promise.all(all))
    }
    const before = [await shapeOf(db), await contents()]
    await prepareSchema(db, '')
    expect([await shapeOf(db), await contents()]).toEqual(before)
  })

  test('get the validator and the indexes that they lack; documents that do not fit may still be changed', async () => {
    const { db } = openDatabase()
    await prepareSchema(db, '')
    const wanted = await shapeOf(db)
    // As an older program may have made them.
    const validator = { $jsonSchema: { bsonType: 'object', required: ['tenant'] } }
    await db.command({ collMod: 'runs', validator, validationLevel: 'strict' })
    await db.collection('runs').dropIndex('runs_wake_tenant')
    const { runs } = collectionsOf(db, '')
    const old = fromRun(aRun(), null)
    await runs.insertOne({ ...old, wake: 'soon' as never })
    await prepareSchema(db, '')
    expect(await shapeOf(db)).toEqual(wanted)
    expect(await runs.findOne()).toEqual({ ...old, wake: 'soon' })
    expect(await runs.updateOne({ _id: old._id }, { $set: { status: 'FAILED' } })).toMatchObject({ modifiedCount: 1 })
  })

  test('get told what is due about approvals that were pending before; a server of before may still write', async () => {
    const { url, db } = openDatabase()
    await prepareSchema(db, '')
    const { approvals } = collectionsOf(db, '')
    const before = (given: Partial<ApprovalRecord>, index: number) => {
      const { due: _, remindAt: __, ...old } = fromApproval(anApproval(aRun(), given, 2, index))
      return old as ApprovalDocument
    }
    const pending = before({ expiresAt: 5_000 }, 0)
    await approvals.insertMany([pending, before({}, 1), before({ expiresAt: 5_000, status: 'APPROVED' }, 2)])
    await approvals.dropIndex('approvals_due')
    await using store = await openMongoStore({ url })
    expect(await store.approvals.due(5_000, 10)).toMatchObject([{ id: pending._id, due: 5_000 }])
    expect(await store.approvals.get(pending._id)).toMatchObject({ remindAt: [], due: 5_000 })
    expect(await approvals.insertOne(before({}, 3))).toMatchObject({ acknowledged: true })
  })

  test('refuse documents that are broken, whoever writes them', async () => {
    const { db } = openDatabase()
    await prepareSchema(db, '')
    const { runs, journal, approvals, sessions, principals, keys } = collectionsOf(db, '')
    const run = fromRun(aRun(), null)
    const approval = fromApproval(anApproval(aRun()))
    const broken: [() => Promise<unknown>, string][] = [
      [() => runs.insertOne({ ...run, _id: 'run_1' as never }), 'id'],
      [() => runs.insertOne({ ...run, status: 'DONE' as never }), 'status'],
      [() => runs.insertOne({ ...run, tenant: { $ne: null } as never }), 'tenant'],
      [() => runs.insertOne({ ...run, v: 0 as never }), 'v'],
      [() => runs.insertOne({ ...run, due: 5 as never }), 'due'],
      [() => runs.insertOne({ ...run, seq: '1' as never }), 'seq'],
      [() => journal.insertOne({ runId: run._id, seq: 1 } as never), 'text'],
      [() => journal.insertOne({ runId: run._id, seq: 1, text: {} as never }), 'text'],
      [() => approvals.insertOne({ ...approval, _id: run._id as never }), 'id'],
      [() => approvals.insertOne({ ...approval, arguments: { userId: '42' } as never }), 'arguments'],
      [() => approvals.insertOne({ ...approval, status: 'approved' as never }), 'status'],
      [() => approvals.insertOne({ ...approval, revision: 0 }), 'revision'],
      [() => approvals.insertOne({ ...approval, unheard: null as never }), 'unheard'],
      [() => approvals.insertOne({ ...approval, history: [] }), 'history'],
      [() => sessions.insertOne({ _id: 's' } as never), 'owner'],
      [() => principals.insertOne({ _id: 'alice', tenant: 'acme', id: alice, name: 5 as never }), 'name'],
      [() => keys.insertOne({ ...fromKey(aKey()), hash: 'ck_secret' }), 'hash'],
      [() => keys.insertOne({ ...fromKey(aKey()), roles: [] }), 'roles'],
      [() => keys.insertOne({ ...fromKey(aKey()), roles: ['ROOT' as never] }), 'roles'],
      [() => keys.insertOne({ ...fromKey(aKey()), revokedAt: 5 as never }), 'revokedAt'],
    ]
    for (const [write, field] of broken) await expect(write(), field).rejects.toEqual(failedValidation)
    await runs.insertOne(run)
    await approvals.insertOne(approval)
    for (const change of [{ status: 'DONE' }, { wake: 'soon' }, { lease: 'mine' }])
      await expect(runs.updateOne({}, { $set: change as never })).rejects.toEqual(failedValidation)
    await expect(approvals.updateOne({}, { $unset: { fingerprint: 1 } as never })).rejects.toEqual(failedValidation)
    expect([await runs.findOne(), await approvals.findOne()]).toEqual([run, approval])
  })

  test.each(['9a', 'a-b', 'a.b', '$a', 'system.', 'a'.repeat(41), 'a\0'])(
    'take no prefix that is no name: %j',
    async (prefix) => {
      const { url, db } = openDatabase()
      await expect(openMongoStore({ url, prefix })).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
      expect(await db.listCollections().toArray()).toEqual([])
    },
  )
})

test.skipIf(mongodbIsOff())(
  'two installations in one database see nothing of each other, whose prefix is another’s beginning or not',
  async () => {
    const { url, db } = openDatabase()
    await using stores = new AsyncDisposableStack()
    const [plain, a, ab] = await Promise.all(
      ['', 'a_', 'a_b_'].map(async (prefix) => stores.use(await openMongoStore({ url, prefix }))),
    )
    if (!plain || !a || !ab) throw new Error('not set up')
    const heard: News[][] = [plain, a, ab].map((store) => {
      const news: News[] = []
      store.changes((one) => news.push(one))
      return news
    })
    const { run, ids } = await paused(a, { sessionId: 's' })
    await a.approvals.decide(ids[0] as never, 'acme', {}, aResolution())
    await a.principals.put({ tenant: 'acme', id: alice, name: 'Alice' })
    await a.keys.put(aKey())
    for (const other of [plain, ab]) {
      expect(await other.runs.get(run.id)).toBeNull()
      expect(await other.runs.list({ visible: { tenant: 'acme' } }, 'NEWEST_FIRST', { limit: 10 })).toEqual([])
      expect(await other.approvals.getMany(ids)).toEqual([])
      expect(await other.approvals.unheard(1e12, 10)).toEqual([])
      expect(await other.runs.claimDue(['support'], 10, lease(1e12))).toEqual([])
      expect(await other.runs.history('acme', 's', alice, 10)).toEqual([])
      expect(await other.journal.read(run.id, 0, 10)).toEqual([])
      expect(await other.principals.getMany('acme', [alice])).toEqual([])
      expect(await other.keys.list(10)).toEqual([])
      // The same id and the same session are free here.
      expect(await other.runs.create({ ...run, requestedBy: 'prn_z' as never }, anEntry(run, run.seq))).toMatchObject({
        outcome: 'created',
      })
    }
    // The streams bring every change in order: with what comes last, all is there that ever comes.
    const last = await Promise.all([plain, a, ab].map((store) => started(store)))
    await vi.waitFor(() => {
      for (const [index, news] of heard.entries())
        expect(news.map((one) => 'id' in one && one.id)).toContain(last[index]?.id)
    })
    const idsOf = (news: News[] | undefined) => new Set(news?.map((one) => 'id' in one && one.id))
    expect(idsOf(heard[0])).toEqual(new Set([run.id, last[0]?.id]))
    expect(idsOf(heard[1])).toEqual(new Set([run.id, ...ids, last[1]?.id]))
    expect(idsOf(heard[2])).toEqual(new Set([run.id, last[2]?.id]))
    expect(heard[0]?.some(({ kind }) => kind === 'approval')).toBe(false)
    expect((await db.listCollections({}, { nameOnly: true }).toArray()).length).toBe(21)
    expect(await claimed(plain)).toMatchObject({ fence: 1 })
  },
)
