import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { emptyState, fold } from '../../src/runs/fold.ts'
import { type EntryBody, readEntry, writeEntry } from '../../src/runs/journal.ts'
import { entryAfter, holdLease, LeaseLost, type RunLease } from '../../src/runs/lease.ts'
import { loadState } from '../../src/runs/load.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { type Around, faulty, unavailable } from './faulty-store.ts'
import { completed, paused, responded, runRecord, started } from './journal-of.ts'

type Scene = AsyncDisposable & { readonly store: Store; readonly lease: RunLease }

/** A run with its first entry, held by us through a store with something around it. */
async function hold(around: Around = (_, call) => call(), leaseMs = 60_000): Promise<Scene> {
  const store = await openSqliteStore({ path: ':memory:' })
  const until = store.now() + leaseMs
  const run = runRecord({ id: newRunId(), lease: { owner: 'us', until } })
  const first = entryAfter({ seq: 0, hash: '' }, run, 1_000, started)
  const record = writeEntry(first)
  await store.runs.create(run, record)
  const state = fold(emptyState, [first], record.text)
  const log = pino({ level: 'silent' })
  const held = { store: faulty(store, around), log, leaseMs, heldSince: performance.now(), wake: () => {} }
  const lease = holdLease(run, state, held)
  return { store, lease, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

const bodiesOf = async ({ store, lease }: Scene) =>
  (await store.journal.read(lease.run.id, 0, 100)).map((record) => readEntry(record).type)
const takenOver = ({ store, lease }: Scene) => {
  const now = store.now() + 1_000_000
  return store.runs.claimOrSignal(lease.run.id, { owner: 'them', now, until: now + 60_000 })
}

/** Fails the first `count` steps: after they took effect, or instead. */
function failing(count: number, written: boolean): Around {
  let left = count
  return async (method, call) => {
    if (method !== 'runs.step' || left === 0) return call()
    left -= 1
    if (written) await call()
    throw unavailable()
  }
}

test('drafts are in the state at once and in the store after the flush, in one step', async () => {
  await using scene = await hold()
  const { lease } = scene
  lease.draft(responded('Hi'))
  lease.draft(completed())
  expect(lease.state).toMatchObject({ seq: 3, status: 'COMPLETED' })
  expect(await bodiesOf(scene)).toEqual(['started'])
  expect(await lease.flush()).toBe(true)
  expect(await bodiesOf(scene)).toEqual(['started', 'model-responded', 'completed'])
  expect(lease.run).toMatchObject({ seq: 3, status: 'COMPLETED', lease: null })
  expect(await loadState(scene.store, lease.run.id)).toEqual(lease.state)
})

test.each([
  ['was written although it said it failed', true],
  ['was not written', false],
] as const)('a step that %s is on record once in the end', async (_, written) => {
  await using scene = await hold(failing(1, written))
  const { lease } = scene
  lease.draft(responded('Hi'))
  await lease.flush()
  lease.draft(paused)
  expect(await lease.flush({ due: null })).toBe(true)
  expect(await bodiesOf(scene)).toEqual(['started', 'model-responded', 'paused'])
  expect(await loadState(scene.store, lease.run.id)).toEqual(lease.state)
})

test('also when the look-up fails, and the answer is lost again', async () => {
  let calls = 0
  await using scene = await hold(async (method, call) => {
    calls += 1
    if (calls > 5) return call()
    if (method === 'runs.step') await call()
    throw unavailable()
  })
  const { lease } = scene
  lease.draft(responded('Hi'))
  await lease.flush()
  expect(await bodiesOf(scene)).toEqual(['started', 'model-responded'])
})

test('a lease given up by a step whose answer was lost is given up', async () => {
  await using scene = await hold(failing(1, true))
  const { lease } = scene
  lease.draft(paused)
  expect(await lease.flush({ due: 77 })).toBe(true)
  expect(await scene.store.runs.get(lease.run.id)).toMatchObject({ lease: null, due: 77, seq: 2, status: 'PAUSED' })
})

describe('when somebody else has taken the run', () => {
  test('nothing more is written, and the lease is lost', async () => {
    await using scene = await hold()
    await takenOver(scene)
    scene.lease.draft(paused)
    await expect(scene.lease.flush()).rejects.toThrow(LeaseLost)
    await expect(scene.lease.refresh()).rejects.toThrow(LeaseLost)
    await expect(scene.lease.renew()).rejects.toThrow(LeaseLost)
    expect(scene.lease.isHeld()).toBe(false)
    expect(await bodiesOf(scene)).toEqual(['started'])
  })

  test.each([
    ['what was written before stands', true, ['started', 'paused']],
    ['what was not is lost', false, ['started']],
  ] as const)('while the outcome of a step was unknown, %s', async (_, written, expected) => {
    let scene: Scene | undefined
    let lost = false
    await using made = await hold(async (method, call) => {
      if (method !== 'runs.step' || lost || !scene) return call()
      lost = true
      if (written) await call()
      await takenOver(scene)
      throw unavailable()
    })
    scene = made
    scene.lease.draft(paused)
    const { lease, store } = scene
    // Whether it is told of the loss now or with its next step: nothing is written under the fence of the other.
    await lease.flush().catch((error) => expect(error).toBeInstanceOf(LeaseLost))
    lease.draft(completed())
    const next = await lease.flush().catch((error) => error)
    expect(await bodiesOf(scene)).toEqual(expected)
    expect(next).toBeInstanceOf(LeaseLost)
    expect(await store.runs.get(lease.run.id)).toMatchObject({ fence: 2, lease: { owner: 'them' } })
  })
})

describe('the lease is kept', () => {
  test('when a signal came since the record was last read, and given up after it was read again', async () => {
    await using scene = await hold()
    const { lease, store } = scene
    await store.runs.signal(lease.run.id)
    lease.draft(paused)
    expect(await lease.flush({ due: null })).toBe(false)
    expect(await store.runs.get(lease.run.id)).toMatchObject({ status: 'PAUSED', signals: 1, lease: { owner: 'us' } })
    expect(await lease.flush({ due: null })).toBe(false)
    await lease.refresh()
    expect(await lease.flush({ due: null })).toBe(true)
    expect(await store.runs.get(lease.run.id)).toMatchObject({ lease: null, due: null })
  })

  test('not for a run that is over: there is nothing left to look at', async () => {
    await using scene = await hold()
    await scene.store.runs.signal(scene.lease.run.id)
    scene.lease.draft(completed())
    expect(await scene.lease.flush()).toBe(true)
  })

  test('for as long as it was asked for, and longer when it is renewed, which tells of signals', async () => {
    await using scene = await hold(undefined, 40)
    const { lease, store } = scene
    expect(lease.isHeld()).toBe(true)
    while (lease.isHeld()) await new Promise((resolve) => setImmediate(resolve))
    expect(await lease.renew()).toBe(false)
    expect(lease.isHeld()).toBe(true)
    await store.runs.signal(lease.run.id)
    expect(await lease.renew()).toBe(true)
  })
})

test('what was read before a step, and arrives after it, takes nothing of it back', async () => {
  const arrival = Promise.withResolvers<void>()
  const read = Promise.withResolvers<void>()
  await using scene = await hold(async (method, call) => {
    const answer = await call()
    if (method !== 'runs.get') return answer
    read.resolve()
    await arrival.promise
    return answer
  })
  const { lease } = scene
  const refreshed = lease.refresh()
  await read.promise
  lease.draft(responded('Hi'), { gated: true })
  await lease.flush()
  arrival.resolve()
  await refreshed
  expect(lease.run).toMatchObject({ seq: 2, gated: true })
  lease.draft(completed())
  await lease.flush()
  expect(lease.run).toMatchObject({ seq: 3, gated: true, status: 'COMPLETED' })
})

test('what is drafted from many sides at once is written once, in order, through one queue', async () => {
  let under = 0
  let most = 0
  await using scene = await hold(async (method, call) => {
    if (method !== 'runs.step') return call()
    most = Math.max(most, ++under)
    const answer = await call()
    under -= 1
    return answer
  })
  const { lease } = scene
  const say = async (n: number) => {
    for (let turn = n % 4; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve))
    lease.draft(responded(`${n}`) satisfies EntryBody)
    await lease.flush()
    return lease.run.seq
  }
  await Promise.all(Array.from({ length: 50 }, (_, n) => say(n)))
  const state = await loadState(scene.store, lease.run.id)
  expect(state).toEqual(lease.state)
  expect(new Set(state.turns.map(({ text }) => text)).size).toBe(50)
  expect(most).toBe(1)
})

test('a lease that is stopped waits no longer for a store that does not answer', async () => {
  await using scene = await hold((method, call) => (method === 'runs.step' ? Promise.reject(unavailable()) : call()))
  scene.lease.draft(paused)
  const flushed = scene.lease.flush()
  scene.lease.stop()
  await expect(flushed).rejects.toThrow()
  expect(scene.lease.isHeld()).toBe(false)
})

test('a step that can never be written does not keep the lease waiting for ever', async () => {
  let tries = 0
  const { promise: givenUp, resolve } = Promise.withResolvers<'still trying'>()
  await using scene = await hold((method, call) => {
    if (method !== 'runs.step') return call()
    if (++tries > 4) resolve('still trying')
    return Promise.reject(new TypeError('A mistake in the program, not in the database.'))
  })
  scene.lease.draft(paused)
  const flushed = scene.lease.flush().then(
    () => 'written',
    (error) => error.constructor.name,
  )
  const outcome = await Promise.race([flushed, givenUp])
  scene.lease.stop()
  expect(outcome).toBe('StoreFailed')
})
