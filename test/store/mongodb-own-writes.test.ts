import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { RunRecord } from '../../src/store/records.ts'
import type { News, Store } from '../../src/store/store.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { mongoProxy } from '../support/mongodb-proxy.ts'
import { type MongoServer, startMongoServer } from '../support/mongodb-server.ts'
import { aResolution, aStep, claimed, paused } from './records.ts'

// A process tells of its own writes itself; its change stream leaves them out, but for a while after one whose outcome is not known.

let server: MongoServer
let databases = 0

beforeAll(async () => {
  if (!mongodbIsOff()) server = await startMongoServer()
}, 60_000)
afterAll(() => server?.[Symbol.asyncDispose]())

async function open(url: string) {
  const store = await openMongoStore({ url })
  onTestFinished(() => store[Symbol.asyncDispose]())
  const heard: News[] = []
  store.changes((news) => heard.push(news))
  return { store, heard }
}
const freshUrl = (through: Pick<MongoServer, 'url'>) => `${through.url(`own_${databases++}`)}&socketTimeoutMS=2000`

/** What was told of runs and approvals, in a few words. */
const told = (heard: readonly News[]) =>
  heard.map((news) =>
    news.kind === 'run' ? `run ${news.seq}` : news.kind === 'approval' ? `approval ${news.revision}` : 'missed',
  )
const aLittleLater = { timeout: 10_000, interval: 50 }

const hearsOf = ({ heard }: { heard: readonly News[] }, { id }: RunRecord) =>
  vi.waitFor(() => expect(heard.some((news) => news.kind === 'run' && news.id === id)).toBe(true), aLittleLater)

/** All kinds of writes that are news. */
async function writeAll(store: Store) {
  const { run, ids } = await paused(store, {})
  const [id] = ids
  if (id === undefined) throw new Error('There is no approval.')
  await store.approvals.decide(id, run.tenant, {}, aResolution())
  await store.runs.signal(run.id)
}

describe.skipIf(mongodbIsOff())('a process on MongoDB', () => {
  test('hears of another’s new approval with all there is to show, and reads none of it', async () => {
    const url = freshUrl(server)
    const [ours, theirs] = [await open(url), await open(url)]
    const { ids } = await paused(ours.store, {}, { sensitive: [['userId']], expiresAt: 9_000, remindAt: [5_000] })
    const [id] = ids
    if (id === undefined) throw new Error('There is no approval.')
    const [news] = await vi.waitUntil(() => {
      const found = theirs.heard.filter(({ kind }) => kind === 'approval')
      return found.length > 0 && found
    }, aLittleLater)
    expect(news).toMatchObject({ id, revision: 1, record: await theirs.store.approvals.get(id) })
  })

  test('hears of its own writes once and at once, and of others’ by the stream', async () => {
    const url = freshUrl(server)
    const [ours, theirs] = [await open(url), await open(url)]
    await writeAll(ours.store)
    const everything = told(ours.heard)
    expect(everything.toSorted()).toEqual(['approval 1', 'approval 2', 'run 1', 'run 2', 'run 2'])
    // A signal is told without its place by who did not write it.
    const elsewhere = ['approval 1', 'approval 2', 'run 0', 'run 1', 'run 2']
    await vi.waitFor(() => expect(told(theirs.heard).toSorted()).toEqual(elsewhere), aLittleLater)
    // What came later than all of ours by the stream shows that none of them came.
    await hearsOf(ours, await claimed(theirs.store))
    expect(told(ours.heard).slice(0, everything.length)).toEqual(everything)
  })

  test('tells that something was missed when a write may have been done, and hears of it if it is done late', async () => {
    const proxy = await mongoProxy(server)
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    const ours = await open(freshUrl(proxy))
    const theirs = await open(server.url(`own_${databases - 1}`))
    const run = await claimed(ours.store)
    ours.heard.length = 0
    // Both of the driver's tries are done by the server, and not answered.
    proxy.loseAnswers('findAndModify', 2)
    await expect(ours.store.runs.signal(run.id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await vi.waitFor(() => expect(told(ours.heard)).toContain('missed'), aLittleLater)
    expect(await ours.store.runs.get(run.id)).toMatchObject({ signals: run.signals + 1 })
    // In doubt it is told of its own writes twice over, by itself and by the stream, and hands each on once.
    ours.heard.length = 0
    await vi.waitFor(() => ours.store.runs.step(aStep(run)), aLittleLater)
    await hearsOf(ours, await claimed(theirs.store))
    expect(told(ours.heard.filter((news) => news.kind === 'run' && news.id === run.id))).toEqual(['run 2'])
  })
})
