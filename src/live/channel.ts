import { isUnavailable } from '../errors.ts'

/** What a source answers when it is asked: an item, that there is none yet, or that there will be none any more. */
export type Taken<Item> = { readonly value: Item } | 'nothing yet' | 'over'

export type Source<Item> = {
  /** Called at once, before the first `next()`: `wake` says that it may be worth asking again. */
  readonly attach: (wake: () => void) => Disposable
  /** Asked only while somebody waits for an item, and never twice at a time. What it throws ends the channel. */
  readonly take: () => Promise<Taken<Item>>
}

/** Can be ended from outside at any time; ends by itself when its source is over or throws. */
export type Channel<Item> = Required<AsyncIterableIterator<Item, undefined, void>> & AsyncDisposable

/** How long to leave alone a store that could not be reached. */
const retryMs = 1_000

/**
 * An async iterator over what a source has, which keeps nothing itself: the source remembers, within its own bounds, what nobody has pulled.
 * (A generator or a Repeater would attach at the first `next()` only, and a generator cannot be ended while its `next()` waits.)
 * A store that cannot be reached ends nothing: whoever waits goes on waiting, and the source is asked again.
 */
export function openChannel<Item>({ attach, take }: Source<Item>): Channel<Item> {
  type Next = IteratorResult<Item, undefined>
  const done: Next = { done: true, value: undefined }
  const waiting: PromiseWithResolvers<Next>[] = []
  let ended = false
  let asking = false
  let woken = false
  let retry: NodeJS.Timeout | undefined

  const attached = attach(() => {
    woken = true
    if (waiting.length > 0 && !asking) void ask()
  })

  function end() {
    if (ended) return
    ended = true
    clearTimeout(retry)
    attached[Symbol.dispose]()
    for (const reader of waiting.splice(0)) reader.resolve(done)
  }

  /** Never rejects: an error goes to whoever waits, and to nobody when the channel was ended meanwhile. */
  async function ask() {
    asking = true
    while (waiting.length > 0) {
      woken = false
      try {
        const taken = await take()
        if (taken === 'over') end()
        else if (taken !== 'nothing yet') waiting.shift()?.resolve({ done: false, value: taken.value })
        else if (!woken) break
      } catch (error) {
        if (!ended && isUnavailable(error)) {
          clearTimeout(retry)
          retry = setTimeout(() => waiting.length > 0 && !asking && void ask(), retryMs).unref()
          break
        }
        const reader = waiting.shift()
        end()
        reader?.reject(error)
      }
    }
    asking = false
  }

  const channel: Channel<Item> = {
    next() {
      if (ended) return Promise.resolve(done)
      const reader = Promise.withResolvers<Next>()
      waiting.push(reader)
      if (!asking) void ask()
      return reader.promise
    },
    async return() {
      end()
      return done
    },
    async throw(error) {
      end()
      throw error
    },
    [Symbol.asyncIterator]: () => channel,
    [Symbol.asyncDispose]: async () => end(),
  }
  return channel
}

/**
 * A channel whose source has something to read first, after it is attached: `open` reads it and gives the source's `take`.
 *
 * @throws what `open` throws; nothing is attached then.
 */
export async function openChannelAfter<Item>(
  attach: Source<Item>['attach'],
  open: () => Promise<Source<Item>['take']>,
): Promise<Channel<Item>> {
  const channel = openChannel<Item>({ attach, take: async () => (await opened)() })
  const opened = open()
  try {
    await opened
    return channel
  } catch (error) {
    await channel.return()
    throw error
  }
}
