import { expect, test, vi } from 'vitest'
import type { News, Store } from '../../src/store/store.ts'
import type { MakeStore } from './contract.ts'
import { anApproval, anEntry, aResolution, aStep, completed, lease, paused, started } from './records.ts'

const hostile = ['\0', 'a\0b', "'); DROP TABLE runs; --", '"', '\\', '$where', '{"$ne":null}', '😀', '\u2028', '%_', '']

/** What a sink heard, each once: a store may tell of one change twice. */
function listen(store: Store) {
  const heard: string[] = []
  const listening = store.changes((news) => {
    const told = tell(news)
    if (!heard.includes(told)) heard.push(told)
  })
  return { heard, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}

const tell = (news: News) =>
  news.kind === 'missed' ? 'missed' : `${news.kind} ${news.id} ${news.kind === 'run' ? news.seq : news.revision}`

export function feedContract(makeStore: MakeStore): void {
  test('every change of a run or an approval is told, in the order of the commits', async () => {
    await using store = await makeStore()
    using news = listen(store)
    const { run, ids } = await paused(store, {}, {}, {})
    const [first, second] = ids
    if (first === undefined) throw new Error('not set up')
    await store.approvals.decide(first, 'acme', {}, aResolution())
    await store.approvals.decide(first, 'acme', {}, aResolution({ decisionId: 'too late' }))
    const change = { at: 1_100, by: null, action: 'REVEALED' as const, note: null }
    await store.approvals.note(first, 'acme', {}, change)
    await store.approvals.note(first, 'acme', { status: 'PENDING' }, change)
    const taken = await store.runs.claimOrSignal(run.id, lease(1_100))
    if (taken === null) throw new Error('not to be had')
    await store.runs.step(aStep({ ...taken, fence: 0 }))
    const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' })
    await store.runs.step(aStep(taken, { head: completed, heard: [first], cancelPending }))
    const commits = [
      [`run ${run.id} 1`],
      [`approval ${first} 1`, `approval ${second} 1`, `run ${run.id} 2`],
      [`approval ${first} 2`],
      [`approval ${first} 3`],
      [`approval ${second} 2`, `run ${run.id} 3`],
    ]
    await vi.waitFor(() => expect(news.heard).toHaveLength(commits.flat().length))
    // What one commit wrote is there at once, in whatever order it is told.
    for (const commit of commits) expect(news.heard.splice(0, commit.length).sort()).toEqual(commit.sort())
  })

  test('an approval comes with news of it as the change left it', async () => {
    await using store = await makeStore()
    const heard: News[] = []
    using _ = store.changes((news) => heard.push(news))
    const { ids } = await paused(store, {})
    const [id] = ids
    if (id === undefined) throw new Error('not set up')
    const proposed = await store.approvals.get(id)
    const { approval: decided } = await store.approvals.decide(id, 'acme', {}, aResolution())
    const records = () => heard.flatMap((news) => (news.kind === 'approval' ? news.record : []))
    expect(records()).toEqual([proposed, decided])
  })

  test('a signal is told, also when it came of a claim', async () => {
    await using store = await makeStore()
    const { id } = await started(store)
    await store.runs.claimOrSignal(id, lease(1_000))
    for (const signal of [() => store.runs.signal(id), () => store.runs.claimOrSignal(id, lease(1_000))]) {
      using news = listen(store)
      await signal()
      // Its place, or 0 for who does not know it: nothing was written there.
      await vi.waitFor(() => expect(news.heard).toEqual([expect.stringMatching(`^run ${id} [01]$`)]))
    }
  })

  test('whoever stopped listening is told no more', async () => {
    await using store = await makeStore()
    const stopped = listen(store)
    stopped[Symbol.dispose]()
    using news = listen(store)
    const { id } = await started(store)
    await vi.waitFor(() => expect(news.heard).toEqual([`run ${id} 1`]))
    expect(stopped.heard).toEqual([])
  })

  test('text of any kind comes back as it was and is never a command', async () => {
    await using store = await makeStore()
    for (const text of hostile) {
      const run = await started(store, {
        tenant: `tenant ${text}`,
        agentName: text,
        sessionId: text,
        message: text,
        lease: { owner: text, until: 5_000 },
        cancelRequested: { by: 'prn_x' as never, at: 1, reason: text },
      })
      const head = { ...completed, output: text, error: { code: 'INTERNAL' as const, message: text } }
      const approval = anApproval(run, { toolName: text, toolDescription: text, fingerprint: text })
      const after = await store.runs.step(
        aStep(run, { head, propose: [approval], entries: [anEntry(run, 2, JSON.stringify({ text }))] }),
      )
      expect(await store.runs.get(run.id)).toEqual({ ...run, ...head, seq: 2 })
      expect(after).toEqual({ ...run, ...head, seq: 2 })
      expect(await store.journal.read(run.id, 1, 1)).toEqual([anEntry(run, 2, JSON.stringify({ text }))])
      const resolution = aResolution({ note: text, message: text, decisionId: text, outcome: { error: text } })
      const decided = await store.approvals.decide(approval.id, run.tenant, { fingerprint: text }, resolution)
      expect(decided).toMatchObject({ won: true, approval: { resolution, toolName: text, toolDescription: text } })
      expect(await store.approvals.get(approval.id)).toEqual(decided.approval)
      const filter = { visible: { tenant: run.tenant }, agentName: [text, 'x'] }
      expect(await store.runs.list({ ...filter, sessionId: text }, 'NEWEST_FIRST', { limit: 5 })).toEqual([after])
      expect(await store.approvals.list({ ...filter, toolName: [text] }, 'NEWEST_FIRST', { limit: 5 })).toHaveLength(1)
      const principal = { tenant: run.tenant, id: `prn_${text}` as never, name: text }
      await store.principals.put(principal)
      expect(await store.principals.getMany(run.tenant, [principal.id])).toEqual([principal])
    }
  })

  test('a closed store refuses everything, and what was under way is written or refused', async () => {
    await using store = await makeStore()
    const { id } = await started(store)
    await store.ping()
    const signal = store.runs.signal(id)
    await store[Symbol.asyncDispose]()
    expect(await signal).toMatchObject({ signals: 1 })
    const closed = { code: 'STORE_UNAVAILABLE' }
    await expect(store.ping()).rejects.toMatchObject(closed)
    await expect(store.runs.get(id)).rejects.toMatchObject(closed)
    await expect(store.runs.signal(id)).rejects.toMatchObject(closed)
    await expect(started(store)).rejects.toMatchObject(closed)
    await expect(store.approvals.unheard(1, 1)).rejects.toMatchObject(closed)
    expect(() => store.changes(() => {})).toThrow(expect.objectContaining(closed))
  })
}
