import { MongoClient } from 'mongodb'
import { openStore } from '../src/server/database.ts'
import { cycle, inFlight, inParallel, startEngine } from './cycle.ts'

// A slow database gives too few cycles for the compiler to do its work: what is measured then is the interpreter. So the
// driver and the engine are warmed apart from each other, on what is quick.

const commands = 20_000
const forMs = 20_000
const cycles = 3_000

/** The driver, by short commands of the kinds that a cycle has. */
export async function warmDriver(url: string): Promise<void> {
  await using client = new MongoClient(url)
  const kept = client.db().collection<{ _id: string; count: number }>('warm_up')
  let begun = 0
  const once = async () => {
    begun += 1
    const _id = `${begun}`
    if (begun % 20 !== 0) return void (await kept.findOne({ _id }))
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await kept.insertMany([{ _id, count: 0 }], { session })
        await kept.findOneAndUpdate({ _id }, { $inc: { count: 1 } }, { session, returnDocument: 'after' })
      }),
    )
  }
  await inParallel({ most: commands, forMs }, once)
}

/** The engine, on a SQLite database in memory. */
export async function warmEngine(): Promise<void> {
  await using store = await openStore(':memory:')
  await using started = await startEngine(store)
  await inParallel({ most: Math.max(cycles, inFlight), forMs }, () => cycle(started.engine))
}
