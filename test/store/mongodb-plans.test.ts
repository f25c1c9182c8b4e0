import { type Db, type Document, MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { Store } from '../../src/store/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { approvalFilters, approvalOrders, pages, runFilters, runOrders } from './asked-lists.ts'
import { aKey, alice, aResolution, aStep, claimed, completed, lease, paused, running } from './records.ts'

// Every query that the store sends is served by an index. What is explained are the commands as they were sent.

/** A command that looks for documents, and what it looks for. */
type Asked = { readonly kind: string; readonly command: Document; readonly collection: string }

const opened = new AsyncDisposableStack()
const asked: Asked[] = []
let kind = 'opening'
let store: Store
let db: Db
let indexesOf: ReadonlyMap<string, readonly Document[]>
let isStandIn: boolean
/** What the server of this run does with more than an index, because its planner is simpler than MongoDB's. */
const notProved = new Set<string>()

beforeAll(async () => {
  if (mongodbIsOff()) return
  const { url } = opened.use(mongoDatabase())
  const connecting = vi.spyOn(MongoClient.prototype, 'connect')
  store = opened.use(await openMongoStore({ url: `${url}&monitorCommands=true` }))
  for (const client of connecting.mock.contexts as MongoClient[])
    client.on('commandStarted', ({ commandName, command }) => {
      if (['find', 'aggregate', 'findAndModify', 'update', 'count', 'distinct', 'delete'].includes(commandName))
        asked.push({ kind, command, collection: command[commandName] })
    })
  connecting.mockRestore()
  const client = opened.use(new MongoClient(url))
  db = client.db()
  isStandIn = (await db.command({ buildInfo: 1 })).secantusVersion !== undefined
  const collections = (await db.collections()).map(async (one) => [one.collectionName, await one.indexes()] as const)
  indexesOf = new Map(await Promise.all(collections))
  // Enough that an index of many is no better than one of few.
  for (let each = 0; each < 20; each++) await paused(store, {}, {}, {})
})
afterAll(async () => {
  if (notProved.size > 0) console.log(`not proved on this server: ${[...notProved].join('; ')}`)
  await opened.disposeAsync()
})

/** What the store sends while it does this. */
async function sentBy(what: string, work: () => Promise<unknown>): Promise<Asked[]> {
  kind = what
  asked.length = 0
  await work()
  expect(asked.length).toBeGreaterThan(0)
  return asked.filter(({ command }) => !command.pipeline?.[0]?.$changeStream)
}

/** All the conditions on a path that must hold. */
function conditionsOf(filter: Document): Map<string, Document> {
  const conditions = new Map<string, Document>()
  for (const [path, condition] of Object.entries(filter)) {
    if (path === '$and') {
      for (const part of condition as Document[])
        for (const [inner, more] of conditionsOf(part)) conditions.set(inner, { ...conditions.get(inner), ...more })
    } else if (!path.startsWith('$')) {
      const isPlain = condition === null || typeof condition !== 'object' || condition instanceof Date
      conditions.set(path, { ...conditions.get(path), ...(isPlain ? { $eq: condition } : condition) })
    }
  }
  return conditions
}

const partsOf = ({ command }: Asked): { filter: Document; sort?: Document; hint?: string } =>
  command.updates
    ? { filter: command.updates[0].q, hint: command.updates[0].hint }
    : command.pipeline
      ? { filter: command.pipeline[0].$match, hint: command.hint }
      : { filter: command.filter ?? command.query, sort: command.sort, hint: command.hint }

/** Holds on any server: the index that is named is there, holds all that is asked for, and in the order that is asked for. */
function checkHint(one: Asked, inAnyOrder: boolean): void {
  const { filter, sort = {}, hint } = partsOf(one)
  const conditions = conditionsOf(filter)
  if (hint === undefined && conditions.has('_id')) {
    expect(sort).toEqual({})
    return
  }
  // Where none is named the planner has but one that begins with what is asked for.
  const fitting = indexesOf.get(one.collection)?.filter(({ key }) => conditions.has(String(Object.keys(key)[0]))) ?? []
  if (hint === undefined) expect(fitting, `${one.kind}: an index`).toHaveLength(1)
  const index = hint === undefined ? fitting[0] : indexesOf.get(one.collection)?.find(({ name }) => name === hint)
  expect(index, `${one.kind}: the index ${hint}`).toBeDefined()
  const key = Object.keys(index?.key)
  const isEqual = (path: string) => '$eq' in (conditions.get(path) ?? {}) || '$in' in (conditions.get(path) ?? {})
  const places = key.findIndex((path) => !isEqual(path))
  const inOrder = key.slice(places)
  if (!inAnyOrder) expect(inOrder.slice(0, Object.keys(sort).length), `${one.kind}: ${hint}`).toEqual(Object.keys(sort))
  expect(new Set(Object.values(sort)).size, 'one direction').toBeLessThanOrEqual(1)
  // Something bounds what is read.
  expect(places > 0 || conditions.has(String(key[0])), `${one.kind}: ${hint}`).toBe(true)
  // MongoDB takes a partial index only for a query that says what the index holds.
  for (const [path, expression] of conditionsOf(index?.partialFilterExpression ?? {}))
    expect(conditions.get(path), `${one.kind}: ${hint} is partial`).toMatchObject(expression)
}

/** The stages of the plan that was taken. */
function stagesOf(explained: unknown): string[] {
  if (typeof explained !== 'object' || explained === null) return []
  return Object.entries(explained).flatMap(([name, value]) =>
    name === 'rejectedPlans' ? [] : name === 'stage' && typeof value === 'string' ? [value] : stagesOf(value),
  )
}

const ofTheSession = ['lsid', 'txnNumber', 'startTransaction', 'autocommit', 'readConcern', 'writeConcern']

async function checkPlan(one: Asked, inAnyOrder: boolean): Promise<void> {
  const command = Object.fromEntries(
    Object.entries(one.command).filter(([name]) => !name.startsWith('$') && !ofTheSession.includes(name)),
  )
  const { ok: _, command: asSent, ...explained } = await db.command({ explain: command, verbosity: 'queryPlanner' })
  const stages = stagesOf(explained)
  expect(stages.length, JSON.stringify(explained)).toBeGreaterThan(0)
  const beyondIndex = stages.filter((stage) => stage === 'COLLSCAN' || (stage === 'SORT' && !inAnyOrder))
  if (isStandIn && beyondIndex.length > 0) notProved.add(`${one.kind} (it says ${beyondIndex.join(', ')})`)
  else expect(beyondIndex, `${one.kind}: ${JSON.stringify(explained)}`).toEqual([])
}

async function areServedByIndexes(what: string, work: () => Promise<unknown>, { inAnyOrder = false } = {}) {
  for (const one of await sentBy(what, work)) {
    checkHint(one, inAnyOrder)
    await checkPlan(one, inAnyOrder)
  }
}

describe.skipIf(mongodbIsOff())('served by an index, in its order:', () => {
  test('every list of runs', async () => {
    for (const filter of runFilters)
      for (const order of runOrders)
        for (const page of pages) await areServedByIndexes('a list of runs', () => store.runs.list(filter, order, page))
  })

  test('every list of approvals', async () => {
    for (const filter of approvalFilters)
      for (const order of approvalOrders)
        for (const page of pages)
          await areServedByIndexes('a list of approvals', () => store.approvals.list(filter, order, page))
  })

  test('a run’s own approvals; they are few, and put into any other order in memory', async () => {
    const { run } = await paused(store)
    const filter = { visible: { tenant: 'acme' }, runId: run.id }
    for (const order of approvalOrders) {
      const inAnyOrder = order === 'EXPIRES_SOONEST' || order === 'RECENTLY_RESOLVED'
      for (const page of pages)
        await areServedByIndexes('a run’s approvals', () => store.approvals.list(filter, order, page), { inAnyOrder })
    }
    await areServedByIndexes('a count of a run’s approvals', () => store.approvals.count(filter, 10))
  })

  test('every count', async () => {
    for (const filter of runFilters) await areServedByIndexes('a count of runs', () => store.runs.count(filter, 10))
    for (const filter of approvalFilters)
      await areServedByIndexes('a count of approvals', () => store.approvals.count(filter, 10))
  })

  test('the work that is due, and what is unheard or overdue', async () => {
    await paused(store, { agentName: 'billing' })
    const due = () => store.runs.claimDue(['support', 'billing'], 3, lease(1e9))
    await claimed(store, { agentName: 'billing' })
    await areServedByIndexes('work that is due', due)
    await areServedByIndexes('work that is due of other tenants', () =>
      store.runs.claimDue(['support', 'billing'], 3, lease(1e9), ['busy']),
    )
    await areServedByIndexes('what nobody serves', () => store.runs.unserved(['support'], 1e9, 10))
    await areServedByIndexes('what is unheard', () => store.approvals.unheard(1e9, 10))
    await paused(store, {}, { expiresAt: 9_000, due: 9_000 })
    await areServedByIndexes('what is overdue', () => store.approvals.due(1e9, 10))
  })

  test('a session’s history, a run’s journal, records by id, names', async () => {
    const { run, ids } = await paused(store)
    await areServedByIndexes('a history', () => store.runs.history('acme', run.sessionId, alice, 10))
    await areServedByIndexes('a journal', () => store.journal.read(run.id, 1, 10))
    await areServedByIndexes('a run by id', () => store.runs.get(run.id))
    await areServedByIndexes('an approval by id', () => store.approvals.get(ids[0] as never))
    await areServedByIndexes('approvals by id', () => store.approvals.getMany(ids))
    await areServedByIndexes('names', () => store.principals.getMany('acme', [alice]))
    await areServedByIndexes('writing a name', () => store.principals.put({ tenant: 'acme', id: alice, name: 'A' }))
  })

  test('keys, by id and page by page', async () => {
    const key = aKey()
    await store.keys.put(key)
    await areServedByIndexes('keys by id', () => store.keys.getMany([key.id]))
    await areServedByIndexes('a first page of keys', () => store.keys.list(2))
    await areServedByIndexes('a later page of keys', () => store.keys.list(2, key))
    await areServedByIndexes('the use of a key', () => store.keys.touch(key.id, 2_000))
    await areServedByIndexes('the end of a key', () => store.keys.revoke(key.id, 2_000))
  })

  test('every write', async () => {
    await areServedByIndexes('starting a run', () => claimed(store))
    const { run, ids } = await paused(store, {}, {}, {})
    const [first, second] = ids
    await areServedByIndexes('a decision', () =>
      store.approvals.decide(first as never, 'acme', { deadline: { is: 'open', at: 5 }, revision: 1 }, aResolution()),
    )
    await areServedByIndexes('a decision that is lost', () =>
      store.approvals.decide(first as never, 'acme', {}, aResolution()),
    )
    await areServedByIndexes('a reminder', () =>
      store.approvals.remind({ id: second as never, tenant: 'acme', due: 5 }, { due: 6, at: 5 }),
    )
    await areServedByIndexes('a signal', () => store.runs.signal(run.id, { by: alice, at: 1, reason: null }))
    await areServedByIndexes('a claim', () => store.runs.claimOrSignal(run.id, lease(9_000)))
    const held = await store.runs.get(run.id)
    if (!held || !second) throw new Error('not set up')
    await areServedByIndexes('a renewal', () => store.runs.renew(run.id, held.fence, 9_500))
    await areServedByIndexes('a step that hears', () =>
      store.runs.step(aStep(held, { heard: ids, head: { ...running, status: 'PAUSED', gated: true } })),
    )
    const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' })
    const end = aStep(
      { ...held, seq: held.seq + 1 },
      { head: completed, cancelPending, release: { signals: 0, due: null } },
    )
    await areServedByIndexes('the end of a run', () => store.runs.step(end))
    expect(await store.approvals.get(second)).toMatchObject({ status: 'CANCELLED' })
  })
})
