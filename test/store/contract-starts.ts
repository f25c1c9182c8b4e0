import { expect, test, vi } from 'vitest'
import { callId, newRunId } from '../../src/ids.ts'
import type { RunRecord } from '../../src/store/records.ts'
import type { NewRun, News, RunSignal } from '../../src/store/store.ts'
import type { MakeStore } from './contract.ts'
import { admin, alice, anApproval, anEntry, aRun, aStep, bob, claimed, completed, lease, started } from './records.ts'

/** The run of an agent that a call of `outer` begins. */
function aChild(outer: RunRecord, given: Partial<RunRecord> = {}): NewRun {
  const parent = { runId: outer.id, callId: callId(outer.id, 3, 0) }
  const run = aRun({ agentName: 'inner', parent, path: [...outer.path, 'inner'], ...given })
  return { run, started: anEntry(run, 1) }
}

const cancel = { by: alice, at: 1_500, reason: 'Enough.' }

/** What a step does to other runs than its own: it begins them and wakes them. */
export function startContract(makeStore: MakeStore): void {
  test('a step begins other runs, which are due at once, with their sessions', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const children = [aChild(run), aChild(run)]
    expect(await store.runs.step(aStep(run, { start: children }))).toMatchObject({ seq: 2 })
    for (const child of children) {
      expect(await store.runs.get(child.run.id)).toEqual(child.run)
      expect(await store.journal.read(child.run.id, 0, 10)).toEqual([child.started])
      expect(await store.runs.history('acme', child.run.sessionId, bob, 1)).toBeNull()
      expect(await store.runs.history('acme', child.run.sessionId, alice, 1)).toEqual([])
    }
    const due = await store.runs.claimDue(['inner'], 10, lease(1_000))
    expect(due.map(({ id }) => id).sort()).toEqual(children.map(({ run }) => run.id).sort())
  })

  test('a step wakes other runs, with a cancel where one is given: the first that was asked for stands', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const [woken, cancelled, asked] = [await started(store), await started(store), await started(store)]
    const first = { by: admin, at: 1_200, reason: null }
    await store.runs.signal(asked.id, first)
    const signal: RunSignal[] = [
      { id: woken.id, cancel: null },
      { id: cancelled.id, cancel },
      { id: asked.id, cancel },
      { id: newRunId(), cancel },
    ]
    const head = { ...completed, updatedAt: 1_700 }
    expect(await store.runs.step(aStep(run, { head, signal }))).toMatchObject({ seq: 2, signals: 0 })
    expect(await store.runs.get(woken.id)).toEqual({ ...woken, signals: 1, due: 1_700 })
    expect(await store.runs.get(cancelled.id)).toEqual({
      ...cancelled,
      signals: 1,
      due: 1_700,
      cancelRequested: cancel,
    })
    expect(await store.runs.get(asked.id)).toMatchObject({ signals: 2, cancelRequested: first })
  })

  test('a step wakes a run that is held, and its holder then keeps the lease; one that is over is not cancelled', async () => {
    await using store = await makeStore()
    const [run, held, over] = [await claimed(store), await claimed(store), await claimed(store)]
    await store.runs.step(aStep(over, { head: completed, release: { signals: 0, due: null } }))
    const signal = [held, over].map(({ id }) => ({ id, cancel }))
    await store.runs.step(aStep(run, { signal }))
    expect(await store.runs.get(over.id)).toMatchObject({ status: 'COMPLETED', signals: 1, cancelRequested: null })
    const after = await store.runs.step(aStep(held, { release: { signals: 0, due: null } }))
    expect(after).toMatchObject({ lease: held.lease, signals: 1, cancelRequested: cancel })
  })

  test('a step may wake the run that it begins', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const child = aChild(run)
    await store.runs.step(aStep(run, { start: [child], signal: [{ id: child.run.id, cancel }] }))
    expect(await store.runs.get(child.run.id)).toMatchObject({ seq: 1, signals: 1, cancelRequested: cancel })
  })

  test('a step that is refused begins nothing and wakes nobody', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    const other = await started(store)
    const child = aChild(run)
    const step = aStep(run, { start: [child], signal: [{ id: other.id, cancel }] })
    expect(await store.runs.step({ ...step, fence: run.fence - 1 })).toBeNull()
    expect(await store.runs.step({ ...step, seq: 2, entries: [anEntry(run, 3)] })).toBeNull()
    expect(await store.runs.get(child.run.id)).toBeNull()
    expect(await store.journal.read(child.run.id, 0, 10)).toEqual([])
    expect(await store.runs.get(other.id)).toEqual(other)
    // Not even its session is taken.
    expect(await store.runs.history('acme', child.run.sessionId, bob, 1)).toEqual([])
    expect(await store.runs.get(run.id)).toEqual(run)
  })

  test.each<[string, (store: RunRecord, standing: RunRecord) => NewRun]>([
    ['id', (run, { id }) => aChild(run, { id })],
    ['session', (run, { sessionId }) => aChild(run, { sessionId })],
    ['session, which is somebody else’s,', (run, { sessionId }) => aChild(run, { sessionId, requestedBy: bob })],
  ])('a step that begins a run whose %s stands already is refused as a whole', async (_, make) => {
    await using store = await makeStore()
    const [run, standing, other] = [await claimed(store), await started(store), await started(store)]
    const [child, sibling] = [make(run, standing), aChild(run)]
    const signal = [{ id: other.id, cancel }]
    const step = aStep(run, { start: [sibling, child], signal, propose: [anApproval(run)] })
    await expect(store.runs.step(step)).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
    expect(await store.runs.get(run.id)).toEqual(run)
    expect(await store.runs.get(standing.id)).toEqual(standing)
    expect(await store.runs.get(other.id)).toEqual(other)
    expect(await store.runs.get(sibling.run.id)).toBeNull()
    expect(await store.approvals.get(anApproval(run).id)).toBeNull()
    for (const [{ id }, entries] of [
      [run, 1],
      [standing, 1],
      [sibling.run, 0],
    ] as const)
      expect(await store.journal.read(id, 0, 10)).toHaveLength(entries)
    // The holder still is one.
    expect(await store.runs.step(aStep(run, { start: [sibling] }))).toMatchObject({ seq: 2 })
  })

  test('of two steps at once that begin the same run one is written, and what the other wakes is not woken', async () => {
    await using store = await makeStore()
    const [run, other] = [await claimed(store), await started(store)]
    const child = aChild(run)
    const step = aStep(run, { start: [child], signal: [{ id: other.id, cancel: null }] })
    const results = await Promise.all([store.runs.step(step), store.runs.step(step)])
    expect(results.filter((result) => result !== null)).toHaveLength(1)
    expect(await store.runs.get(other.id)).toMatchObject({ signals: 1 })
  })

  test('two runs that wake each other at once are both written and both woken', async () => {
    await using store = await makeStore()
    const [one, two] = [await claimed(store), await claimed(store)]
    const wake = (run: RunRecord, other: RunRecord) =>
      store.runs.step(aStep(run, { signal: [{ id: other.id, cancel: null }] }))
    const written = await Promise.all([wake(one, two), wake(two, one)])
    expect(written).toMatchObject([{ seq: 2 }, { seq: 2 }])
    for (const { id } of [one, two]) expect(await store.runs.get(id)).toMatchObject({ seq: 2, signals: 1 })
  })

  test('it is told of what a step began and woke', async () => {
    await using store = await makeStore()
    const [run, other] = [await claimed(store), await started(store)]
    const child = aChild(run)
    const heard = new Set<string>()
    using _ = store.changes((news: News) => void (news.kind === 'run' && heard.add(news.id)))
    await store.runs.step(aStep(run, { start: [child], signal: [{ id: other.id, cancel: null }] }))
    await vi.waitFor(() => expect(heard).toEqual(new Set([run.id, child.run.id, other.id])))
  })

  test('many runs are read at once; those that are not there are left out', async () => {
    await using store = await makeStore()
    const runs = [await started(store), await started(store), await claimed(store)]
    const found = await store.runs.getMany([...runs.map(({ id }) => id), newRunId()])
    expect(found).toHaveLength(3)
    expect(found).toEqual(expect.arrayContaining(runs))
    expect(await store.runs.getMany([])).toEqual([])
    expect(await store.runs.getMany([newRunId()])).toEqual([])
  })
}
