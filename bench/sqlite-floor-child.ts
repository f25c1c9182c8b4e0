import type { SQLInputValue } from 'node:sqlite'
import { databasePath } from '../src/server/database.ts'
import { openDatabase } from '../src/store/sqlite/database.ts'
import { answer, type Cost, costOf } from './child.ts'
import { inFlight } from './cycle.ts'
import { otherCycles, recordCycle } from './sqlite-writes.ts'

/** How long a round of 32 cycles lasts on the clock of the rows, in ms; near what the engine needs. */
const round = 20

const handlers = {
  /** The cost of the bare writes of `cycles` cycles, after `warmUp` others on the same database. Rows are made beforehand. */
  async measure(recordUrl: string, url: string, warmUp: number, cycles: number): Promise<Cost> {
    const phases = await recordCycle(databasePath(recordUrl))
    // The product's own tables and pragmas; beyond that it is node:sqlite and nothing else.
    using database = openDatabase(databasePath(url), '')
    const { connection } = database
    const statements = phases.map((writes) => writes.map(({ text }) => connection.prepare(text)))
    const begin = connection.prepare('BEGIN IMMEDIATE')
    const commit = connection.prepare('COMMIT')

    function write(batch: readonly SQLInputValue[][][][]) {
      for (const [phase, ofPhase] of statements.entries()) {
        begin.run()
        for (const cycle of batch) {
          const rows = cycle[phase] as SQLInputValue[][]
          for (let index = 0; index < ofPhase.length; index += 1) {
            ofPhase[index]?.run(...(rows[index] as SQLInputValue[]))
          }
        }
        commit.run()
      }
    }

    const anotherCycle = otherCycles(phases)
    let rounds = 0
    const batches = (count: number) =>
      Array.from({ length: Math.ceil(count / inFlight) }, (_, batch) => {
        const later = rounds++ * round
        const size = Math.min(inFlight, count - batch * inFlight)
        return Array.from({ length: size }, () => anotherCycle(later))
      })
    for (const batch of batches(warmUp)) write(batch)
    const prepared = batches(cycles)
    const cost = await costOf(() => {
      prepared.forEach(write)
      return cycles
    })
    const completed = connection.prepare("SELECT count(*) AS n FROM runs WHERE status = 'COMPLETED'").get()?.n
    if (completed !== warmUp + cycles) throw new Error(`The floor wrote ${completed} runs`)
    return cost
  },
}
export type SqliteFloorChild = typeof handlers

answer(handlers)
