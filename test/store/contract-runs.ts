import { expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import type { MakeStore } from './contract.ts'
import { admin, alice, anEntry, aRun, aStep, bob, claimed, completed, lease, started } from './records.ts'

export function runContract(makeStore: MakeStore): void {
  test('a run and its first entry are given back as they were written', async () => {
    await using store = await makeStore()
    const run = aRun({
      metadata: toJsonText({ ticket: 7, $set: { a: 1 } }),
      inputHash: 'h1',
      resumeMode: 'MANUAL',
      lease: { owner: 'worker 1', until: 5_000 },
      due: null,
      error: { code: 'MODEL_ERROR', message: 'no answer' },
      cancelRequested: { by: admin, actor: bob, at: 1_500, reason: 'a mistake' },
    })
    expect(await store.runs.create(run, anEntry(run, 1))).toEqual({ outcome: 'created', run })
    expect(await store.runs.get(run.id)).toEqual(run)
    expect(await store.journal.read(run.id, 0, 10)).toEqual([anEntry(run, 1)])
    expect(await store.runs.get(newRunId())).toBeNull()
  })

  test('creating a run twice gives the run that stands and writes nothing', async () => {
    await using store = await makeStore()
    const run = await started(store)
    const again = { ...run, message: 'another message', sessionId: 'another session' }
    expect(await store.runs.create(again, anEntry(run, 1, '{"other":true}'))).toEqual({ outcome: 'exists', run })
    expect(await store.journal.read(run.id, 0, 10)).toEqual([anEntry(run, 1)])
    expect(await store.runs.history('acme', 'another session', bob, 10)).toEqual([])
  })

  test('of two requests at once that make the same run one makes it and the other is given it', async () => {
    await using store = await makeStore()
    const run = aRun()
    const create = () => store.runs.create(run, anEntry(run, 1))
    const outcomes = await Promise.all([create(), create()])
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['created', 'exists'])
  })

  test('a session belongs to its first requester, in each tenant for itself', async () => {
    await using store = await makeStore()
    await started(store, { sessionId: 's' })
    const taken = aRun({ sessionId: 's', requestedBy: bob })
    expect(await store.runs.create(taken, anEntry(taken, 1))).toEqual({ outcome: 'session-taken' })
    expect(await store.runs.get(taken.id)).toBeNull()
    expect(await store.journal.read(taken.id, 0, 10)).toEqual([])
    for (const run of [aRun({ sessionId: 's' }), aRun({ sessionId: 's', requestedBy: bob, tenant: 'other' })]) {
      expect((await store.runs.create(run, anEntry(run, 1))).outcome).toBe('created')
    }
  })

  test('of two requesters at once one gets a new session', async () => {
    await using store = await makeStore()
    const runs = [alice, bob].map((requestedBy) => aRun({ sessionId: 's', requestedBy }))
    const outcomes = await Promise.all(runs.map((run) => store.runs.create(run, anEntry(run, 1))))
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['created', 'session-taken'])
  })

  test('claiming sets the lease, raises the fence, clears the due time and keeps the signals', async () => {
    await using store = await makeStore()
    const run = await started(store, { signals: 3 })
    const taken = await store.runs.claimOrSignal(run.id, lease(1_000))
    expect(taken).toEqual({ ...run, fence: 1, lease: { owner: 'worker 1', until: 1_100 }, due: null })
    expect(await store.runs.get(run.id)).toEqual(taken)
    expect(await store.runs.claimOrSignal(newRunId(), lease(1_000))).toBeNull()
  })

  test('claiming a run that somebody holds signals it, and takes it once the lease is over', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    expect(await store.runs.claimOrSignal(run.id, lease(1_099, 'worker 2'))).toBeNull()
    expect(await store.runs.get(run.id)).toEqual({ ...run, signals: 1, due: 1_099 })
    const taken = await store.runs.claimOrSignal(run.id, lease(1_100, 'worker 2'))
    expect(taken).toMatchObject({ fence: 2, lease: { owner: 'worker 2', until: 1_200 }, signals: 1, due: null })
  })

  test('of many claims at once one takes the run', async () => {
    await using store = await makeStore()
    const { id } = await started(store)
    const claims = Array.from({ length: 20 }, (_, n) => store.runs.claimOrSignal(id, lease(1_000, `worker ${n}`)))
    expect((await Promise.all(claims)).filter((run) => run !== null)).toHaveLength(1)
    expect(await store.runs.get(id)).toMatchObject({ fence: 1, signals: 19 })
  })

  test('what is due and what a dead worker held is taken by those that serve the agent, the longest due first', async () => {
    await using store = await makeStore()
    const second = await started(store, { due: 800 })
    const first = await started(store, { due: 700, agentName: 'billing' })
    const abandoned = await started(store, { due: null, lease: { owner: 'dead', until: 900 }, fence: 4 })
    await started(store, { due: null })
    await started(store, { due: 1_001 })
    await started(store, { due: 500, lease: { owner: 'alive', until: 1_001 } })
    await started(store, { due: 500, agentName: 'unknown here' })
    const agents = ['support', 'billing']
    const taken = await store.runs.claimDue(agents, 2, lease(1_000))
    expect(taken.map(({ id }) => id)).toEqual([first.id, second.id])
    expect(taken[0]).toMatchObject({ fence: 1, due: null, lease: { owner: 'worker 1', until: 1_100 } })
    expect(await store.runs.claimDue(agents, 10, lease(1_000))).toMatchObject([{ id: abandoned.id, fence: 5 }])
    expect(await store.runs.claimDue(agents, 10, lease(1_000))).toEqual([])
    expect(await store.runs.claimDue([], 10, lease(1_000))).toEqual([])
  })

  test('of each agent that is not served here the run is told of that waits longest', async () => {
    await using store = await makeStore()
    await started(store, { due: 500 })
    await started(store, { due: 800, agentName: 'billing' })
    const first = await started(store, { due: 700, agentName: 'billing' })
    const abandoned = await started(store, { due: null, lease: { owner: 'dead', until: 900 }, agentName: 'shop' })
    await started(store, { due: 1_001, agentName: 'early' })
    await started(store, { due: null, agentName: 'paused' })
    const unserved = async (before: number, limit = 10) =>
      (await store.runs.unserved(['support'], before, limit)).sort((a, b) => a.since - b.since)
    const billing = { agentName: 'billing', id: first.id, since: 700 }
    expect(await unserved(1_000)).toEqual([billing, { agentName: 'shop', id: abandoned.id, since: 900 }])
    expect(await unserved(899)).toEqual([billing])
    expect(await unserved(1_000, 1)).toHaveLength(1)
    expect(await store.runs.unserved([], 699, 10)).toMatchObject([{ agentName: 'support' }])
  })

  test('what is due of some tenants can be left for later', async () => {
    await using store = await makeStore()
    const theirs = await started(store, { due: 700, tenant: 'other' })
    const ours = await started(store, { due: 800 })
    const last = await started(store, { due: 900, tenant: 'third' })
    const without = ['other', 'third', "'; --"]
    expect(await store.runs.claimDue(['support'], 10, lease(1_000), without)).toMatchObject([{ id: ours.id }])
    expect(await store.runs.claimDue(['support'], 10, lease(1_000), ['other'])).toMatchObject([{ id: last.id }])
    expect(await store.runs.claimDue(['support'], 10, lease(1_000), [])).toMatchObject([{ id: theirs.id }])
  })

  test('no run is taken twice by two that look for work at once', async () => {
    await using store = await makeStore()
    await Promise.all(Array.from({ length: 10 }, () => started(store)))
    const taken = await Promise.all(
      ['worker 1', 'worker 2'].map((owner) => store.runs.claimDue(['support'], 10, lease(1_000, owner))),
    )
    expect(new Set(taken.flat().map(({ id }) => id)).size).toBe(10)
    expect(taken.flat()).toHaveLength(10)
  })

  test('a lease is renewed by its holder, and refused once the fence was raised or the lease given up', async () => {
    await using store = await makeStore()
    const run = await claimed(store)
    expect(await store.runs.renew(run.id, 1, 1_150)).toEqual({ ...run, lease: { owner: 'worker 1', until: 1_150 } })
    expect(await store.runs.claimOrSignal(run.id, lease(1_120, 'worker 2'))).toBeNull()
    const taken = await store.runs.claimOrSignal(run.id, lease(1_150, 'worker 2'))
    expect(await store.runs.renew(run.id, 1, 9_000)).toBeNull()
    expect(await store.runs.get(run.id)).toEqual(taken)
    if (taken !== null) await store.runs.step(aStep(taken, { release: { signals: 1, due: null } }))
    expect(await store.runs.renew(run.id, 2, 9_000)).toBeNull()
    expect(await store.runs.renew(newRunId(), 1, 9_000)).toBeNull()
  })

  test('a signal counts and makes the run due now', async () => {
    await using store = await makeStore()
    const { id } = await started(store, { due: null })
    const before = store.now()
    const run = await store.runs.signal(id)
    expect(run).toMatchObject({ signals: 1, cancelRequested: null })
    expect(run?.due).toBeGreaterThanOrEqual(before)
    expect(run?.due).toBeLessThanOrEqual(store.now())
    expect(await store.runs.get(id)).toEqual(run)
    expect(await store.runs.signal(newRunId())).toBeNull()
  })

  test('the first request to cancel stands, and none is set on a run that is over', async () => {
    await using store = await makeStore()
    const first = { by: alice, actor: bob, at: 1_500, reason: null }
    const { id } = await started(store)
    expect(await store.runs.signal(id, first)).toMatchObject({ signals: 1, cancelRequested: first })
    const second = { by: admin, at: 1_600, reason: 'again' }
    expect(await store.runs.signal(id, second)).toMatchObject({ signals: 2, cancelRequested: first })
    const over = await started(store, completed)
    expect(await store.runs.signal(over.id, first)).toMatchObject({ signals: 1, cancelRequested: null })
    const waiting = await started(store, { status: 'PAUSED' })
    expect(await store.runs.signal(waiting.id, first)).toMatchObject({ cancelRequested: first })
  })
}
