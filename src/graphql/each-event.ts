/**
 * A source for a subscription, as the source of its events' root values: each is an object of its own, and with that a key for
 * what is loaded for this event only. Ends as the source does, also while a pull waits.
 */
export function eachEvent<Event>(
  source: AsyncIterableIterator<Event>,
): AsyncIterableIterator<{ readonly event: Event }> {
  const wrap = ({ done, value }: IteratorResult<Event>): IteratorResult<{ readonly event: Event }> =>
    done ? { done, value: undefined } : { done: false, value: { event: value } }
  return {
    next: async () => wrap(await source.next()),
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
