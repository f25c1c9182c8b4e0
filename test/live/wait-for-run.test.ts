import { afterEach, describe, expect, test, vi } from 'vitest'
import { waitForRun } from '../../src/live/wait-for-run.ts'
import type { RunRecord } from '../../src/store/records.ts'
import { openScene } from './scene.ts'

afterEach(() => void vi.useRealTimers())

const isQuiet = ({ status }: RunRecord) => status !== 'RUNNING'

describe('waiting for a run', () => {
  test('ends as soon as it is paused', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const waiting = waitForRun(scene, run.run(), 30_000, isQuiet)
    await run.propose(1)
    expect(await waiting).toMatchObject({ id: run.id, status: 'PAUSED', seq: 4 })
    expect([scene.listeners(), vi.getTimerCount()]).toEqual([0, 0])
  })

  test('ends at once when it was paused before anybody listened', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const seenBefore = run.run()
    await run.propose(1)
    expect(await waitForRun(scene, seenBefore, 30_000, isQuiet)).toMatchObject({ status: 'PAUSED' })
    expect(await waitForRun(scene, run.run(), 30_000, isQuiet)).toBe(run.run())
    expect(scene.listeners()).toBe(0)
  })

  test('ends when the time is up, with the run as it is then', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const waiting = waitForRun(scene, run.run(), 500, isQuiet)
    vi.advanceTimersByTime(500)
    expect(await waiting).toMatchObject({ status: 'RUNNING' })
    expect([scene.listeners(), vi.getTimerCount()]).toEqual([0, 0])
  })

  test('ends at once when the process is about to end, and does not begin any more', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const closing = new AbortController()
    const engine = { ...scene, hub: { ...scene.hub, closing: closing.signal } }
    const waiting = waitForRun(engine, run.run(), 30_000, isQuiet)
    closing.abort()
    expect(await waiting).toMatchObject({ status: 'RUNNING' })
    expect(await waitForRun(engine, run.run(), 30_000, isQuiet)).toBe(run.run())
    expect([scene.listeners(), vi.getTimerCount()]).toEqual([0, 0])
  })

  test('does not begin without time', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    expect(await waitForRun(scene, run.run(), 0, isQuiet)).toBe(run.run())
  })

  test('ends with the error of the store', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const runs = { ...scene.store.runs, get: () => Promise.reject(new Error('broken')) }
    const waiting = waitForRun({ store: { ...scene.store, runs }, hub: scene.hub }, run.run(), 30_000, isQuiet)
    await expect(waiting).rejects.toThrow('broken')
    expect(scene.listeners()).toBe(0)
  })
})
