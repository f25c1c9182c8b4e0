import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { approvalIdOf, callId, newRunId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import { watchApproval } from '../../src/live/approval-changes.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import {
  answer,
  approver,
  decide,
  decided,
  openScene,
  principal,
  pull,
  pullAll,
  requester,
  type Scene,
} from './scene.ts'

async function pausedRun(scene: Scene) {
  const run = await scene.startRun()
  const [approval, other] = await run.propose(2)
  if (!approval || !other) throw new Error('Nothing was proposed.')
  return { run, approval, other }
}

const stands = ({ status, revision }: ApprovalRecord) => [status, revision]

describe('watching an approval', () => {
  test('tells it now, after its decision and after each change of its call, until the call is settled', async () => {
    await using scene = await openScene()
    const { run, approval, other } = await pausedRun(scene)
    const { callId } = approval
    const told = pullAll(await watchApproval(scene, approver, approval.id))
    for (const step of [
      () => decide(scene.store, approval),
      () => decide(scene.store, other), // changes nothing to be seen, as the next
      () => run.append(decided(approval), decided(other), { type: 'resumed' }),
      () => run.append({ type: 'call-started', callId }),
      () => run.append({ type: 'call-finished', callId, outcome: { result: toJsonText(null) }, modelOutput: null }),
    ]) {
      await setImmediate() // the watcher's turn: it reads at once, and waits again
      await step()
    }
    expect((await told).map(stands)).toEqual([['PENDING', 1], ...Array(3).fill(['APPROVED', 2])])
    expect(scene.listeners()).toBe(0)
  })

  test('in doubt goes on until that is settled, for the approval of the call and for that of the doubt', async () => {
    await using scene = await openScene()
    const { run, approval } = await pausedRun(scene)
    const { callId } = approval
    await decide(scene.store, approval)
    await run.append(decided(approval), { type: 'resumed' }, { type: 'call-started', callId })
    const asked = await run.doubt(approval)
    const watched = [await watchApproval(scene, approver, approval.id), await watchApproval(scene, approver, asked.id)]
    const told = watched.map(pullAll)
    await setImmediate()
    await decide(scene.store, asked)
    await setImmediate()
    await run.append(decided(asked), { type: 'resumed' }, { type: 'call-started', callId })
    await setImmediate()
    await run.append({ type: 'call-finished', callId, outcome: { result: toJsonText(null) }, modelOutput: null })
    const [ofCall, ofDoubt] = await Promise.all(told)
    expect(ofCall?.map(stands)).toEqual(Array(3).fill(['APPROVED', 2]))
    expect(ofDoubt?.map(stands)).toEqual([['PENDING', 1], ...Array(3).fill(['APPROVED', 2])])
    expect(scene.listeners()).toBe(0)
  })

  test('in doubt ends with its run', async () => {
    await using scene = await openScene()
    const { run, approval } = await pausedRun(scene)
    await decide(scene.store, approval)
    await run.append(decided(approval), { type: 'resumed' }, { type: 'call-started', callId: approval.callId })
    const asked = await run.doubt(approval)
    const watched = await watchApproval(scene, approver, asked.id)
    await pull(watched)
    await run.append({ type: 'cancelled', by: requester.id, reason: null })
    expect(await pullAll(watched)).toHaveLength(1)
  })

  test('of a rejected one ends when the run has heard of it', async () => {
    await using scene = await openScene()
    const { run, approval } = await pausedRun(scene)
    const watched = await watchApproval(scene, approver, approval.id)
    await decide(scene.store, approval, 'REJECTED')
    expect(stands(await pull(watched))).toEqual(['REJECTED', 2])
    await run.append(decided(approval, 'REJECTED'))
    expect((await pullAll(watched)).map(stands)).toEqual([['REJECTED', 2]])
  })

  test('whose call is settled long since is told once', async () => {
    await using scene = await openScene()
    const { run, approval } = await pausedRun(scene)
    await decide(scene.store, approval, 'EXPIRED')
    await run.append(decided(approval, 'EXPIRED'), answer('on'), answer('and on'))
    const watched = await watchApproval(scene, requester, approval.id)
    expect((await pullAll(watched)).map(stands)).toEqual([['EXPIRED', 2]])
  })

  test('finds its call in a long journal', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    await run.append(...Array.from({ length: 498 }, () => answer(null)))
    const [approval] = await run.propose(1) // entry 500 is the model's answer, 501 has the calls
    if (!approval) throw new Error('Nothing was proposed.')
    const watched = await watchApproval(scene, approver, approval.id)
    await pull(watched)
    await decide(scene.store, approval, 'REJECTED')
    await run.append(decided(approval, 'REJECTED'))
    expect((await pullAll(watched)).map(stands)).toEqual([['REJECTED', 2]])
  })

  test('ends with its run', async () => {
    await using scene = await openScene()
    const { run, approval } = await pausedRun(scene)
    const watched = await watchApproval(scene, approver, approval.id)
    await pull(watched)
    await run.append({ type: 'cancelled', by: requester.id, reason: null })
    expect(await pullAll(watched)).toHaveLength(1)
  })

  test('is attached when it is called, and detached at once when it is left', async () => {
    await using scene = await openScene()
    const { approval } = await pausedRun(scene)
    const watching = watchApproval(scene, approver, approval.id)
    expect(scene.listeners()).toBe(1)
    const watched = await watching
    await pull(watched)
    const next = watched.next()
    await watched.return?.()
    expect(scene.listeners()).toBe(0)
    expect((await next).done).toBe(true)
  })

  test('that one may not see, or that is none, is NOT_FOUND', async () => {
    await using scene = await openScene()
    const { approval } = await pausedRun(scene)
    for (const [who, id] of [
      [principal('sven', 'REQUESTER'), approval.id],
      [{ ...approver, tenant: 'other' }, approval.id],
      [approver, approvalIdOf(callId(newRunId(), 2, 0))],
      [approver, 'apr_1'],
      [approver, approval.runId],
    ] as const) {
      await expect(watchApproval(scene, who, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(scene.listeners()).toBe(0)
  })
})
