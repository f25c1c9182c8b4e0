import { isIPv6 } from 'node:net'
import { createLRUCache } from 'graphql-yoga'
import type { Refusal } from '../access/authenticate.ts'
import { sha256 } from '../json.ts'
import type { RateLimit } from './rate-limit.ts'

/** Counts, by address, the tokens that were guesses. */
export type FailedSignIns = {
  /** How long, in ms, until this token is looked at; 0 for now. */
  wait(address: string | null, token: string | null): number
  failed(address: string | null, why: Refusal): void
  succeeded(token: string | null): void
}

/** Nothing was looked up, or whoever has the token was let in by it once. */
const noGuesses: ReadonlySet<Refusal> = new Set(['NO_TOKEN', 'EXPIRED', 'REVOKED', 'NOT_YET_VALID', 'ACTING_FOR'])

/**
 * Many people may come from one address, that of a proxy. So a token that was good here is always looked at, and not who comes but who failed is counted,
 * and only then: after a restart all consoles come at once, with tokens that are new here.
 */
export function failedSignIns(limit: RateLimit): FailedSignIns {
  const wereGood = createLRUCache<true>({ max: 10_000 })
  return {
    wait: (address, token) =>
      address === null || token === null || wereGood.get(sha256(token)) ? 0 : limit.wait(networkOf(address)),
    failed(address, why) {
      if (address !== null && !noGuesses.has(why)) limit.count(networkOf(address))
    },
    succeeded(token) {
      if (token !== null) wereGood.set(sha256(token), true)
    },
  }
}

/** Whoever has one IPv6 address has all that begin with its first 64 bits. */
export function networkOf(address: string): string {
  const [, v4] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (v4 !== undefined || !isIPv6(address)) return v4 ?? address
  const [start = '', end] = address.replace(/%.*$/, '').split('::')
  const [first, last] = [start, end ?? ''].map((groups) => groups.split(':').filter((group) => group !== ''))
  const zeros = end === undefined ? [] : Array<string>(8).fill('0')
  return [...(first ?? []), ...zeros.slice((first ?? []).length + (last ?? []).length), ...(last ?? [])]
    .slice(0, 4)
    .join(':')
}
