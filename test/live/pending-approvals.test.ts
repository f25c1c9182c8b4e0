import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { type PendingEvent, watchPendingApprovals } from '../../src/live/pending-approvals.ts'
import { approver, decide, openScene, principal, pull, requester } from './scene.ts'

const kind = ({ __typename }: PendingEvent) => __typename.replace('PendingApproval', '')
const approvalOf = (event: PendingEvent) => ('approval' in event ? event.approval : undefined)
const idsOf = (event: PendingEvent) => ('approvals' in event ? event.approvals.map(({ id }) => id) : [])

describe('pending approvals', () => {
  test('first a snapshot, the oldest of what matches, then what changes', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const [first, second, third] = await run.propose(3)
    const watched = watchPendingApprovals(scene, approver, { first: 2 })

    const snapshot = await pull(watched)
    expect(snapshot).toMatchObject({ __typename: 'PendingApprovalsSnapshot', reason: 'INITIAL', hasNextPage: true })
    expect(idsOf(snapshot)).toEqual([first?.id, second?.id])

    const [fourth] = await (await scene.startRun()).propose(1)
    const added = await pull(watched)
    expect([kind(added), approvalOf(added)?.id]).toEqual(['Added', fourth?.id])

    for (const approval of [first, third]) {
      if (approval) await decide(scene.store, approval)
      const removed = await pull(watched) // the third too, which is beyond the window
      expect([kind(removed), approvalOf(removed)?.id]).toEqual(['Removed', approval?.id])
      expect(approvalOf(removed)).toMatchObject({ status: 'APPROVED', revision: 2 })
    }
  })

  test('what is told between subscribing and the first pull is in the snapshot, and told once', async () => {
    await using scene = await openScene()
    const watched = watchPendingApprovals(scene, approver, {})
    const [approval] = await (await scene.startRun()).propose(1)
    expect(idsOf(await pull(watched))).toEqual([approval?.id])
    if (approval) await decide(scene.store, approval)
    expect(kind(await pull(watched))).toBe('Removed')
  })

  test('tells only what the principal may see and the filter lets through', async () => {
    await using scene = await openScene()
    const own = watchPendingApprovals(scene, requester, {})
    const none = watchPendingApprovals(scene, principal('nobody'), {})
    const other = watchPendingApprovals(scene, { ...approver, tenant: 'other' }, {})
    const filtered = watchPendingApprovals(scene, approver, { filter: { toolName: ['send_report'], kind: null } })
    const nowhere = watchPendingApprovals(scene, approver, { filter: { runId: `run_${'0'.repeat(32)}` } })
    expect(() => watchPendingApprovals(scene, approver, { filter: { runId: 'not a run' } })).toThrow(/begin with run_/)
    for (const watched of [own, none, other, filtered, nowhere]) expect(idsOf(await pull(watched))).toEqual([])

    const [theirs] = await (await scene.startRun({ requestedBy: approver.id })).propose(1, { toolName: 'send_report' })
    const [mine] = await (await scene.startRun()).propose(1)
    expect(approvalOf(await pull(own))?.id).toBe(mine?.id)
    expect(approvalOf(await pull(filtered))?.id).toBe(theirs?.id)
    const silent = [none.next(), other.next(), nowhere.next()]
    for (const watched of [none, other, nowhere]) await watched.return?.()
    expect((await Promise.all(silent)).map(({ done }) => done)).toEqual([true, true, true])
  })

  test('an audit record, which never was pending, is not told as removed', async () => {
    await using scene = await openScene()
    const watched = watchPendingApprovals(scene, approver, {})
    await pull(watched)
    const run = await scene.startRun()
    await run.propose(1, { type: 'AUDIT', status: 'APPROVED', revision: 2 })
    const [pending] = await (await scene.startRun()).propose(1)
    const event = await pull(watched)
    expect([kind(event), approvalOf(event)?.id]).toEqual(['Added', pending?.id])
  })

  test.each([0, -1, 1.5, 1_001, Number.NaN])('a snapshot of %s is refused', async (first) => {
    await using scene = await openScene()
    expect(() => watchPendingApprovals(scene, approver, { first })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    )
    expect(scene.listeners()).toBe(0)
  })

  test('the end of the last subscription leaves nobody listening', async () => {
    await using scene = await openScene()
    const one = watchPendingApprovals(scene, approver, {})
    const two = watchPendingApprovals(scene, approver, {})
    expect(scene.listeners()).toBe(1) // one reader for both
    await pull(one)
    const next = one.next()
    await one.return?.()
    expect((await next).done).toBe(true)
    expect(scene.listeners()).toBe(1)
    await two.return?.()
    expect(scene.listeners()).toBe(0)
  })

  test('an approval whose deadline passed stays until a write says that it is expired', async () => {
    await using scene = await openScene()
    const [late] = await (await scene.startRun()).propose(1, { expiresAt: 1 })
    const watched = watchPendingApprovals(scene, approver, {})
    expect(idsOf(await pull(watched))).toEqual([late?.id])
    if (late) await decide(scene.store, late, 'EXPIRED')
    expect(approvalOf(await pull(watched))?.status).toBe('EXPIRED')
  })

  test('an unknown run as filter matches nothing', async () => {
    await using scene = await openScene()
    await (await scene.startRun()).propose(1)
    const watched = watchPendingApprovals(scene, approver, { filter: { runId: newRunId() } })
    expect(idsOf(await pull(watched))).toEqual([])
  })
})
