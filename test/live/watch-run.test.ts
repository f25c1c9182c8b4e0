import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { watchRun } from '../../src/live/run-events.ts'
import { approver, openScene, principal, requester } from './scene.ts'

describe('watching a run', () => {
  test('is attached before anything is read', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const watching = watchRun(scene, requester, { runId: run.id })
    expect(scene.listeners()).toBe(2)
    const watched = await watching
    await watched.return?.()
    expect(scene.listeners()).toBe(0)
  })

  test('ends at once while its next() waits', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const watched = await watchRun(scene, requester, { runId: run.id, after: 1 })
    const next = watched.next()
    await watched.return?.()
    expect((await next).done).toBe(true)
    expect(scene.listeners()).toBe(0)
  })

  test('of what one may not see, or what is no run, is NOT_FOUND', async () => {
    await using scene = await openScene()
    const { id } = await scene.startRun()
    const stranger = principal('sven', 'REQUESTER')
    const elsewhere = { ...requester, tenant: 'other' }
    for (const [who, runId] of [
      [stranger, id],
      [elsewhere, id],
      [approver, id], // a run without approvals
      [requester, newRunId()],
      [requester, 'run_1'],
    ] as const) {
      await expect(watchRun(scene, who, { runId })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(scene.listeners()).toBe(0)
  })

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('after %s is refused', async (after) => {
    await using scene = await openScene()
    const { id } = await scene.startRun()
    await expect(watchRun(scene, requester, { runId: id, after })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(scene.listeners()).toBe(0)
  })
})
