import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { anEntry, aResolution, aRun, aStep, claimed, lease, paused, started } from './records.ts'

/** A store in a file, and somebody else's connection to it. */
async function openWithOther() {
  await using stack = new AsyncDisposableStack()
  const path = join(stack.use(temporaryDirectory()).path, 'test.db')
  const store = stack.use(await openSqliteStore({ path }))
  const other = stack.adopt(new DatabaseSync(path, { timeout: 5_000 }), (database) => database.close())
  const owned = stack.move()
  return { store, other, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('a run whose row cannot be read keeps no other from being taken, and is not looked at each time', async () => {
  await using scene = await openWithOther()
  const { store, other } = scene
  const poisoned = [await started(store, { due: 1 }), await started(store, { due: 2 })]
  const healthy = [await started(store, { due: 3 }), await started(store, { due: 4 })]
  const poison = other.prepare("UPDATE runs SET cancel_requested = 'x{' WHERE id = ?")
  for (const { id } of poisoned) expect(poison.run(id).changes).toBe(1)
  const taken = []
  // With room for one only, and the longest due first: each look gets past one of them.
  for (let looks = 0; looks < 4; looks++) taken.push(...(await store.runs.claimDue(['support'], 1, lease(1_000))))
  expect(taken.map(({ id }) => id)).toEqual(healthy.map(({ id }) => id))
  expect(await store.runs.claimDue(['support'], 10, lease(1_000))).toEqual([])
  // Mended, it is found again.
  other.exec('UPDATE runs SET cancel_requested = NULL')
  const later = await store.runs.claimDue(['support'], 10, lease(1_000 + 2 * 3_600_000))
  expect(later.map(({ id }) => id).sort()).toEqual(expect.arrayContaining(poisoned.map(({ id }) => id).sort()))
})

test('a run whose row cannot be read fails its own reads and writes, and nobody else’s', async () => {
  await using scene = await openWithOther()
  const { store, other } = scene
  // One that nobody works on: those that are held are remembered, and not read.
  const poisoned = await started(store)
  const healthy = await claimed(store)
  other.prepare("UPDATE runs SET cancel_requested = 'x{' WHERE id = ?").run(poisoned.id)
  const [mine, step, signal, claim] = await Promise.allSettled([
    store.runs.step(aStep(healthy)),
    store.runs.step(aStep(poisoned)),
    store.runs.signal(poisoned.id),
    store.runs.claimOrSignal(poisoned.id, lease(5_000)),
  ])
  expect(mine).toMatchObject({ status: 'fulfilled', value: { seq: 2 } })
  for (const outcome of [step, signal, claim]) expect(outcome.status).toBe('rejected')
})

test('an approval whose row cannot be read fails its own reads and writes, and nobody else’s', async () => {
  await using scene = await openWithOther()
  const { store, other } = scene
  const [poisoned, healthy] = [await paused(store), await paused(store)]
  other.prepare("UPDATE approvals SET history = 'x{' WHERE run_id = ?").run(poisoned.run.id)
  const decide = (id: (typeof healthy.ids)[number] | undefined) =>
    store.approvals.decide(id ?? ('' as never), 'acme', {}, aResolution())
  const [mine, theirs] = await Promise.allSettled([decide(healthy.ids[0]), decide(poisoned.ids[0])])
  expect(mine).toMatchObject({ status: 'fulfilled', value: { won: true, approval: { status: 'APPROVED' } } })
  expect(theirs.status).toBe('rejected')
  await expect(store.approvals.getMany(poisoned.ids)).rejects.toThrow()
})

test('a place that is taken is STORE_CONFLICT, which no trying again mends, and nothing of the step is written', async () => {
  await using scene = await openWithOther()
  const { store, other } = scene
  const run = await claimed(store)
  const taken = anEntry(run, 2, '{"of":"somebody else"}')
  other.prepare('INSERT INTO journal (run_id, seq, text) VALUES (?, ?, ?)').run(run.id, taken.seq, taken.text)
  for (const entries of [[anEntry(run, 2)], [anEntry(run, 2), anEntry(run, 3)]])
    await expect(store.runs.step(aStep(run, { entries }))).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
  expect(await store.runs.get(run.id)).toEqual(run)
  expect(await store.journal.read(run.id, 1, 10)).toEqual([taken])
})

test('a run whose first place in the journal is taken is STORE_CONFLICT', async () => {
  await using scene = await openWithOther()
  const { store, other } = scene
  const run = aRun()
  other.prepare("INSERT INTO journal (run_id, seq, text) VALUES (?, 1, '{}')").run(run.id)
  await expect(store.runs.create(run, anEntry(run, 1))).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
  expect(await store.runs.get(run.id)).toBeNull()
})
