import { openSqliteStore } from '../src/store/sqlite/store.ts'
import { answer, type Cost, costOf } from './child.ts'
import { cycle, inParallel, startEngine } from './cycle.ts'

const handlers = {
  /** The cost of `cycles` cycles, after `warmUp` others on the same database. */
  async measure(path: string, warmUp: number, cycles: number): Promise<Cost> {
    await using store = await openSqliteStore({ path })
    await using started = await startEngine(store)
    await inParallel(warmUp, () => cycle(started.engine))
    return await costOf(() => inParallel(cycles, () => cycle(started.engine)))
  },
}
export type EngineChild = typeof handlers

answer(handlers)
