import { describe, expect, test } from 'vitest'
import type { RunRecord } from '../../src/store/records.ts'
import {
  admin,
  approver,
  auditor,
  decide,
  type Harness,
  openHarness,
  principal,
  requester,
  stranger,
} from './harness.ts'

const runs = /* GraphQL */ `
  query ($filter: RunFilter, $orderBy: RunOrder! = NEWEST_FIRST, $first: Int, $after: String, $last: Int, $before: String) {
    page: runs(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id message } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount { count precision }
    }
  }
`
const approvals = /* GraphQL */ `
  query ($filter: ApprovalFilter, $orderBy: ApprovalOrder! = OLDEST_FIRST, $first: Int, $after: String, $last: Int, $before: String) {
    page: approvals(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id arguments } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount { count precision }
    }
  }
`

/** Runs that are called '0', '1', …; two at a time were created at the same moment. */
async function startRuns(harness: Harness, count: number, of: Partial<RunRecord> = {}) {
  for (let index = 0; index < count; index++)
    await harness.startRun({ message: `${index}`, createdAt: 1_000 + Math.floor(index / 2), ...of })
}

type Page = {
  edges: { cursor: string; node: { id: string; message: string } }[]
  pageInfo: Record<string, unknown>
  totalCount: unknown
}
const idsOf = ({ edges }: Page) => edges.map(({ node }) => node.id)

async function readAll(
  harness: Harness,
  document: string,
  variables: Record<string, unknown>,
  backward = false,
): Promise<string[]> {
  const all: string[] = []
  let cursor: unknown = null
  for (;;) {
    const place = backward ? { before: cursor } : { after: cursor }
    const { page }: { page: Page } = await harness.data(document, { ...variables, ...place })
    if (backward) all.unshift(...idsOf(page))
    else all.push(...idsOf(page))
    if (!page.pageInfo[backward ? 'hasPreviousPage' : 'hasNextPage']) return all
    cursor = page.pageInfo[backward ? 'startCursor' : 'endCursor']
  }
}

describe('a list', () => {
  test('is read page by page, forward and backward, each thing once, whatever the page size', async () => {
    await using harness = await openHarness()
    await startRuns(harness, 11)
    const { page }: { page: Page } = await harness.data(runs, { first: 100 })
    const all = idsOf(page)
    expect(all).toHaveLength(11)
    expect(page.edges[0]?.node.message).toMatch(/10/)
    for (const size of [1, 2, 3, 10, 11, 12]) {
      expect(await readAll(harness, runs, { first: size })).toEqual(all)
      expect(await readAll(harness, runs, { last: size }, true)).toEqual(all)
      expect(await readAll(harness, runs, { first: size, orderBy: 'OLDEST_FIRST' })).toEqual(all.toReversed())
    }
  })

  test('has 20 on a page when nothing is said, and says how it goes on', async () => {
    await using harness = await openHarness()
    await startRuns(harness, 21)
    const { page }: { page: Page } = await harness.data(runs)
    expect(page.edges).toHaveLength(20)
    expect(page.totalCount).toEqual({ count: 21, precision: 'EXACT' })
    expect(page.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: page.edges.at(0)?.cursor,
      endCursor: page.edges.at(-1)?.cursor,
    })
  })

  test('keeps its place while things are added', async () => {
    await using harness = await openHarness()
    await startRuns(harness, 4)
    const { page: first }: { page: Page } = await harness.data(runs, { first: 2 })
    await startRuns(harness, 3, { createdAt: 9_000 })
    const { page: second }: { page: Page } = await harness.data(runs, { first: 2, after: first.pageInfo.endCursor })
    expect([...first.edges, ...second.edges].map(({ node }) => node.message).toSorted()).toEqual(['0', '1', '2', '3'])
  })

  test('counts up to 1,000 and then says AT_LEAST', async () => {
    await using harness = await openHarness()
    const { propose } = await harness.startRun()
    await propose(1_000)
    expect((await harness.data(approvals, { first: 1 })).page.totalCount).toEqual({ count: 1_000, precision: 'EXACT' })
    const more = await harness.startRun()
    await more.propose(1)
    expect((await harness.data(approvals, { first: 1 })).page.totalCount).toEqual({
      count: 1_000,
      precision: 'AT_LEAST',
    })
  })

  test.each([
    [{ first: 0 }, /`first` must be from 1 to 100, and it is 0/],
    [{ first: 101 }, /`first` must be from 1 to 100, and it is 101/],
    [{ last: -1 }, /`last` must be from 1 to 100/],
    [{ first: 1, last: 1 }, /Give `first` or `last`, not both/],
    [{ after: 'nonsense' }, /`after` is no cursor/],
    [{ before: '' }, /`before` is no cursor/],
    [{ after: 'WyJydW5zIE5FV0VTVF9GSVJTVCIsMSwiYSJd!' }, /`after` is no cursor/],
    [{ after: Buffer.from('["runs NEWEST_FIRST","1","a"]').toString('base64url') }, /`after` is no cursor/],
    [{ after: Buffer.from('["runs NEWEST_FIRST",1.5,"a"]').toString('base64url') }, /`after` is no cursor/],
    [{ after: Buffer.from('{"0":1}').toString('base64url') }, /`after` is no cursor/],
  ])('refuses %j', async (variables, message) => {
    await using harness = await openHarness()
    const refusal = { data: null, errors: [{ message: expect.stringMatching(message), path: ['page'] }] }
    expect(await harness.run(runs, variables)).toMatchObject(refusal)
    expect(await harness.run(approvals, variables)).toMatchObject(refusal)
    expect(await harness.run(runs, variables, principal('nobody'))).toMatchObject(refusal)
  })

  test('refuses a cursor of another order and of another list', async () => {
    await using harness = await openHarness()
    await (await harness.startRun()).propose(1)
    const { page }: { page: Page } = await harness.data(runs)
    const refusal = { errors: [{ message: expect.stringMatching(/cursor of another list or order/) }] }
    expect(await harness.run(runs, { after: page.pageInfo.endCursor, orderBy: 'OLDEST_FIRST' })).toMatchObject(refusal)
    expect(await harness.run(approvals, { after: page.pageInfo.endCursor, orderBy: 'NEWEST_FIRST' })).toMatchObject(
      refusal,
    )
  })

  test('takes null within a filter for nothing said, and an empty list for nothing wanted', async () => {
    await using harness = await openHarness()
    await (await harness.startRun()).propose(1)
    const nothingSaid = { status: null, agentName: null, requestedBy: null, createdAfter: null, createdBefore: null }
    for (const [document, more] of [
      [runs, { sessionId: null }],
      [approvals, { runId: null, toolName: null, resolvedBy: null }],
    ] as const) {
      expect((await harness.data(document, { filter: { ...nothingSaid, ...more } })).page.edges).toHaveLength(1)
      expect((await harness.data(document, { filter: null })).page.edges).toHaveLength(1)
      expect((await harness.data(document, { filter: { status: [] } })).page.edges).toEqual([])
    }
  })

  test('refuses malformed ids in its filter, says how they begin, and finds nothing for unknown ones', async () => {
    await using harness = await openHarness()
    await (await harness.startRun()).propose(1)
    const refused = (prefix: string) => ({
      errors: [{ message: expect.stringContaining(`begin with ${prefix};`) }],
    })
    for (const id of ['', 'apr_1', 'nonsense', '\ud800', '%', 'prn_', 'ada']) {
      expect(await harness.run(runs, { filter: { requestedBy: [id] } })).toMatchObject(refused('prn_'))
      expect(await harness.run(approvals, { filter: { requestedBy: ['prn_ada', id] } })).toMatchObject(refused('prn_'))
      expect(await harness.run(approvals, { filter: { resolvedBy: [id] } })).toMatchObject(refused('prn_'))
      expect(await harness.run(approvals, { filter: { runId: id } })).toMatchObject(refused('run_'))
      expect((await harness.data(runs, { filter: { sessionId: id } })).page.edges).toEqual([])
    }
    for (const filter of [{ runId: `run_${'0'.repeat(32)}` }, { resolvedBy: ['prn_nobody'] }])
      expect((await harness.data(approvals, { filter })).page).toMatchObject({ edges: [], totalCount: { count: 0 } })
    expect((await harness.data(runs, { filter: { requestedBy: ['prn_nobody'] } })).page.edges).toEqual([])
  })

  test('filters by what it says', async () => {
    await using harness = await openHarness()
    const one = await harness.startRun({ createdAt: 1_000, agentName: 'one', sessionId: 's1' })
    const two = await harness.startRun({ createdAt: 2_000, agentName: 'two', requestedBy: admin.id })
    await two.propose(1, { createdAt: 2_000 })
    const found = async (document: string, filter: object) => idsOf((await harness.data(document, { filter })).page)
    expect(await found(runs, { agentName: ['one'] })).toEqual([one.id])
    expect(await found(runs, { sessionId: 's1' })).toEqual([one.id])
    expect(await found(runs, { requestedBy: [admin.id] })).toEqual([two.id])
    expect(await found(runs, { status: ['PAUSED'] })).toEqual([two.id])
    expect(await found(runs, { createdAfter: '1970-01-01T00:00:02Z' })).toEqual([two.id])
    expect(await found(runs, { createdBefore: '1970-01-01T00:00:02Z' })).toEqual([one.id])
    expect(
      await found(approvals, { runId: two.id, status: ['PENDING'], kind: ['CONFIRMATION'], type: ['REQUIRED'] }),
    ).toHaveLength(1)
    expect(await found(approvals, { runId: one.id })).toEqual([])
    expect(await found(approvals, { toolName: ['other'] })).toEqual([])
    expect(await found(approvals, { resolvedAfter: '1970-01-01T00:00:00Z' })).toEqual([])
  })

  test('is read in every order of approvals, those without a value last', async () => {
    await using harness = await openHarness()
    const { propose } = await harness.startRun()
    const pending = await propose(6)
    const [first, second] = pending
    if (!first || !second) throw new Error('There are six.')
    const late = await (await harness.startRun()).propose(1, { expiresAt: 2_000 })
    const soon = await (await harness.startRun()).propose(1, { expiresAt: 1_000 })
    await decide(harness.store, second)
    await decide(harness.store, first, 'REJECTED')
    for (const orderBy of ['OLDEST_FIRST', 'NEWEST_FIRST', 'EXPIRES_SOONEST', 'RECENTLY_RESOLVED']) {
      const { page }: { page: Page } = await harness.data(approvals, { first: 100, orderBy })
      expect(idsOf(page)).toHaveLength(8)
      expect(await readAll(harness, approvals, { first: 3, orderBy })).toEqual(idsOf(page))
      expect(await readAll(harness, approvals, { last: 3, orderBy }, true)).toEqual(idsOf(page))
    }
    const expiring: Page = (await harness.data(approvals, { first: 2, orderBy: 'EXPIRES_SOONEST' })).page
    expect(idsOf(expiring)).toEqual([soon[0]?.id, late[0]?.id])
    const resolved: Page = (await harness.data(approvals, { first: 2, orderBy: 'RECENTLY_RESOLVED' })).page
    expect(idsOf(resolved).toSorted()).toEqual([first.id, second.id].toSorted())
  })
})

describe('who sees what', () => {
  test('in lists: their own, those with approvals, all of the tenant, or nothing', async () => {
    await using harness = await openHarness()
    const plain = await harness.startRun()
    const gated = await harness.startRun()
    await gated.propose(1)
    const others = await harness.startRun({ requestedBy: admin.id })
    await others.propose(1)
    const seen = async (document: string, as: Parameters<Harness['data']>[2]) =>
      idsOf((await harness.data(document, { first: 100 }, as)).page).toSorted()
    expect(await seen(runs, admin)).toEqual([plain.id, gated.id, others.id].toSorted())
    expect(await seen(runs, auditor)).toEqual([plain.id, gated.id, others.id].toSorted())
    expect(await seen(runs, approver)).toEqual([gated.id, others.id].toSorted())
    expect(await seen(runs, requester)).toEqual([plain.id, gated.id].toSorted())
    expect(await seen(runs, principal('nobody'))).toEqual([])
    expect(await seen(runs, stranger)).toEqual([])
    expect(await seen(approvals, approver)).toHaveLength(2)
    expect(await seen(approvals, requester)).toHaveLength(1)
    expect(await seen(approvals, principal('nobody'))).toEqual([])
    expect(await seen(approvals, stranger)).toEqual([])
  })
})
