import { expect, test } from 'vitest'
import { z } from 'zod'
import { readEntry } from '../../src/runs/journal.ts'
import type { EntryRecord } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { type Around, faulty, turns, unavailable } from '../runs/faulty-store.ts'
import { agentOf, openWorkplace, tally, typesOf } from '../runs/workshop.ts'
import { forEachStore } from './support/stores.ts'

const settings = { leaseMs: 300 }

forEachStore(({ database, open }) => {
  /** A place that cannot renew its leases and has something around the step that begins a call, and the same store as others have it. */
  async function scene(aroundStep: (store: Store, write: () => Promise<unknown>) => Promise<unknown>) {
    await using opening = new AsyncDisposableStack()
    const { url } = opening.use(database())
    const store = opening.use(await open(url))
    const { mark, made } = tally()
    const agent = agentOf({ call: { inputSchema: z.object({}), execute: mark } }, [[{ call: 'call' }]])
    const isStart = (entry: EntryRecord) => readEntry(entry).type === 'call-started'
    const written = Promise.withResolvers<void>()
    const around: Around = async (method, call, args) => {
      if (method === 'runs.renew') throw unavailable()
      const [step] = args as [{ entries?: readonly EntryRecord[] }]
      if (method !== 'runs.step' || !step.entries?.some(isStart)) return call()
      const answer = await aroundStep(store, call)
      written.resolve()
      return answer
    }
    const first = opening.use(await openWorkplace({ agents: [agent], store: faulty(store, around), settings }))
    const opened = opening.move()
    return {
      store,
      made,
      first,
      written: written.promise,
      journal: async (id: never) => typesOf((await store.journal.read(id, 0, 100)).map(readEntry)),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    }
  }

  /** Somebody else takes the one run there is, and does nothing with it yet. */
  async function takeOver(store: Store) {
    for (;;) {
      const lease = { owner: 'another', now: store.now(), until: store.now() + 60_000 }
      const [run] = await store.runs.claimDue(['agent'], 1, lease)
      if (run) return run
      await turns(1)
    }
  }

  test('S5 a step of an owner whose lease is over is refused, also before the new owner has written one', async () => {
    let answered: unknown
    await using s = await scene(async (store, write) => {
      await takeOver(store)
      answered = await write()
      return answered
    })
    const { id } = await s.first.start()
    await s.written
    expect(answered).toBeNull()
    expect(await s.journal(id as never)).not.toContain('call-started')
    await s.first.engine.worker.stop(2_000)
    expect(await s.store.runs.get(id)).toMatchObject({ lease: { owner: 'another' }, fence: 2 })
    expect(s.made.size).toBe(0)
  })

  test('S5 an owner whose lease ran out while its step was written does not enter the tool', async () => {
    await using s = await scene(async (store, write) => {
      const answer = await write()
      await takeOver(store)
      return answer
    })
    const { id } = await s.first.start()
    await s.written
    await s.first.engine.worker.stop(2_000)
    expect(await s.journal(id as never)).toContain('call-started')
    expect(s.made.size).toBe(0)
  })
})
