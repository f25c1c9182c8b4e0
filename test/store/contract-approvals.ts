import { expect, test } from 'vitest'
import type { ApprovalId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { Expected, Store } from '../../src/store/store.ts'
import type { MakeStore } from './contract.ts'
import { admin, aResolution, aStep, bob, lease, paused } from './records.ts'

const nowhere = 'apr_00000000000000000000000000000000_2_0' as ApprovalId

async function proposed(store: Store, given: Partial<ApprovalRecord> = {}): Promise<ApprovalRecord> {
  const { ids } = await paused(store, {}, given)
  const [approval] = await store.approvals.getMany(ids)
  if (approval === undefined) throw new Error('the approval is not there')
  return approval
}

export function approvalContract(makeStore: MakeStore): void {
  test('a decision is written whole: status, resolution, revision, history and the mark that nobody has heard', async () => {
    await using store = await makeStore()
    const approval = await proposed(store)
    const resolution = aResolution({
      status: 'REJECTED',
      actor: bob,
      message: 'not this one',
      arguments: toJsonText({ userId: '43' }),
      fingerprint: 'f2',
      values: toJsonText({ $where: 'x' }),
      outcome: { result: toJsonText(null) },
    })
    const decided = await store.approvals.decide(approval.id, 'acme', {}, resolution)
    const change = { revision: 2, at: 3_000, by: admin, actor: bob, action: 'REJECTED' as const, note: 'looks right' }
    expect(decided).toEqual({
      won: true,
      approval: {
        ...approval,
        status: 'REJECTED',
        revision: 2,
        updatedAt: 3_000,
        resolution,
        unheard: true,
        history: [...approval.history, change],
      },
    })
    expect(await store.approvals.get(approval.id)).toEqual(decided.approval)
  })

  test.each<[string, Partial<ApprovalRecord>, Expected, boolean]>([
    ['the fingerprint that was shown', {}, { fingerprint: 'f1' }, true],
    ['another fingerprint', {}, { fingerprint: 'f2' }, false],
    ['the revision that was shown', {}, { revision: 1 }, true],
    ['another revision', {}, { revision: 2 }, false],
    ['an open deadline when there is none', {}, { deadline: { is: 'open', at: 3_000 } }, true],
    ['an open deadline a moment before it', { expiresAt: 3_001 }, { deadline: { is: 'open', at: 3_000 } }, true],
    ['an open deadline at its very time', { expiresAt: 3_000 }, { deadline: { is: 'open', at: 3_000 } }, false],
    ['a passed deadline at its very time', { expiresAt: 3_000 }, { deadline: { is: 'passed', at: 3_000 } }, true],
    ['a passed deadline before it', { expiresAt: 3_001 }, { deadline: { is: 'passed', at: 3_000 } }, false],
    ['a passed deadline when there is none', {}, { deadline: { is: 'passed', at: 3_000 } }, false],
  ])('a decision that expects %s', async (_, given, expected, wins) => {
    await using store = await makeStore()
    const approval = await proposed(store, given)
    const { won, approval: after } = await store.approvals.decide(approval.id, 'acme', expected, aResolution())
    expect(won).toBe(wins)
    if (!wins) expect(after).toEqual(approval)
    expect(await store.approvals.get(approval.id)).toEqual(after)
  })

  test('in another tenant, or under an unknown id, there is nothing to decide', async () => {
    await using store = await makeStore()
    const approval = await proposed(store)
    const missing = { won: false, approval: null }
    expect(await store.approvals.decide(approval.id, 'other', {}, aResolution())).toEqual(missing)
    expect(await store.approvals.decide(nowhere, 'acme', {}, aResolution())).toEqual(missing)
    expect(await store.approvals.get(approval.id)).toEqual(approval)
  })

  test.each(['PENDING', 'APPROVED'] as const)(
    'what happens to a %s approval is noted, and nothing else of it changes',
    async (status) => {
      await using store = await makeStore()
      let approval = await proposed(store)
      if (status === 'APPROVED')
        approval = (await store.approvals.decide(approval.id, 'acme', {}, aResolution())).approval ?? approval
      const { id, revision } = approval
      const change = { at: 4_000, by: bob, actor: admin, action: 'REVEALED' as const, note: 'card.number' }
      const noted = await store.approvals.note(id, 'acme', { status, fingerprint: 'f1', revision }, change)
      const history = [...approval.history, { ...change, revision: revision + 1 }]
      const after = { ...approval, revision: revision + 1, updatedAt: 4_000, history }
      expect(noted).toEqual({ won: true, approval: after })
      expect(await store.approvals.get(id)).toEqual(after)
      for (const expected of [{ revision }, { fingerprint: 'f2' }, { status: 'EXPIRED' as const }])
        expect(await store.approvals.note(id, 'acme', expected, change)).toEqual({ won: false, approval: after })
      for (const [other, tenant] of [
        [id, 'other'],
        [nowhere, 'acme'],
      ] as const)
        expect(await store.approvals.note(other, tenant, {}, change)).toEqual({ won: false, approval: null })
      expect(await store.approvals.get(id)).toEqual(after)
    },
  )

  test('what is decided stays', async () => {
    await using store = await makeStore()
    const { id } = await proposed(store)
    const { approval } = await store.approvals.decide(id, 'acme', {}, aResolution())
    const later = aResolution({ status: 'EXPIRED', cause: 'DEADLINE', decisionId: 'd2' })
    expect(await store.approvals.decide(id, 'acme', {}, later)).toEqual({ won: false, approval })
  })

  test('a run with a decision it has not heard of is named until a step says that it has', async () => {
    await using store = await makeStore()
    const { run, ids } = await paused(store, {}, {}, {})
    const other = await paused(store)
    expect(await store.approvals.unheard(9_000, 10)).toEqual([])
    for (const id of ids) await store.approvals.decide(id, 'acme', {}, aResolution({ at: 3_000 }))
    for (const id of other.ids) await store.approvals.decide(id, 'acme', {}, aResolution({ at: 4_000 }))
    expect(await store.approvals.unheard(3_000, 10)).toEqual([])
    expect(await store.approvals.unheard(3_001, 10)).toEqual([run.id])
    expect(await store.approvals.unheard(4_001, 10)).toEqual([run.id, other.run.id])
    expect(await store.approvals.unheard(4_001, 1)).toHaveLength(1)
    const taken = await store.runs.claimOrSignal(run.id, lease(5_000))
    const [first, second] = ids
    if (taken === null || first === undefined || second === undefined) throw new Error('not set up')
    const after = await store.runs.step(aStep(taken, { heard: [first] }))
    expect(await store.approvals.unheard(3_001, 10)).toEqual([run.id])
    expect(await store.approvals.get(first)).toMatchObject({ status: 'APPROVED', revision: 2, unheard: false })
    if (after !== null) await store.runs.step(aStep(after, { heard: [second] }))
    expect(await store.approvals.unheard(9_000, 10)).toEqual([other.run.id])
  })

  test('many are read at once, and those that are not there are left out', async () => {
    await using store = await makeStore()
    const { ids } = await paused(store, {}, {}, {})
    const approvals = await store.approvals.getMany([...ids, nowhere])
    expect(approvals.map(({ id }) => id).sort()).toEqual([...ids].sort())
    expect(await store.approvals.getMany([])).toEqual([])
    expect(await store.approvals.get(nowhere)).toBeNull()
  })

  test("a principal's last name is kept, in each tenant for itself", async () => {
    await using store = await makeStore()
    const named = (name: string | null, tenant = 'acme') => ({ tenant, id: bob, name })
    await store.principals.put(named('Bob'))
    await store.principals.put(named('Robert'))
    await store.principals.put(named(null, 'other'))
    expect(await store.principals.getMany('acme', [bob, admin])).toEqual([named('Robert')])
    expect(await store.principals.getMany('other', [bob])).toEqual([named(null, 'other')])
  })
}

/** Of many writes of one approval at the same moment. */
export function approvalRaces(makeStore: MakeStore): void {
  test('of a thousand decisions at once one wins, and each loser is given what stands', async () => {
    await using store = await makeStore()
    const { id } = await proposed(store)
    const attempts = Array.from({ length: 1_000 }, (_, n) =>
      store.approvals.decide(
        id,
        'acme',
        {},
        aResolution({ decisionId: `d${n}`, status: n % 2 ? 'APPROVED' : 'REJECTED' }),
      ),
    )
    const decided = await Promise.all(attempts)
    const won = decided.filter((one) => one.won)
    expect(won).toHaveLength(1)
    for (const { approval } of decided) expect(approval).toEqual(won[0]?.approval)
    expect(await store.approvals.get(id)).toEqual(won[0]?.approval)
  })

  test('of a hundred notes at once on one revision one wins; of a hundred that expect nothing, each does', async () => {
    await using store = await makeStore()
    const { id } = await proposed(store)
    const note = (expected: Expected) => (_: unknown, n: number) =>
      store.approvals.note(id, 'acme', expected, { at: 4_000 + n, by: bob, action: 'REVEALED', note: null })
    const first = await Promise.all(Array.from({ length: 100 }, note({ revision: 1 })))
    expect(first.filter(({ won }) => won)).toHaveLength(1)
    const all = await Promise.all(Array.from({ length: 100 }, note({})))
    expect(all.every(({ won }) => won)).toBe(true)
    const there = await store.approvals.get(id)
    expect(there).toMatchObject({ revision: 102, status: 'PENDING' })
    expect(there?.history.map(({ revision }) => revision)).toEqual(Array.from({ length: 102 }, (_, n) => n + 1))
  })
}
