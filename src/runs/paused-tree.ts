import type { RunId } from '../ids.ts'
import type { RunRecord } from '../store/records.ts'
import { openChildren, type RunState } from './fold.ts'

/** A run with its journal's state. */
export type PausedRun = { readonly run: RunRecord; readonly state: RunState }

/** How runs and their journals are read. */
export type RunReader = {
  readonly getMany: (ids: readonly RunId[]) => Promise<readonly RunRecord[]>
  readonly stateOf: (run: RunRecord) => Promise<RunState>
}

/** A paused run, and then those of the agents it asked that are paused as well, whatever their depth: all that waits for a person. */
export async function pausedTree(read: RunReader, outer: PausedRun): Promise<PausedRun[]> {
  const ids = openChildren(outer.state)
  const children = ids.length > 0 ? await read.getMany(ids) : []
  const paused = children.filter(({ status }) => status === 'PAUSED')
  // In the order in which the model asked.
  const trees = paused
    .sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))
    .map(async (run) => pausedTree(read, { run, state: await read.stateOf(run) }))
  return [outer, ...(await Promise.all(trees)).flat()]
}
