import type { RunRecord } from '../store/records.ts'
import type { NewLease, Store } from '../store/store.ts'

/** Takes what is due: the longest due first, but before all others those of tenants that had less than their share lately, so that none waits behind another's thousands. */
export type FairClaims = {
  claim(limit: number, lease: NewLease): Promise<RunRecord[]>
  /** A run of this tenant was begun here. */
  note(tenant: string): void
}

/** By whose runs it is judged who had more than their share. */
const rememberedRuns = 64
/** How long it may take to look for the runs of others, in ms: so much at once, and a tenth of the time. */
const largestAllowance = 100

export function fairClaims({ runs }: Pick<Store, 'runs'>, agentNames: readonly string[]): FairClaims {
  /** The tenants of the runs that were begun here last. */
  const begun: string[] = []
  let allowance = largestAllowance
  let asOf = performance.now()

  function sated(): string[] {
    const times = Map.groupBy(begun, (tenant) => tenant)
    // With one that had none.
    const share = begun.length / (times.size + 1)
    return [...times].filter(([, had]) => had.length >= share).map(([tenant]) => tenant)
  }

  /** To find that all that is due is theirs takes the longer the more that is: it is left out for a while when it took too long. */
  async function claimWithout(tenants: readonly string[], limit: number, lease: NewLease): Promise<RunRecord[]> {
    const now = performance.now()
    allowance = Math.min(largestAllowance, allowance + (now - asOf) / 10)
    asOf = now
    if (tenants.length === 0 || allowance <= 0) return []
    const found = await runs.claimDue(agentNames, limit, lease, tenants)
    // A database that stood still for a while is no reason to look no more for as long.
    allowance = Math.max(-largestAllowance, allowance - (performance.now() - now))
    return found
  }

  return {
    async claim(limit, lease) {
      const first = await claimWithout(sated(), limit, lease)
      if (first.length === limit) return first
      const rest = runs.claimDue(agentNames, limit - first.length, lease)
      // What was claimed is worked on, whatever becomes of the others.
      return [...first, ...(await (first.length > 0 ? rest.catch(() => []) : rest))]
    },
    note(tenant) {
      begun.push(tenant)
      if (begun.length > rememberedRuns) begun.shift()
    },
  }
}
