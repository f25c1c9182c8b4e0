import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Identity } from '../access/authenticate.ts'
import type { Over, Watch } from '../access/watch.ts'
import type { HttpContext } from './http-context.ts'

type Results = AsyncGenerator<ExecutionResult, void, void>
type Reader = { readonly identity: Identity; readonly watch: Watch }

/** Every subscription that is open, over SSE and WebSocket alike: without ending them no HTTP server ever closes. */
export type LiveSubscriptions = {
  /** The same results, until they end, their reader's identity is over, or all are ended. Nobody's identity, when it is left out. */
  follow(results: AsyncIterable<ExecutionResult>, reader?: Reader): Results
  /** Ends every subscription, also those that come later. */
  endAll(): void
  readonly size: number
}

export function createLiveSubscriptions(): LiveSubscriptions {
  const open = new Set<() => void>()
  let ended = false
  return {
    follow(results, reader) {
      const source = results[Symbol.asyncIterator]()
      const followed = endable(source, () => {
        open.delete(followed.end)
        watched?.[Symbol.dispose]()
      })
      const watched = reader?.watch(reader.identity, (why) => followed.end(over(why)))
      open.add(followed.end)
      if (ended) followed.end()
      return followed.results
    },
    endAll() {
      ended = true
      for (const end of open) end()
    },
    get size() {
      return open.size
    },
  }
}

const over = (why: Over): ExecutionResult => ({
  errors: [new GraphQLError(`${why}: subscribe again with a valid one.`, { extensions: { code: 'UNAUTHENTICATED' } })],
})

/** An iterator that can be ended from outside while `next()` waits, after one last item if need be. For one reader. */
function endable(source: AsyncIterator<ExecutionResult>, onOver: () => void) {
  type Next = IteratorResult<ExecutionResult, void>
  let over = false
  let last: ExecutionResult | undefined
  let waiting: ((next: Next) => void) | null = null
  const finish = () => {
    if (over) return false
    over = true
    onOver()
    return true
  }
  const rest = (): Next => {
    const value = last
    last = undefined
    return value === undefined ? { done: true, value } : { done: false, value }
  }
  const pull = async (): Promise<Next> => {
    try {
      const next = await source.next()
      if (next.done) finish()
      return next
    } catch (error) {
      finish()
      throw error
    } finally {
      waiting = null
    }
  }
  const results: Results = {
    next: () =>
      new Promise((resolve, reject) => {
        if (over) return resolve(rest())
        // Not Promise.race with one promise for the end: each race would leave a reaction on it.
        waiting = resolve
        pull().then(resolve, reject)
      }),
    async return() {
      if (finish()) waiting?.({ done: true, value: undefined })
      await source.return?.()
      return { done: true, value: undefined }
    },
    async throw(error) {
      await results.return()
      throw error
    },
    [Symbol.asyncIterator]: () => results,
    [Symbol.asyncDispose]: async () => void (await results.return()),
  }
  const end = (value?: ExecutionResult) => {
    if (!finish()) return
    last = value
    waiting?.(rest())
    Promise.resolve(source.return?.()).catch(() => {})
  }
  return { results, end }
}

/** Puts every subscription on the list; over WebSocket too, since this hook is Envelop's. */
export const useLiveSubscriptions = (
  live: LiveSubscriptions,
  watch: Watch,
): Plugin<Pick<HttpContext, 'identity' | 'onSocket'>> => ({
  onSubscribe: ({ args }) => ({
    onSubscribeResult({ result, setResult }) {
      if (!isAsyncIterable(result)) return
      const { identity, onSocket } = args.contextValue
      setResult(live.follow(result, identity === undefined || onSocket ? undefined : { identity, watch }))
    },
  }),
})
