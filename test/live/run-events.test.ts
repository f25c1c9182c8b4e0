import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import { type RunWatchEvent, watchRun } from '../../src/live/run-events.ts'
import type { EntryBody } from '../../src/runs/journal.ts'
import { toolCalls } from '../../src/runs/view.ts'
import type { News, Store } from '../../src/store/store.ts'
import {
  answer,
  approver,
  countingHub,
  decided,
  manualFeed,
  openScene,
  principal,
  pull,
  pullAll,
  type RunWriter,
  requester,
  type Scene,
} from './scene.ts'

const completed: EntryBody = { type: 'completed', output: 'Done' }
const seqs = (events: readonly RunWatchEvent[]) =>
  events.flatMap((event) => (event.kind === 'entry' ? event.entry.seq : []))
const word = (event: RunWatchEvent) => (event.kind === 'entry' ? event.entry.type : event.delta.delta)
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, index) => from + index)

/** The model says something. */
const speaker =
  ({ hub }: Pick<Scene, 'hub'>, { id }: RunWriter) =>
  (step: number, offset: number, delta: string) =>
    hub.tellText({ runId: id, step, offset, delta, at: 1 })

describe('the entries of a run', () => {
  test('come from the first on, then live, and end with the last', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const watched = await watchRun(scene, requester, { runId: run.id })
    expect(word(await pull(watched))).toBe('started')
    const next = pull(watched)
    await run.append(answer('Hello'))
    expect(word(await next)).toBe('model-responded')
    await run.append(completed)
    const [last] = await pullAll(watched)
    expect(last).toMatchObject({ kind: 'entry', entry: { seq: 3, type: 'completed' }, run: { status: 'COMPLETED' } })
    expect(scene.listeners()).toBe(0)
  })

  test.each([0, 1, 99, 100, 101, 249])('after %i are those that follow it', async (after) => {
    await using scene = await openScene()
    const run = await scene.startRun()
    await run.append(...Array.from({ length: 248 }, () => answer(null)), completed)
    const events = await pullAll(await watchRun(scene, requester, { runId: run.id, after }))
    expect(seqs(events)).toEqual(upTo(250, after + 1))
  })

  test('after the last of a run that is over, and beyond, are none', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    await run.append(completed)
    for (const after of [2, 3, 1_000_000]) {
      expect(await pullAll(await watchRun(scene, requester, { runId: run.id, after }))).toEqual([])
    }
  })

  test('beyond the last of a run that goes on begin where they were asked for', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const watched = await watchRun(scene, requester, { runId: run.id, after: 3 })
    await run.append(answer(null), answer(null))
    await run.append(answer(null), completed)
    expect(seqs(await pullAll(watched))).toEqual([4, 5])
  })

  test('carry the present state, and the state as they left it', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const [approval] = await run.propose(1)
    if (!approval) throw new Error('Nothing was proposed.')
    const { callId } = approval
    await run.append(decided(approval), { type: 'resumed' }, { type: 'call-started', callId })
    await run.append(
      { type: 'call-finished', callId, outcome: { result: toJsonText(1) }, modelOutput: null },
      completed,
    )
    const events = await pullAll(await watchRun(scene, approver, { runId: run.id, after: 2 }))
    const statuses = events.map((event) =>
      event.kind === 'entry'
        ? [event.state, event.stateAtEntry].map((state) => toolCalls(run.id, state)[0]?.status)
        : [],
    )
    expect(statuses).toEqual(
      ['WAITING', 'WAITING', 'WAITING', 'WAITING', 'RUNNING', 'SUCCEEDED', 'SUCCEEDED'].map((then) => [
        'SUCCEEDED',
        then,
      ]),
    )
  })

  test('have no gap and no double while others append, and whenever one reconnects', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 5 }),
        async (steps, connections) => {
          await using scene = await openScene()
          const run = await scene.startRun()
          const writing = (async () => {
            for (const size of steps) await run.append(...Array.from({ length: size }, () => answer(null)))
            await run.append(completed)
          })()
          const seen: number[] = []
          for (const length of [...connections, Number.POSITIVE_INFINITY]) {
            let pulled = 0
            const watched = await watchRun(scene, requester, { runId: run.id, after: seen.at(-1) ?? null })
            for await (const event of watched) {
              seen.push(...seqs([event]))
              pulled += 1
              if (pulled >= length) break
            }
          }
          await writing
          expect(seen).toEqual(upTo(run.run().seq))
          expect(scene.listeners()).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('are read in pages', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    await run.append(...Array.from({ length: 999 }, () => answer(null)))
    const asked: number[] = []
    const journal: Store['journal'] = {
      read(id, after, limit) {
        asked.push(after)
        return scene.store.journal.read(id, after, limit)
      },
    }
    const engine = { store: { ...scene.store, journal }, hub: scene.hub }
    const watched = await watchRun(engine, requester, { runId: run.id, after: 0 })
    asked.length = 0
    for (let pulled = 0; pulled < 150; pulled++) await pull(watched)
    expect(asked).toEqual([0, 100])
    await watched.return?.()
  })

  test('written while a page is read are not missed', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    const late: EntryBody[] = [answer('One'), answer('Two'), completed]
    const journal: Store['journal'] = {
      async read(...asked) {
        const page = await scene.store.journal.read(...asked)
        const next = late.shift()
        if (next) await run.append(next)
        return page
      },
    }
    const watched = await watchRun({ store: { ...scene.store, journal }, hub: scene.hub }, requester, { runId: run.id })
    expect(seqs(await pullAll(watched))).toEqual(upTo(4))
  })

  test('arrive although the news of some was lost', async () => {
    await using scene = await openScene()
    const feed = manualFeed()
    const { hub } = countingHub(feed)
    const run = await scene.startRun()
    const watched = await watchRun({ store: scene.store, hub }, requester, { runId: run.id, after: 1 })
    const next = watched.next()
    await run.append(answer(null))
    feed.tell({ kind: 'missed' })
    expect((await next).value).toMatchObject({ entry: { seq: 2 } })
  })

  test('news that comes twice, late and in disorder makes no double', async () => {
    await using scene = await openScene()
    const feed = manualFeed()
    const { hub } = countingHub(feed)
    const run = await scene.startRun()
    const news = (seq: number): News => ({ kind: 'run', id: run.id, seq })
    const watched = await watchRun({ store: scene.store, hub }, requester, { runId: run.id })
    const events = pullAll(watched)
    await run.append(answer(null))
    for (const seq of [2, 1, 2]) feed.tell(news(seq))
    await run.append(completed)
    for (const seq of [3, 2, 3, 1]) feed.tell(news(seq))
    expect(seqs(await events)).toEqual([1, 2, 3])
  })

  test('that were changed in the database end the watch with TAMPERED', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    await run.append(answer(null), completed)
    const journal: Store['journal'] = {
      read: async (...asked) =>
        (await scene.store.journal.read(...asked)).map((record) => ({
          ...record,
          text: record.text.replace('Hello', 'Bye'),
        })),
    }
    const watching = watchRun({ store: { ...scene.store, journal }, hub: scene.hub }, requester, { runId: run.id })
    await expect(watching).rejects.toMatchObject({ code: 'TAMPERED' })
    expect(scene.listeners()).toBe(0)
  })
})

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
