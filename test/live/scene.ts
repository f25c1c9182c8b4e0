import { createHub, type Hub } from '../../src/live/hub.ts'
import type { RunRecord } from '../../src/store/records.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/store/sqlite/store.ts'
import type { News, Store } from '../../src/store/store.ts'
import { type RunWriter, startRun } from './run-writer.ts'

export { approver, principal, requester } from './people.ts'
export { answer, decide, decided, pendingApproval, type RunWriter, resolution } from './run-writer.ts'

/** A store with a hub that counts who listens. */
export type Scene = AsyncDisposable & {
  readonly store: Store
  readonly hub: Hub
  readonly listeners: () => number
  startRun(of?: Partial<RunRecord>): Promise<RunWriter>
}

export async function openScene(options: Pick<SqliteOptions, 'clock'> = {}): Promise<Scene> {
  const store = await openSqliteStore({ path: ':memory:', ...options })
  const { hub, listeners } = countingHub(store)
  return {
    store,
    hub,
    listeners,
    startRun: (of) => startRun(store, of),
    async [Symbol.asyncDispose]() {
      hub[Symbol.dispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

export function countingHub(feed: Pick<Store, 'changes'>) {
  const real = createHub(feed)
  let count = 0
  const counted = (attached: Disposable): Disposable => {
    count += 1
    return {
      [Symbol.dispose]() {
        count -= 1
        attached[Symbol.dispose]()
      },
    }
  }
  const hub: Hub = {
    ...real,
    listen: (listener) => counted(real.listen(listener)),
    listenToRun: (id, listener) => counted(real.listenToRun(id, listener)),
    listenToText: (id, listener) => counted(real.listenToText(id, listener)),
  }
  return { hub, listeners: () => count }
}

/** A feed that a test speaks for. */
export function manualFeed(): Pick<Store, 'changes'> & { tell(news: News): void } {
  const sinks = new Set<(news: News) => void>()
  return {
    changes(sink) {
      sinks.add(sink)
      return { [Symbol.dispose]: () => void sinks.delete(sink) }
    },
    tell: (news) => {
      for (const sink of sinks) sink(news)
    },
  }
}

/** The next item of what has not ended. */
export async function pull<Item>(watched: AsyncIterator<Item>): Promise<Item> {
  const next = await watched.next()
  if (next.done) throw new Error('It has ended.')
  return next.value
}

export async function pullAll<Item>(watched: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of watched) items.push(item)
  return items
}
