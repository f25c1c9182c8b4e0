import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toJsonText } from '../../src/json.ts'
import { type RunWatchEvent, watchRun } from '../../src/live/run-events.ts'
import type { EntryBody } from '../../src/runs/journal.ts'
import { toolCalls } from '../../src/runs/view.ts'
import type { News, Store } from '../../src/store/store.ts'
import { answer, approver, countingHub, decided, manualFeed, openScene, pull, pullAll, requester } from './scene.ts'

const completed: EntryBody = { type: 'completed', output: 'Done' }
const seqs = (events: readonly RunWatchEvent[]) =>
  events.flatMap((event) => (event.kind === 'entry' ? event.entry.seq : []))
const word = (event: RunWatchEvent) => (event.kind === 'entry' ? event.entry.type : event.delta.delta)
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, index) => from + index)

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
        ? [event.state, event.stateAtEntry].map((state) => toolCalls(new Map(), event.run, state)[0]?.status)
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

  test('are looked for again when the feed is ahead of what is read', async () => {
    await using scene = await openScene()
    const run = await scene.startRun()
    let behind = 2
    const journal: Store['journal'] = {
      async read(id, after, limit) {
        const page = await scene.store.journal.read(id, after, limit)
        if (page.length === 0 || after === 0 || behind === 0) return page
        behind -= 1
        return []
      },
    }
    const store = { ...scene.store, journal, runs: { ...scene.store.runs, get: async () => present } }
    let present = run.run()
    const watched = await watchRun({ store, hub: scene.hub }, requester, { runId: run.id, after: 1 })
    const next = watched.next()
    await run.append(answer(null))
    present = run.run()
    expect((await next).value).toMatchObject({ entry: { seq: 2 } })
    expect(behind).toBe(0)
    await watched.return?.()
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
