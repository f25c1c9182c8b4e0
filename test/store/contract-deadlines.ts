import { expect, test } from 'vitest'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { News, Store } from '../../src/store/store.ts'
import type { MakeStore } from './contract.ts'
import { aResolution, aStep, completed, lease, paused } from './records.ts'

/** The approvals of one run, each due when it says. */
async function dated(store: Store, ...approvals: Partial<ApprovalRecord>[]): Promise<ApprovalRecord[]> {
  const { ids } = await paused(store, {}, ...approvals)
  const found = await store.approvals.getMany(ids)
  return ids.flatMap((id) => found.find((approval) => approval.id === id) ?? [])
}
const expiring = (expiresAt: number, ...remindAt: number[]) => ({ expiresAt, remindAt, due: remindAt[0] ?? expiresAt })
const expired = aResolution({ status: 'EXPIRED', cause: 'DEADLINE', by: null, at: 9_000, note: null })

export function deadlineContract(makeStore: MakeStore): void {
  const dueIds = async (store: Store, at: number, limit = 10) =>
    (await store.approvals.due(at, limit)).map(({ id }) => id)

  test('what is due is named from its very time on, the longest due first, with what it takes to do it', async () => {
    await using store = await makeStore()
    const [late, soon, reminding, endless] = await dated(
      store,
      expiring(8_000),
      expiring(5_000),
      expiring(9_000, 6_000),
      {},
    )
    expect(await store.approvals.due(4_999, 10)).toEqual([])
    const { id, tenant, runId } = soon ?? {}
    expect(await store.approvals.due(5_000, 10)).toEqual([{ id, tenant, runId, due: 5_000 }])
    expect(await dueIds(store, 8_000)).toEqual([soon?.id, reminding?.id, late?.id])
    expect(await dueIds(store, 8_000, 2)).toEqual([soon?.id, reminding?.id])
    expect(await dueIds(store, 1e12)).not.toContain(endless?.id)
  })

  test('what is decided, expired or cancelled is due no more', async () => {
    await using store = await makeStore()
    const [decided, over, cancelled] = await dated(store, expiring(5_000, 4_000), expiring(5_000), expiring(5_000))
    if (!decided || !over || !cancelled) throw new Error('not set up')
    const { approval } = await store.approvals.decide(decided.id, 'acme', {}, aResolution())
    expect(approval).toMatchObject({ due: null, remindAt: [4_000] })
    const deadline = { is: 'passed', at: 9_000 } as const
    expect(await store.approvals.decide(over.id, 'acme', { deadline }, expired)).toMatchObject({ won: true })
    expect(await dueIds(store, 9_000)).toEqual([cancelled.id])
    const run = await store.runs.claimOrSignal(cancelled.runId, lease(9_000))
    if (!run) throw new Error('not to be had')
    const cancelPending = aResolution({ status: 'CANCELLED', cause: 'CANCELLATION' })
    await store.runs.step(aStep(run, { head: completed, cancelPending }))
    expect(await dueIds(store, 1e12)).toEqual([])
    expect(await store.approvals.get(cancelled.id)).toMatchObject({ status: 'CANCELLED', due: null })
  })

  test('a reminder is written whole and told: revision, history and what is due next', async () => {
    await using store = await makeStore()
    const [approval] = await dated(store, expiring(9_000, 4_000, 5_000))
    if (!approval) throw new Error('not set up')
    const news: News[] = []
    using _ = store.changes((one) => news.push(one))
    const { id, tenant, runId } = approval
    expect(await store.approvals.remind({ id, tenant, due: 4_000 }, { due: 5_000, at: 4_100 })).toBe(true)
    const change = { revision: 2, at: 4_100, by: null, action: 'REMINDED' as const, note: null }
    const after = { ...approval, revision: 2, updatedAt: 4_100, due: 5_000, history: [...approval.history, change] }
    expect(await store.approvals.get(id)).toEqual(after)
    expect(news).toEqual([{ kind: 'approval', id, revision: 2, runId, record: after }])
    expect(await store.approvals.due(5_000, 10)).toEqual([{ id, tenant, runId, due: 5_000 }])
    const { approval: decided } = await store.approvals.decide(id, tenant, { fingerprint: 'f1' }, aResolution())
    expect(decided).toMatchObject({ status: 'APPROVED', revision: 3, history: [{}, change, { revision: 3 }] })
  })

  test('of many reminders at once one is written', async () => {
    await using store = await makeStore()
    const [approval] = await dated(store, expiring(9_000, 4_000))
    if (!approval) throw new Error('not set up')
    const remind = () => store.approvals.remind({ ...approval, due: 4_000 }, { due: 9_000, at: 4_100 })
    const reminded = await Promise.all(Array.from({ length: 100 }, remind))
    expect(reminded.filter((won) => won)).toHaveLength(1)
    expect(await store.approvals.get(approval.id)).toMatchObject({ revision: 2, due: 9_000, history: [{}, {}] })
  })

  test('none is written after a decision, in another tenant, or when something else is due by now', async () => {
    await using store = await makeStore()
    const [decided, pending] = await dated(store, expiring(9_000, 4_000), expiring(9_000, 4_000))
    if (!decided || !pending) throw new Error('not set up')
    await store.approvals.decide(decided.id, 'acme', {}, aResolution())
    const before = await store.approvals.getMany([decided.id, pending.id])
    const next = { due: 9_000, at: 4_100 }
    expect(await store.approvals.remind({ ...decided, due: 4_000 }, next)).toBe(false)
    expect(await store.approvals.remind({ ...pending, tenant: 'other', due: 4_000 }, next)).toBe(false)
    expect(await store.approvals.remind({ ...pending, due: 3_999 }, next)).toBe(false)
    expect(await store.approvals.getMany([decided.id, pending.id])).toEqual(before)
  })
}
