import { createLRUCache } from 'graphql-yoga'

/** How often each may do something: up to a minute's worth at once, and then as fast as that comes back. */
export type RateLimit = {
  readonly perMinute: number
  /** How long, in ms, until `who` may do it once more; 0 for now. */
  wait(who: string): number
  /** That `who` has done it. */
  count(who: string): void
}

/** By how much is left of it at a time, in ms. */
type Allowance = { readonly left: number; readonly at: number }

/**
 * Of this process, and in bounded memory: who did it longest ago is forgotten first. Not by a library: those for Node count in fixed windows, with timers
 * and by the wall clock, and what they bring beside it is other stores.
 *
 * @param perMinute 0 for as often as they like.
 * @param now Monotonic, in ms.
 */
export function rateLimit(perMinute: number, now: () => number, rememberAtMost = 10_000): RateLimit {
  const perMs = perMinute / 60_000
  const allowances = createLRUCache<Allowance>({ max: rememberAtMost })
  const leftOf = (who: string) => {
    const known = allowances.get(who)
    return known === undefined ? perMinute : Math.min(perMinute, known.left + (now() - known.at) * perMs)
  }
  return {
    perMinute,
    wait: (who) => (perMinute === 0 ? 0 : Math.ceil(Math.max(0, 1 - leftOf(who)) / perMs)),
    count(who) {
      if (perMinute > 0) allowances.set(who, { left: Math.max(0, leftOf(who) - 1), at: now() })
    },
  }
}
