import type { Store } from '../../../src/store/store.ts'
import { faulty, turns, unavailable } from '../../runs/faulty-store.ts'

/** A store as one process has it, which may die at any moment. */
export type MortalStore = {
  readonly store: Store
  /** From now on nothing gets to the store; what is on its way is lost, and so are the answers of what has arrived. */
  die(): void
  readonly isDead: boolean
  /** How many calls are under way, and how many there ever were. */
  readonly underWay: number
  readonly begun: number
}

/**
 * @param lag How many turns of the event loop a write takes to get there.
 * @param now The clock of the process.
 */
export function mortalStore(store: Store, { lag, now }: { lag: () => number; now: () => number }): MortalStore {
  let isDead = false
  let underWay = 0
  let begun = 0
  const alive = () => {
    if (isDead) throw unavailable()
  }
  const around = async (method: string, call: () => Promise<unknown>) => {
    alive()
    underWay += 1
    begun += 1
    try {
      if (writes.has(method)) await turns(lag())
      alive()
      return await call()
    } finally {
      underWay -= 1
      alive()
    }
  }
  return {
    store: { ...faulty(store, around), now },
    die() {
      isDead = true
    },
    get isDead() {
      return isDead
    },
    get underWay() {
      return underWay
    },
    get begun() {
      return begun
    },
  }
}

const writes = new Set([
  ...['create', 'claimOrSignal', 'claimDue', 'renew', 'signal', 'step'].map((method) => `runs.${method}`),
  ...['approvals.decide', 'principals.put'],
])
