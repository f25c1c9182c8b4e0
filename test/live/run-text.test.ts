import { describe, expect, test } from 'vitest'
import { type RunWatchEvent, watchRun } from '../../src/live/run-events.ts'
import type { EntryBody } from '../../src/runs/journal.ts'
import {
  answer,
  countingHub,
  manualFeed,
  openScene,
  pull,
  pullAll,
  type RunWriter,
  requester,
  type Scene,
} from './scene.ts'

const completed: EntryBody = { type: 'completed', output: 'Done' }
const word = (event: RunWatchEvent) => (event.kind === 'entry' ? event.entry.type : event.delta.delta)

/** The model says something. */
const speaker =
  ({ hub }: Pick<Scene, 'hub'>, { id }: RunWriter) =>
  (step: number, offset: number, delta: string) =>
    hub.tellText({ runId: id, step, offset, delta, at: 1 })

describe('what the model says', () => {
  test('comes in order, before the entry that holds all of it, and not after', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const say = speaker(scene, run)
    const watched = await watchRun(scene, requester, { runId: run.id, after: 1 })
    const next = pull(watched)
    say(0, 0, 'Hel')
    expect(await next).toMatchObject({ kind: 'text', delta: { step: 0, offset: 0, delta: 'Hel' } })
    say(0, 3, 'lo')
    await run.append(answer('Hello'))
    expect([word(await pull(watched)), word(await pull(watched))]).toEqual(['lo', 'model-responded'])
    say(0, 5, 'stale')
    say(1, 0, 'More')
    expect(word(await pull(watched))).toBe('More')
    await run.append(completed)
    expect((await pullAll(watched)).map(word)).toEqual(['completed'])
  })

  test('waits for the entries that came before it', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const say = speaker(scene, run)
    const watched = await watchRun(scene, requester, { runId: run.id })
    await run.append(answer('One'), { type: 'resumed' })
    say(1, 0, 'Two')
    await run.append(answer('Two'))
    say(2, 0, 'Three')
    await run.append({ type: 'failed', code: 'MODEL_ERROR', message: 'It broke.' })
    const words = ['started', 'model-responded', 'resumed', 'Two', 'model-responded', 'Three', 'failed']
    expect((await pullAll(watched)).map(word)).toEqual(words)
  })

  test('brings the entries that came before it, also when it is quicker than their news', async () => {
    await using scene = await openScene()
    const feed = manualFeed()
    const { hub } = countingHub(feed)
    const run = await scene.startRun()
    const watched = await watchRun({ store: scene.store, hub }, requester, { runId: run.id })
    await pull(watched)
    const next = pull(watched)
    await run.append(answer('One'))
    speaker({ hub }, run)(1, 0, 'Two')
    expect([word(await next), word(await pull(watched))]).toEqual(['model-responded', 'Two'])
    await watched.return?.()
  })

  test('comes from the middle on for who joins in the middle', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const watched = await watchRun(scene, requester, { runId: run.id, after: 1 })
    speaker(scene, run)(0, 17, 'late')
    expect(await pull(watched)).toMatchObject({ kind: 'text', delta: { offset: 17, delta: 'late' } })
    await watched.return?.()
  })

  test('is joined for a consumer that does not pull, and bounded', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const say = speaker(scene, run)
    const watched = await watchRun(scene, requester, { runId: run.id, after: 1 })
    for (let offset = 0; offset < 60_000; offset += 10) say(0, offset, '0123456789')
    expect(word(await pull(watched))).toHaveLength(60_000)
    for (let offset = 60_000; offset < 200_000; offset += 10) say(0, offset, '0123456789')
    await run.append(answer('long'), completed)
    expect((await pullAll(watched)).map(word)).toEqual(['model-responded', 'completed'])
  })
})
