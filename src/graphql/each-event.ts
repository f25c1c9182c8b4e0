import { RequestCache } from '@pothos/plugin-scope-auth'
import type { GraphQLContext } from './context.ts'

/**
 * A source for a subscription, as the source of its events' root values: each is an object of its own, and with that a key for
 * what is loaded for this event only. Ends as the source does, also while a pull waits.
 *
 * @param context The subscription's own, by which scope-auth keeps every object that it has asked a rule about: forgotten with each event.
 */
export function eachEvent<Event>(
  source: AsyncIterableIterator<Event>,
  context: GraphQLContext,
): AsyncIterableIterator<{ readonly event: Event }> {
  const wrap = ({ done, value }: IteratorResult<Event>): IteratorResult<{ readonly event: Event }> =>
    done ? { done, value: undefined } : { done: false, value: { event: value } }
  return {
    next: async () => {
      RequestCache.clearForContext(context)
      return wrap(await source.next())
    },
    return: async () => wrap((await source.return?.()) ?? { done: true, value: undefined }),
    async throw(error) {
      if (source.throw) return wrap(await source.throw(error))
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
