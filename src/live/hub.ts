import type { RunId } from '../ids.ts'
import type { News, Store } from '../store/store.ts'

/**
 * A piece of the model's text while it speaks. `step`: how often the model had answered in this run before.
 * `offset` counts UTF-16 units within the step, 0 starts the step's text anew.
 */
export type TextDelta = {
  readonly runId: RunId
  readonly step: number
  readonly offset: number
  readonly delta: string
  readonly at: number
}

/**
 * Hands what changed to whoever listens in this process. Nothing is kept here: a listener that cannot take an item at once keeps its own,
 * bounded, memory of what it missed. Listeners are called in the order of the news and must not throw.
 */
export type Hub = Disposable & {
  /** Aborts when the process is about to end: nobody waits for news any more. */
  readonly closing: AbortSignal
  /** From this call on, every piece of news reaches `listener`. */
  listen(listener: (news: News) => void): Disposable
  /** News of one run, and of its approvals; `missed` too. */
  listenToRun(runId: RunId, listener: (news: News) => void): Disposable
  /** The model's text while it speaks, only from this process. */
  listenToText(runId: RunId, listener: (delta: TextDelta) => void): Disposable
  tellText(delta: TextDelta): void
}

/** @param closing When the process is about to end; never, when left out. */
export function createHub(store: Pick<Store, 'changes'>, closing = new AbortController().signal): Hub {
  const all = new Set<(news: News) => void>()
  const byRun = topics<RunId, News>()
  const text = topics<RunId, TextDelta>()
  const feed = store.changes((news) => {
    for (const listener of all) listener(news)
    if (news.kind === 'missed') byRun.tellAll(news)
    else byRun.tell(news.kind === 'run' ? news.id : news.runId, news)
  })
  return {
    closing,
    listen(listener) {
      all.add(listener)
      return { [Symbol.dispose]: () => void all.delete(listener) }
    },
    listenToRun: byRun.listen,
    listenToText: text.listen,
    tellText: (delta) => text.tell(delta.runId, delta),
    [Symbol.dispose]() {
      feed[Symbol.dispose]()
      all.clear()
      byRun.clear()
      text.clear()
    },
  }
}

/** Listeners by topic; a topic without listeners takes no memory. */
function topics<Topic, Item>() {
  const listeners = new Map<Topic, Set<(item: Item) => void>>()
  const tell = (topic: Topic, item: Item) => {
    for (const listener of listeners.get(topic) ?? []) listener(item)
  }
  return {
    listen(topic: Topic, listener: (item: Item) => void): Disposable {
      const set = listeners.get(topic) ?? new Set()
      listeners.set(topic, set.add(listener))
      return {
        [Symbol.dispose]() {
          set.delete(listener)
          if (set.size === 0 && listeners.get(topic) === set) listeners.delete(topic)
        },
      }
    },
    tell,
    tellAll: (item: Item) => {
      for (const topic of listeners.keys()) tell(topic, item)
    },
    clear: () => listeners.clear(),
  }
}
