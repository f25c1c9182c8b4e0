import { expect, test } from 'vitest'
import type { ApprovalRecord, RunRecord } from '../../src/store/records.ts'
import type { ApprovalFilter, ApprovalOrder, Key, Page, RunFilter, RunOrder, Store } from '../../src/store/store.ts'
import type { MakeStore } from './contract.ts'
import { admin, alice, aResolution, bob, completed, paused, started } from './records.ts'

const acme = { visible: { tenant: 'acme' } }
/** Null sorts last, whatever the direction. */
const last = Number.POSITIVE_INFINITY

/** What the order says, done by hand: sort value, then id, both in one direction. */
function inOrder<Rec extends { readonly id: string }>(
  records: readonly Rec[],
  key: (record: Rec) => number | null,
  descending: boolean,
): Rec[] {
  const sign = descending ? -1 : 1
  const rank = (record: Rec) => sign * (key(record) ?? sign * last)
  return records.toSorted((a, b) => (rank(a) === rank(b) ? sign * (a.id < b.id ? -1 : 1) : rank(a) - rank(b)))
}

/** Reads a list to its end in pages, from the front or from the back, and gives all of it in the list's order. */
async function walk<Rec extends { readonly id: string }>(
  list: (page: Page) => Promise<Rec[]>,
  key: (record: Rec) => number | null,
  backward: boolean,
): Promise<Rec[]> {
  const all: Rec[] = []
  let from: Key | null = null
  for (;;) {
    const page: Rec[] = await list(backward ? { limit: 3, before: from, backward } : { limit: 3, after: from })
    all.splice(backward ? 0 : all.length, 0, ...page)
    const edge = backward ? page[0] : page.at(-1)
    if (page.length < 3 || edge === undefined) return all
    from = { value: key(edge), id: edge.id }
  }
}

const approvalKeys: Record<ApprovalOrder, (approval: ApprovalRecord) => number | null> = {
  OLDEST_FIRST: ({ createdAt }) => createdAt,
  NEWEST_FIRST: ({ createdAt }) => createdAt,
  EXPIRES_SOONEST: ({ expiresAt }) => expiresAt,
  RECENTLY_RESOLVED: ({ resolution }) => resolution?.at ?? null,
}

/** Approvals of every kind, with equal times and missing ones among them. */
async function manyApprovals(store: Store): Promise<ApprovalRecord[]> {
  const ids = []
  for (let n = 0; n < 12; n += 1) {
    const made = await paused(
      store,
      { requestedBy: n % 3 === 0 ? bob : alice, agentName: n % 2 ? 'support' : 'billing' },
      { createdAt: 1_000 + (n % 4), expiresAt: n % 3 === 0 ? null : 5_000 + (n % 2), toolName: n % 2 ? 'send' : 'pay' },
      { createdAt: 1_002, type: 'AUDIT', kind: 'USER_INPUT', toolName: 'ask' },
    )
    ids.push(...made.ids)
  }
  const statuses = ['APPROVED', 'REJECTED', 'EXPIRED'] as const
  for (const [n, id] of ids.entries()) {
    const status = statuses[n % 5]
    if (status === undefined) continue
    const by = status === 'EXPIRED' ? null : admin
    await store.approvals.decide(id, 'acme', {}, aResolution({ status, by, at: 3_000 + (n % 3) }))
  }
  await paused(store, { tenant: 'other' })
  return store.approvals.getMany(ids)
}

async function manyRuns(store: Store): Promise<RunRecord[]> {
  const statuses = ['RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED'] as const
  const runs = []
  for (let n = 0; n < 15; n += 1) {
    const requestedBy = n % 3 === 0 ? bob : alice
    const sessionId = `${requestedBy} ${n % 2}`
    const agentName = n % 4 ? 'support' : 'billing'
    const status = statuses[n % 5] ?? 'RUNNING'
    runs.push(
      await started(store, { requestedBy, sessionId, agentName, status, gated: n % 4 < 2, createdAt: 1_000 + (n % 6) }),
    )
  }
  await started(store, { tenant: 'other' })
  return runs
}

const sorted = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id).sort()

export function listContract(makeStore: MakeStore): void {
  test('approvals are listed in every order, page by page from both ends', async () => {
    await using store = await makeStore()
    const all = await manyApprovals(store)
    for (const [order, key] of Object.entries(approvalKeys) as [
      ApprovalOrder,
      (typeof approvalKeys)[ApprovalOrder],
    ][]) {
      const expected = inOrder(all, key, order === 'NEWEST_FIRST' || order === 'RECENTLY_RESOLVED')
      const list = (page: Page) => store.approvals.list(acme, order, page)
      expect(await walk(list, key, false), order).toEqual(expected)
      expect(await walk(list, key, true), order).toEqual(expected)
      const [from, ...between] = expected.slice(4, 9)
      const to = between.pop()
      if (from === undefined || to === undefined) throw new Error('too few')
      const after = { value: key(from), id: from.id }
      const before = { value: key(to), id: to.id }
      expect(await list({ limit: 10, after, before }), order).toEqual(between)
      expect(await list({ limit: 2, after, before, backward: true }), order).toEqual(between.slice(-2))
    }
  })

  test('runs are listed newest and oldest first, page by page from both ends', async () => {
    await using store = await makeStore()
    const all = await manyRuns(store)
    const key = ({ createdAt }: RunRecord) => createdAt
    for (const order of ['NEWEST_FIRST', 'OLDEST_FIRST'] satisfies RunOrder[]) {
      const expected = inOrder(all, key, order === 'NEWEST_FIRST')
      const list = (page: Page) => store.runs.list(acme, order, page)
      expect(await walk(list, key, false), order).toEqual(expected)
      expect(await walk(list, key, true), order).toEqual(expected)
    }
  })

  test('approvals are found by each filter and by several, and counted alike', async () => {
    await using store = await makeStore()
    const all = await manyApprovals(store)
    const at = (approval: ApprovalRecord) => approval.resolution?.at ?? Number.NaN
    const runId = all[0]?.runId
    if (runId === undefined) throw new Error('no approvals')
    const cases: [Partial<ApprovalFilter>, (approval: ApprovalRecord) => boolean][] = [
      [{ status: ['PENDING'] }, ({ status }) => status === 'PENDING'],
      [{ status: ['APPROVED', 'EXPIRED', 'EXPIRED'] }, ({ status }) => status === 'APPROVED' || status === 'EXPIRED'],
      [{ status: [] }, () => false],
      [{ type: ['AUDIT'] }, ({ type }) => type === 'AUDIT'],
      [{ kind: ['CONFIRMATION', 'RECONCILIATION'] }, ({ kind }) => kind === 'CONFIRMATION'],
      [{ agentName: ['billing'] }, ({ agentName }) => agentName === 'billing'],
      [{ toolName: ['send', 'pay'] }, ({ toolName }) => toolName !== 'ask'],
      [
        { toolName: Array.from({ length: 200 }, (_, n) => (n ? `t${n}` : 'ask')) },
        ({ toolName }) => toolName === 'ask',
      ],
      [{ runId }, (approval) => approval.runId === runId],
      [{ requestedBy: [bob] }, ({ requestedBy }) => requestedBy === bob],
      [{ visible: { tenant: 'acme', requestedBy: alice } }, ({ requestedBy }) => requestedBy === alice],
      [{ visible: { tenant: 'acme', requestedBy: alice }, requestedBy: [bob] }, () => false],
      [{ resolvedBy: [admin] }, ({ resolution }) => resolution?.by === admin],
      [{ createdAfter: 1_001 }, ({ createdAt }) => createdAt >= 1_001],
      [{ createdBefore: 1_002 }, ({ createdAt }) => createdAt < 1_002],
      [{ resolvedAfter: 3_001 }, (approval) => at(approval) >= 3_001],
      [{ resolvedBefore: 3_001 }, (approval) => at(approval) < 3_001],
      [
        {
          status: ['APPROVED'],
          agentName: ['support'],
          toolName: ['ask'],
          requestedBy: [alice, bob],
          resolvedAfter: 0,
        },
        ({ status, agentName, toolName }) => status === 'APPROVED' && agentName === 'support' && toolName === 'ask',
      ],
    ]
    for (const [filter, matches] of cases) {
      const expected = sorted(all.filter(matches))
      for (const order of Object.keys(approvalKeys) as ApprovalOrder[]) {
        const found = await store.approvals.list({ ...acme, ...filter }, order, { limit: 100 })
        expect(sorted(found), `${order} ${JSON.stringify(filter)}`).toEqual(expected)
      }
      expect(await store.approvals.count({ ...acme, ...filter }, 100)).toBe(expected.length)
    }
    expect(await store.approvals.count(acme, 5)).toBe(5)
  })

  test('runs are found by each filter and as far as whoever asks may see, and counted alike', async () => {
    await using store = await makeStore()
    const all = await manyRuns(store)
    const own = { tenant: 'acme', requestedBy: bob }
    const cases: [Partial<RunFilter>, (run: RunRecord) => boolean][] = [
      [{ status: ['PAUSED', 'COMPLETED'] }, ({ status }) => status === 'PAUSED' || status === 'COMPLETED'],
      [{ agentName: ['billing'] }, ({ agentName }) => agentName === 'billing'],
      [
        { agentName: ['billing'], status: ['RUNNING'] },
        (run) => run.agentName === 'billing' && run.status === 'RUNNING',
      ],
      [{ agentName: [] }, () => false],
      [{ sessionId: `${bob} 1` }, ({ sessionId }) => sessionId === `${bob} 1`],
      [{ requestedBy: [alice] }, ({ requestedBy }) => requestedBy === alice],
      [{ createdAfter: 1_002, createdBefore: 1_004 }, ({ createdAt }) => createdAt >= 1_002 && createdAt < 1_004],
      [{ visible: own }, ({ requestedBy }) => requestedBy === bob],
      [{ visible: own, requestedBy: [alice] }, () => false],
      [{ visible: { tenant: 'acme', gated: true } }, ({ gated }) => gated],
      [{ visible: { ...own, gated: true } }, (run) => run.gated || run.requestedBy === bob],
      [{ visible: { ...own, gated: true }, requestedBy: [alice] }, (run) => run.gated && run.requestedBy === alice],
      [
        { visible: { ...own, gated: true }, requestedBy: [bob], status: ['PAUSED'] },
        (run) => run.requestedBy === bob && run.status === 'PAUSED',
      ],
    ]
    for (const [filter, matches] of cases) {
      const expected = sorted(all.filter(matches))
      const found = await store.runs.list({ ...acme, ...filter }, 'NEWEST_FIRST', { limit: 100 })
      expect(sorted(found), JSON.stringify(filter)).toEqual(expected)
      expect(await store.runs.count({ ...acme, ...filter }, 100)).toBe(expected.length)
    }
    expect(await store.runs.count(acme, 4)).toBe(4)
    expect(await store.runs.count({ visible: { tenant: 'nobody' } }, 4)).toBe(0)
  })

  test("a session's history is its completed runs, the newest ones, oldest first, for its owner only", async () => {
    await using store = await makeStore()
    const runs = []
    for (let n = 0; n < 4; n += 1) {
      runs.push(await started(store, { ...completed, sessionId: 's', createdAt: 1_000 + n, seq: n + 1 }))
    }
    await started(store, { sessionId: 's', status: 'FAILED' })
    await started(store, { ...completed, sessionId: 'another' })
    const refs = runs.map(({ id, seq }) => ({ runId: id, seq }))
    expect(await store.runs.history('acme', 's', alice, 10)).toEqual(refs)
    expect(await store.runs.history('acme', 's', alice, 2)).toEqual(refs.slice(-2))
    expect(await store.runs.history('acme', 's', bob, 10)).toBeNull()
    expect(await store.runs.history('acme', 'new', bob, 10)).toEqual([])
    expect(await store.runs.history('other', 's', bob, 10)).toEqual([])
  })
}
