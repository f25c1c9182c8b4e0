import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import type { LoadChild } from './load-child.ts'

/** A database with two tenants in which approvals are pending: in `large` many, in `small` a thousand. */
export type PausedRuns = {
  readonly url: string
  /** A pending approval in `large` that is a copy, as is its run. */
  readonly approvalId: string
  /** How many approvals in `large` are those of the agent that is seldom asked: 5 in a hundred, the newest. */
  readonly ofSeldom: number
}

export const large = 'default'
export const small = 'small'
export const inSmall = 1_000
export const seldom = 'seldom'
/** So that those who wade through all from the oldest to find them wade far. */
const shareOfSeldom = 0.05

/** Paused runs and nothing else: a stand-in that has very many takes minutes to pause one more. */
export async function onlyPausedRuns(bench: Bench): Promise<string> {
  const url = bench.newDatabase()
  await using loader = startChild<LoadChild>('load-child.ts', bench)
  await loader.ask('load', url, { tenant: large, agentName: 'bench', count: bench.paused, whole: true, newest: 0 })
  return url
}

const loaded = new WeakMap<Bench, Promise<PausedRuns>>()

/** The one of this bench: loading takes long. */
export function pausedRuns(bench: Bench): Promise<PausedRuns> {
  const known = loaded.get(bench) ?? loadPausedRuns(bench)
  loaded.set(bench, known)
  return known
}

async function loadPausedRuns(bench: Bench): Promise<PausedRuns> {
  const url = bench.newDatabase()
  await using loader = startChild<LoadChild>('load-child.ts', bench)
  const load = (tenant: string, agentName: string, count: number, whole: boolean, newest: number) =>
    loader.ask('load', url, { tenant, agentName, count, whole, newest })
  const ofSeldom = Math.round(bench.pending * shareOfSeldom)
  const others = bench.pending - ofSeldom
  const seldomInSmall = Math.round(inSmall * shareOfSeldom)
  // Some pending approvals are of runs that are there, the rest of runs that nobody looks for here.
  const paused = Math.min(bench.paused, others)
  if (others > paused) await load(large, 'bench', others - paused, false, ofSeldom + paused)
  const [, approvalId = ''] = await load(large, 'bench', paused, true, ofSeldom)
  await load(large, seldom, ofSeldom, bench.paused > others, 0)
  await load(small, 'bench', inSmall - seldomInSmall, false, seldomInSmall)
  await load(small, seldom, seldomInSmall, false, 0)
  return { url, approvalId, ofSeldom }
}
