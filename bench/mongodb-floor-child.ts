import { once } from 'node:events'
import { connect } from '../src/store/mongodb/connect.ts'
import { prepareSchema } from '../src/store/mongodb/schema.ts'
import type { Load } from './bench.ts'
import { answer, type Cost, costOf } from './child.ts'
import { inFlight, inParallel } from './cycle.ts'
import { otherCycles, type Phases, perform, recordCycle, type Unit } from './mongodb-writes.ts'
import { warmDriver } from './warm-up.ts'

let anotherCycle: ((later: number) => Phases) | undefined

const handlers = {
  async record(url: string): Promise<void> {
    anotherCycle = otherCycles(await recordCycle(url))
  },
  warmUp: warmDriver,
  /**
   * The cost of the bare writes of cycles, after others to warm up. Their documents are made beforehand. `watched`: a change
   * stream is open meanwhile that brings nothing, as the engine's does of its own writes.
   */
  async measure(url: string, warmUp: Load, load: Load, watched: boolean): Promise<Cost> {
    // The product's own connection and collections; beyond that it is the driver and nothing else.
    await using connection = await connect(url)
    const { client } = connection
    const db = client.db(connection.database)
    await prepareSchema(db, '')
    const stream = watched
      ? connection.watching.db(connection.database).watch([{ $match: { 'ns.coll': 'none' } }])
      : null
    // It ends with its client, which is no news.
    stream?.on('error', () => {}).on('change', () => {})
    if (stream) await once(stream, 'resumeTokenChanged')

    async function write({ transaction, writes }: Unit) {
      if (transaction === null) for (const one of writes) await perform(db, one)
      else {
        await client.withSession((session) =>
          session.withTransaction(async () => {
            for (const one of writes) await perform(db, one, session)
          }, transaction),
        )
      }
    }

    async function writeCycles(cycles: Phases[], { forMs }: Load): Promise<Cost> {
      const load = { most: cycles.length, ...(forMs !== undefined && { forMs }) }
      return await costOf(() =>
        inParallel(load, async () => {
          for (const phase of cycles.pop() ?? []) await Promise.all(phase.map(write))
        }),
      )
    }

    const warm = await writeCycles(make(warmUp.most), warmUp)
    // No more than can be written in the time: half as fast again as in the warm-up.
    const inTime = ((load.forMs ?? Number.POSITIVE_INFINITY) / warm.wallMs) * warm.cycles * 1.5 + inFlight
    const cost = await writeCycles(make(Math.min(load.most, Math.ceil(inTime))), load)
    const completed = await db.collection('runs').countDocuments({ status: 'COMPLETED' })
    const written = warm.cycles + cost.cycles
    if (completed !== written) throw new Error(`The floor wrote ${completed} runs and not ${written}`)
    return cost
  },
}
export type MongodbFloorChild = typeof handlers

answer(handlers)

/** Started one ms after the other. */
function make(count: number): Phases[] {
  return Array.from({ length: count }, (_, later) => anotherCycle?.(later) ?? [])
}
