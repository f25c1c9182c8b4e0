/** What the parts measure on, and how much of it. */
export type Bench = {
  readonly store: StoreKind
  /** Whether the database is the product itself and no stand-in: what only it can show binds only there. */
  readonly isReal: boolean
  /** The URL of an empty database that goes with the bench. */
  readonly newDatabase: () => string
  /** How many cycles are measured, after others to warm up. */
  readonly load: Load
  /** How many approvals are pending where many are. */
  readonly pending: number
  /** How many runs are paused where many are. */
  readonly paused: number
  /** How many consoles are idle where many are. */
  readonly consoles: number
  /** A directory for CPU profiles of the children. */
  readonly profileTo: string | undefined
  /** Ends everything that still goes on. */
  readonly signal: AbortSignal
}

export type StoreKind = 'sqlite' | 'mongodb'

/** So many, or as many as are begun in `forMs`: a slow database is not waited for. */
export type Load = { readonly most: number; readonly forMs?: number }

/** Enough for the compiler to have done its work, where the database lets it. */
export const warmUpOf = ({ most, forMs }: Load): Load => ({
  most: Math.max(200, Math.round(most / 4)),
  ...(forMs !== undefined && { forMs }),
})

/** Whether there is no time left for one more, by the clock of who asks. */
export function timeIsUp({ forMs }: Load): () => boolean {
  if (forMs === undefined) return () => false
  const end = performance.now() + forMs
  return () => performance.now() > end
}

/** One at a time, after some to warm up; at most 300, which says enough. */
export async function samplesOf(load: Load, once: () => Promise<number>): Promise<number[]> {
  const warmUp = timeIsUp(load)
  for (let count = 0; count < 50 && !warmUp(); count += 1) await once()
  const isOver = timeIsUp(load)
  const samples: number[] = []
  while (samples.length < Math.min(load.most, 300) && !isOver()) samples.push(await once())
  return samples
}
