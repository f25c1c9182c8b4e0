import { CountersignError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** A method of the port: `runs.step`, `journal.read`, … */
export type Method = `${'runs' | 'journal' | 'approvals' | 'principals'}.${string}`
/** Stands around a call of the store: may delay it, refuse it, or lose its answer. */
export type Around = (method: Method, call: () => Promise<unknown>, args: readonly unknown[]) => Promise<unknown>

/** The real store, with something around each of its methods. */
export function faulty(store: Store, around: Around): Store {
  const wrap = <Port extends object>(name: 'runs' | 'journal' | 'approvals' | 'principals', port: Port): Port =>
    Object.fromEntries(
      Object.entries(port).map(([method, call]) => [
        method,
        (...args: unknown[]) => around(`${name}.${method}`, () => call(...args), args),
      ]),
    ) as Port
  return {
    ...store,
    runs: wrap('runs', store.runs),
    journal: wrap('journal', store.journal),
    approvals: wrap('approvals', store.approvals),
    principals: wrap('principals', store.principals),
  }
}

export const unavailable = () => new CountersignError('STORE_UNAVAILABLE', 'The database went away.')

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Lets the event loop go round this often. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
}
