import { describe, expect, test } from 'vitest'
import { type PendingEvent, watchPendingApprovals } from '../../src/live/pending-approvals.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { approver, countingHub, decide, manualFeed, openScene, pull } from './scene.ts'

const kind = ({ __typename }: PendingEvent) => __typename.replace('PendingApproval', '')
const approvalOf = (event: PendingEvent) => ('approval' in event ? event.approval : undefined)
const idsOf = (event: PendingEvent) => ('approvals' in event ? event.approvals.map(({ id }) => id) : [])
const newsOf = ({ id, revision, runId }: ApprovalRecord) => ({ kind: 'approval', id, revision, runId }) as const

describe('news of pending approvals', () => {
  test('a consumer that does not pull holds no more than a bound, and reads a snapshot when it pulls again', async () => {
    await using scene = await openScene()
    const slow = watchPendingApprovals(scene, approver, { first: 1_000 })
    const fast = watchPendingApprovals(scene, approver, { first: 1_000 })
    for (const watched of [slow, fast]) await pull(watched)
    const run = await scene.startRun()
    for (let sent = 0; sent < 1_001; ) {
      const approvals = await run.propose(91)
      for (const _ of approvals) expect(kind(await pull(fast))).toBe('Added') // nobody else is harmed
      sent += approvals.length
    }
    // Read when it is pulled: what is decided until then is not in it.
    const [oldest] = await scene.store.approvals.list(
      { visible: { tenant: 'default' }, status: ['PENDING'] },
      'OLDEST_FIRST',
      { limit: 1 },
    )
    if (oldest) await decide(scene.store, oldest)
    const snapshot = await pull(slow)
    expect(snapshot).toMatchObject({ reason: 'RESYNC', hasNextPage: false })
    expect(idsOf(snapshot)).toHaveLength(1_000)
    expect(idsOf(snapshot)).not.toContain(oldest?.id)
  })

  test('of what changed often only the newest is kept for a consumer that does not pull', async () => {
    await using scene = await openScene()
    const slow = watchPendingApprovals(scene, approver, {})
    const fast = watchPendingApprovals(scene, approver, {})
    for (const watched of [slow, fast]) await pull(watched)
    const [approval] = await (await scene.startRun()).propose(1)
    expect(kind(await pull(fast))).toBe('Added')
    if (approval) await decide(scene.store, approval)
    expect(kind(await pull(fast))).toBe('Removed')
    const event = await pull(slow)
    expect([kind(event), approvalOf(event)?.revision]).toEqual(['Removed', 2])
  })

  test('reads what changed once for all consumers', async () => {
    await using scene = await openScene()
    let reads = 0
    const approvals = {
      ...scene.store.approvals,
      getMany: (ids: Parameters<Store['approvals']['getMany']>[0]) => {
        reads += 1
        return scene.store.approvals.getMany(ids)
      },
    }
    const engine = { store: { ...scene.store, approvals }, hub: scene.hub }
    const consoles = Array.from({ length: 50 }, () => watchPendingApprovals(engine, approver, {}))
    await Promise.all(consoles.map(pull))
    await (await scene.startRun()).propose(20)
    for (const console of consoles) for (let told = 0; told < 20; told++) await pull(console)
    expect(reads).toBe(1)
  })

  test('reads nothing of what comes with its news, once the snapshots are some time ago', async () => {
    let now = 1_000_000
    await using scene = await openScene({ clock: () => now })
    let reads = 0
    const counted = (look: (...args: never[]) => unknown) =>
      ((...args: never[]) => {
        reads += 1
        return look(...args)
      }) as never
    const { get, getMany } = scene.store.approvals
    const approvals = { ...scene.store.approvals, get: counted(get), getMany: counted(getMany) }
    const engine = { store: { ...scene.store, approvals }, hub: scene.hub }
    const watched = watchPendingApprovals(engine, approver, {})
    await pull(watched)
    now += 3_000
    const [approval] = await (await scene.startRun()).propose(1)
    expect(await pull(watched)).toMatchObject({ __typename: 'PendingApprovalAdded', approval })
    if (approval) await decide(scene.store, approval)
    expect(kind(await pull(watched))).toBe('Removed')
    expect(reads).toBe(0)
    // Somebody else’s snapshot has what is new, and knows nothing of what was before.
    await pull(watchPendingApprovals(engine, approver, {}))
    await (await scene.startRun()).propose(1)
    expect(kind(await pull(watched))).toBe('Added')
    expect(reads).toBe(1)
  })

  test('news that is late or comes again is not told again', async () => {
    await using scene = await openScene()
    const feed = manualFeed()
    const { hub } = countingHub(feed)
    const watched = watchPendingApprovals({ store: scene.store, hub }, approver, {})
    await pull(watched)
    const [first, second] = await (await scene.startRun()).propose(2)
    if (!first || !second) throw new Error('Nothing was proposed.')
    const { approval: after } = await decide(scene.store, first)
    if (!after) throw new Error('Nothing was decided.')
    feed.tell(newsOf(after))
    expect(kind(await pull(watched))).toBe('Removed')
    feed.tell(newsOf(first))
    feed.tell(newsOf(after))
    feed.tell(newsOf(second))
    const event = await pull(watched)
    expect([kind(event), approvalOf(event)?.id]).toEqual(['Added', second.id])
  })

  test('after missed news, and after a read that failed, everything is read anew', async () => {
    await using scene = await openScene()
    const feed = manualFeed()
    const { hub } = countingHub(feed)
    let broken = false
    const approvals = {
      ...scene.store.approvals,
      async getMany(ids: Parameters<Store['approvals']['getMany']>[0]) {
        if (broken) throw new Error('The connection broke.')
        return scene.store.approvals.getMany(ids)
      },
    }
    const watched = watchPendingApprovals({ store: { ...scene.store, approvals }, hub }, approver, {})
    await pull(watched)
    const [approval] = await (await scene.startRun()).propose(1)
    if (!approval) throw new Error('Nothing was proposed.')
    for (const missing of [
      () => feed.tell({ kind: 'missed' }),
      () => {
        broken = true
        feed.tell(newsOf(approval))
      },
    ]) {
      const next = pull(watched)
      missing()
      const snapshot = await next
      expect(snapshot).toMatchObject({ reason: 'RESYNC' })
      expect(idsOf(snapshot)).toEqual([approval.id])
    }
  })
})
