import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { openSqliteKeys, openSqliteStore, sqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { storeContract } from './contract.ts'
import { aKey, anApproval, anEntry, aResolution, aRun, aStep, claimed, paused, started } from './records.ts'

storeContract('SQLite in memory', () => openSqliteStore({ path: ':memory:' }))
storeContract('SQLite in a file', async () => openSqliteStore({ path: newPath(), prefix: 'countersign_' }))

/** A path in a new directory that goes with the test. */
function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return join(directory, 'test.db')
}

const inUse = { code: 'STORE_IN_USE' }
const unavailable = { code: 'STORE_UNAVAILABLE' }

describe('writes that share a transaction', () => {
  test('one that fails takes back only itself', async () => {
    await using store = await openSqliteStore({ path: newPath() })
    const { run, ids } = await paused(store)
    const [other, runs] = [await claimed(store), [aRun(), aRun()]]
    const [before, failing, step, after] = await Promise.allSettled([
      ...runs.slice(0, 1).map((one) => store.runs.create(one, anEntry(one, 1))),
      store.runs.step(aStep(run, { propose: [anApproval(run, {}, 2)] })),
      store.runs.step(aStep(other)),
      ...runs.slice(1).map((one) => store.runs.create(one, anEntry(one, 1))),
    ])
    expect(failing).toMatchObject({
      status: 'rejected',
      reason: { code: 'STORE_CONFLICT', cause: { code: 'ERR_SQLITE_ERROR' } },
    })
    for (const outcome of [before, step, after]) expect(outcome?.status).toBe('fulfilled')
    for (const { id } of runs) expect(await store.runs.get(id)).not.toBeNull()
    expect(await store.runs.get(other.id)).toMatchObject({ seq: 2 })
    expect(await store.runs.get(run.id)).toEqual(run)
    expect(await store.approvals.getMany(ids)).toHaveLength(1)
  })

  test('what a failed write would have told is not told, and its neighbours are told of once', async () => {
    await using store = await openSqliteStore({ path: ':memory:' })
    const { run } = await paused(store)
    const other = aRun()
    const heard: unknown[] = []
    using _ = store.changes((news) => heard.push(news))
    await Promise.allSettled([
      store.runs.create(other, anEntry(other, 1)),
      store.runs.step(aStep(run, { propose: [anApproval(run, {}, 2, 7), anApproval(run, {}, 2)] })),
    ])
    expect(heard).toMatchObject([{ kind: 'run', id: other.id, seq: 1 }])
  })

  test('the news are out before whoever waits for the write goes on', async () => {
    await using store = await openSqliteStore({ path: ':memory:' })
    const order: string[] = []
    using _ = store.changes(() => order.push('news'))
    await Promise.all([
      started(store).then(() => order.push('answer')),
      started(store).then(() => order.push('answer')),
    ])
    expect(order).toEqual(['news', 'news', 'answer', 'answer'])
  })

  test('more than one batch of them are all written', async () => {
    await using store = await openSqliteStore({ path: ':memory:' })
    await Promise.all(Array.from({ length: 1_500 }, () => started(store)))
    expect(await store.runs.count({ visible: { tenant: 'acme' } }, 10_000)).toBe(1_500)
  })

  test('S8 disk full in the middle of a batch: what was acknowledged is there, what failed said so', async () => {
    const path = newPath()
    const database = openDatabase(path, '')
    const store = sqliteStore(database, '', Date.now)
    const { page_count } = database.connection.prepare('PRAGMA page_count').get() ?? {}
    database.connection.exec(`PRAGMA max_page_count = ${Number(page_count) + 60}`)
    // Small ones between large ones, so that some still fit when others do not.
    const runs = Array.from({ length: 60 }, (_, n) => aRun({ message: 'x'.repeat(n % 2 ? 30_000 : 10) }))
    const outcomes = await Promise.allSettled(runs.map((run) => store.runs.create(run, anEntry(run, 1))))
    await store[Symbol.asyncDispose]()
    const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.length).toBeLessThan(runs.length)
    for (const reason of failed)
      expect(reason).toMatchObject({ ...unavailable, message: expect.stringContaining('full') })
    await using reopened = await openSqliteStore({ path })
    for (const [n, run] of runs.entries()) {
      const written = outcomes[n]?.status === 'fulfilled'
      expect(await reopened.runs.get(run.id)).toEqual(written ? run : null)
      expect(await reopened.journal.read(run.id, 0, 10)).toHaveLength(written ? 1 : 0)
    }
  })
})

describe('the file', () => {
  test('reopening it finds everything', async () => {
    const path = newPath()
    const first = await openSqliteStore({ path })
    const { run, ids } = await paused(first)
    for (const id of ids) await first.approvals.decide(id, 'acme', {}, aResolution())
    const approvals = await first.approvals.getMany(ids)
    await first[Symbol.asyncDispose]()
    await using second = await openSqliteStore({ path })
    expect(await second.runs.get(run.id)).toEqual(run)
    expect(await second.approvals.getMany(ids)).toEqual(approvals)
    expect(await second.journal.read(run.id, 0, 10)).toEqual([anEntry(run, 1), anEntry(run, 2)])
    expect(second.description).toMatch(/^SQLite 3\.\d+\.\d+ at .*test\.db$/)
  })

  test('a second server is refused and told what to do; it may have it when the first is gone', async () => {
    const path = newPath()
    const first = await openSqliteStore({ path })
    const refused = openSqliteStore({ path })
    await expect(refused).rejects.toMatchObject({ ...inUse, message: expect.stringContaining(`${path}.lock`) })
    await expect(refused).rejects.toThrow(/Stop that server/)
    await started(first)
    await first[Symbol.asyncDispose]()
    await using second = await openSqliteStore({ path })
    await second.ping()
  })

  test('a server that was killed leaves the file free and loses nothing it had acknowledged', async () => {
    const path = newPath()
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-sqlite.ts'), path])
    onTestFinished(() => void holder.kill('SIGKILL'))
    const [id] = String(await once(holder.stdout, 'data')).split('\n')
    await expect(openSqliteStore({ path })).rejects.toMatchObject(inUse)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await using store = await openSqliteStore({ path })
    expect(await store.runs.get(id as never)).toMatchObject({ id, seq: 1 })
  })

  test('a file of something else is refused and left as it is', async () => {
    const path = newPath()
    writeFileSync(path, 'a letter to somebody, and no database')
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('no SQLite'),
    })
    expect(readFileSync(path, 'utf8')).toBe('a letter to somebody, and no database')
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  test('a database of something else is refused, unless a prefix keeps the tables apart', async () => {
    const path = newPath()
    using other = new DatabaseSync(path)
    other.exec('CREATE TABLE runs (distance REAL); CREATE TABLE c_notes (text TEXT)')
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('prefix'),
    })
    await using store = await openSqliteStore({ path, prefix: 'c_' })
    await started(store)
    expect(other.prepare('SELECT * FROM runs').all()).toEqual([])
  })

  test('a database of a newer version is refused', async () => {
    const path = newPath()
    await (await openSqliteStore({ path }))[Symbol.asyncDispose]()
    using later = new DatabaseSync(path)
    later.exec('UPDATE countersign SET version = 2')
    const refused = { code: 'UNSUPPORTED_VERSION', message: expect.stringContaining('a newer version') }
    await expect(openSqliteStore({ path })).rejects.toMatchObject(refused)
  })

  test('indexes that another version defined otherwise are made anew', async () => {
    const path = newPath()
    const first = await openSqliteStore({ path })
    const { run } = await paused(first)
    await first[Symbol.asyncDispose]()
    using earlier = new DatabaseSync(path)
    earlier.exec('DROP INDEX runs_agent; CREATE INDEX runs_agent ON runs (tenant, agent_name, created_at, id)')
    await using store = await openSqliteStore({ path })
    const filter = { visible: { tenant: 'acme' }, agentName: ['support'] }
    expect(await store.runs.list(filter, 'NEWEST_FIRST', { limit: 5 })).toEqual([run])
  })

  test('a deadline that was set before approvals told what is due about them passes afterwards', async () => {
    const path = newPath()
    const first = await openSqliteStore({ path })
    const dated = { expiresAt: 5_000, due: 5_000 }
    const { ids } = await paused(first, {}, dated, {}, dated)
    const [id, , decided] = ids
    if (id === undefined || decided === undefined) throw new Error('not set up')
    await first.approvals.decide(decided, 'acme', {}, aResolution())
    await first[Symbol.asyncDispose]()
    using earlier = new DatabaseSync(path)
    earlier.exec('DROP INDEX approvals_due')
    for (const column of ['sensitive', 'due', 'remind_at']) earlier.exec(`ALTER TABLE approvals DROP COLUMN ${column}`)
    await using store = await openSqliteStore({ path })
    expect(await store.approvals.due(5_000, 10)).toMatchObject([{ id, due: 5_000 }])
    expect(await store.approvals.get(id)).toMatchObject({ remindAt: [], due: 5_000, sensitive: [] })
  })

  test('a database that was made before there were keys gets their table, and is of the same format', async () => {
    const path = newPath()
    await (await openSqliteStore({ path }))[Symbol.asyncDispose]()
    using earlier = new DatabaseSync(path)
    earlier.exec('DROP TABLE keys')
    await using store = await openSqliteStore({ path })
    expect(await store.keys.list(1)).toEqual([])
    expect(earlier.prepare('SELECT version FROM countersign').get()).toEqual({ version: 1 })
  })

  test('keys are seen to while a server holds the file, whose tables are left as they are, or before there is one', async () => {
    const path = newPath()
    const key = aKey()
    {
      await using keys = await openSqliteKeys({ path })
      await keys.keys.put(key)
    }
    await using store = await openSqliteStore({ path })
    expect(await store.keys.list(2)).toEqual([key])
    using other = new DatabaseSync(path)
    other.exec('DROP INDEX runs_agent')
    await using keys = await openSqliteKeys({ path })
    expect(other.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'runs_agent'`).get()).toBeUndefined()
    await keys.keys.revoke(key.id, 2_000)
    expect(await store.keys.getMany([key.id])).toEqual([{ ...key, revokedAt: 2_000 }])
    await store.keys.touch(key.id, 3_000)
    expect(await keys.keys.list(2)).toEqual([{ ...key, revokedAt: 2_000, lastUsedAt: 3_000 }])
  })

  test('a missing directory, a directory and a prefix that is no name are told in one line', async () => {
    const path = newPath()
    for (const wrong of [join(path, 'no', 'such.db'), join(path, '..')]) {
      await expect(openSqliteStore({ path: wrong })).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining(wrong),
      })
    }
    await expect(openSqliteStore({ path, prefix: 'a b' })).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
  })

  test('a directory that cannot be written is told in one line', async () => {
    // Not even root makes a file there.
    await expect(openSqliteStore({ path: '/proc/countersign.db' })).rejects.toMatchObject(unavailable)
  })
})

test('a write that another program holds up too long is refused, and the store goes on', async () => {
  const path = newPath()
  const store: Store = await openSqliteStore({ path })
  onTestFinished(() => store[Symbol.asyncDispose]())
  using other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  // All wait once, together: one after the other they would take longer than a test may.
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => started(store)))
  for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: unavailable })
  other.exec('ROLLBACK')
  await started(store)
})
