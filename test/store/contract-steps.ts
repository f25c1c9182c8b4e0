import { expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import type { RunHead } from '../../src/store/records.ts'
import type { MakeStore } from './contract.ts'
import { anApproval, anEntry, aResolution, aStep, claimed, completed, lease, paused, running } from './records.ts'

export function stepContract(makeStore: MakeStore): void {
  test('a step writes entries, head and approvals together', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const head: RunHead = { ...running, status: 'PAUSED', gated: true, updatedAt: 1_050 }
    const propose = [anApproval(run), anApproval(run, { expiresAt: 9_000 }, 2, 1)]
    const entries = [2, 3, 4].map((seq) => anEntry(run, seq))
    const after = await store.runs.step(aStep(run, { entries, head, propose }))
    expect(after).toEqual({ ...run, ...head, seq: 4 })
    expect(await store.runs.get(run.id)).toEqual(after)
    expect(await store.journal.read(run.id, 1, 10)).toEqual(entries)
    expect(await store.journal.read(run.id, 2, 1)).toEqual([entries[1]])
    for (const approval of propose) expect(await store.approvals.get(approval.id)).toEqual(approval)
  })

  test('a step with an old fence, an old place or of an unknown run writes nothing', async () => {
    await using store = await makeStore()
    const { run, ids } = await paused(store)
    const taken = await store.runs.claimOrSignal(run.id, lease(1_100))
    expect(taken).not.toBeNull()
    if (taken === null) return
    const step = aStep(taken, {
      head: completed,
      propose: [anApproval(taken, {}, 3)],
      cancelPending: aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' }),
      release: { signals: 0, due: null },
    })
    expect(await store.runs.step({ ...step, fence: step.fence - 1 })).toBeNull()
    expect(await store.runs.step({ ...step, seq: 1, entries: [anEntry(taken, 2, '{"forged":true}')] })).toBeNull()
    const nowhere = { ...taken, id: newRunId() }
    expect(await store.runs.step(aStep(nowhere))).toBeNull()
    expect(await store.runs.get(run.id)).toEqual(taken)
    expect(await store.journal.read(run.id, 0, 10)).toEqual([anEntry(run, 1), anEntry(run, 2)])
    expect(await store.approvals.get(anApproval(taken, {}, 3).id)).toBeNull()
    expect(await store.approvals.getMany(ids)).toMatchObject([{ status: 'PENDING', revision: 1 }])
  })

  test('of two steps at once from the same place one is written', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const steps = ['{"a":1}', '{"b":2}'].map((text) => aStep(run, { entries: [anEntry(run, 2, text)] }))
    const results = await Promise.all(steps.map((step) => store.runs.step(step)))
    expect(results.filter((result) => result !== null)).toHaveLength(1)
    expect(await store.journal.read(run.id, 1, 10)).toHaveLength(1)
  })

  test('a step that proposes an approval which is there already is refused as a whole', async () => {
    await using store = await makeStore()
    const { run, ids } = await paused(store)
    const standing = await store.approvals.getMany(ids)
    const propose = [anApproval(run, {}, 3), anApproval(run, { toolName: 'another' })]
    await expect(store.runs.step(aStep(run, { head: completed, propose }))).rejects.toThrow()
    expect(await store.runs.get(run.id)).toEqual(run)
    expect(await store.journal.read(run.id, 2, 10)).toEqual([])
    expect(await store.approvals.get(anApproval(run, {}, 3).id)).toBeNull()
    expect(await store.approvals.getMany(ids)).toEqual(standing)
  })

  test('entries that leave a gap or belong to another run are a mistake of the program', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    for (const entries of [
      [anEntry(run, 3)],
      [anEntry(run, 2), anEntry(run, 2)],
      [anEntry({ ...run, id: newRunId() }, 2)],
    ]) {
      await expect(store.runs.step(aStep(run, { entries }))).rejects.toThrow(/place 2|place 3/)
    }
    expect(await store.runs.get(run.id)).toEqual(run)
    expect(await store.journal.read(run.id, 1, 10)).toEqual([])
  })

  test('a step without entries changes the head and keeps the place', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const release = { signals: 0, due: 5_000 }
    expect(await store.runs.step(aStep(run, { entries: [], release }))).toEqual({ ...run, lease: null, due: 5_000 })
  })

  test('a step with many entries keeps them all, in order', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const entries = Array.from({ length: 21 }, (_, index) => anEntry(run, index + 2))
    expect(await store.runs.step(aStep(run, { entries }))).toMatchObject({ seq: 22 })
    expect(await store.journal.read(run.id, 1, 100)).toEqual(entries)
  })

  test('a lease is given up with the step, with the time to look again', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const after = await store.runs.step(aStep(run, { release: { signals: 0, due: 4_000 } }))
    expect(after).toMatchObject({ lease: null, due: 4_000, fence: 1 })
    expect(await store.runs.claimDue(['support'], 10, lease(3_999))).toEqual([])
    expect(await store.runs.claimDue(['support'], 10, lease(4_000))).toHaveLength(1)
  })

  test('a lease is kept when a signal came since the holder last looked', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const signalled = await store.runs.signal(run.id)
    const after = await store.runs.step(aStep(run, { release: { signals: 0, due: null } }))
    expect(after).toEqual({ ...signalled, seq: 2 })
    if (after === null) return
    const again = await store.runs.step(aStep(after, { release: { signals: 1, due: null } }))
    expect(again).toMatchObject({ lease: null, due: null, seq: 3 })
  })

  test('a run that is over is let go whatever signals came', async () => {
    await using store = await makeStore()
    for (const status of ['COMPLETED', 'FAILED', 'CANCELLED'] as const) {
      const run = await claimed(store)
      await store.runs.signal(run.id)
      const step = aStep(run, { head: { ...completed, status }, release: { signals: 0, due: null } })
      expect(await store.runs.step(step)).toMatchObject({ status, lease: null, due: null, signals: 1 })
    }
  })

  test('the end of a run cancels what is pending of it and nothing else, and leaves nothing to be heard', async () => {
    await using store = await makeStore()
    const { run, ids } = await paused(store, {}, {}, {}, {})
    const other = await paused(store)
    const [decided] = ids
    if (decided !== undefined) await store.approvals.decide(decided, 'acme', {}, aResolution())
    const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION', by: null, at: 4_000, note: 'over' })
    await store.runs.step(aStep(run, { head: completed, cancelPending, heard: [] }))
    const change = { revision: 2, at: 4_000, by: null, action: 'CANCELLED', note: 'over' }
    const approvals = await Promise.all(ids.map((id) => store.approvals.get(id)))
    expect(approvals[0]).toMatchObject({ status: 'APPROVED', revision: 2, unheard: false })
    for (const approval of approvals.slice(1)) {
      expect(approval).toMatchObject({ status: 'CANCELLED', revision: 2, updatedAt: 4_000, unheard: false })
      expect(approval?.resolution).toEqual(cancelPending)
      expect(approval?.history.at(-1)).toEqual(change)
    }
    expect(await store.approvals.getMany(other.ids)).toMatchObject([{ status: 'PENDING' }])
  })
}
