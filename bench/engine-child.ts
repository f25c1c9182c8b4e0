import { openStore } from '../src/server/database.ts'
import type { Load } from './bench.ts'
import { answer, type Cost, costOf } from './child.ts'
import { cycle, inParallel, startEngine } from './cycle.ts'
import { warmDriver, warmEngine } from './warm-up.ts'

const handlers = {
  async warmUp(url: string): Promise<void> {
    await warmEngine()
    await warmDriver(url)
  },
  /** The cost of cycles, after others on the same database to warm up. */
  async measure(url: string, warmUp: Load, load: Load): Promise<Cost> {
    await using store = await openStore(url)
    await using started = await startEngine(store)
    await inParallel(warmUp, () => cycle(started.engine))
    return await costOf(() => inParallel(load, () => cycle(started.engine)))
  },
}
export type EngineChild = typeof handlers

answer(handlers)
