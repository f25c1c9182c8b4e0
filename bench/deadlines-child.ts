import { MongoClient } from 'mongodb'
import { databasePath, openStore } from '../src/server/database.ts'
import { isMongoUrl } from '../src/store/mongodb/url.ts'
import { openDatabase } from '../src/store/sqlite/database.ts'
import { answer, cpuMs } from './child.ts'
import { startEngine } from './cycle.ts'

const handlers = {
  /** Gives every pending approval the same deadline, soon, and waits until the last is EXPIRED. */
  async expireAll(url: string, count: number) {
    const deadline = Date.now() + 3_000
    await (isMongoUrl(url) ? dateMongodb(url, deadline) : dateSqlite(url, deadline))
    await using store = await openStore(url)
    const all = Promise.withResolvers<number>()
    let writes = 0
    using _ = store.changes(({ kind }) => {
      // Each has its own revision: of what is written twice there would be news twice.
      if (kind === 'approval') writes += 1
      if (writes === count) all.resolve(store.now())
    })
    const began = cpuMs()
    const engine = await startEngine(store)
    const from = Math.max(deadline, store.now())
    const expiredMs = (await all.promise) - from
    const cpu = cpuMs() - began
    await engine[Symbol.asyncDispose]()
    return { expiredMs, writes, cpuMs: cpu }
  },
}
export type DeadlinesChild = typeof handlers

answer(handlers)

async function dateSqlite(url: string, at: number) {
  using database = openDatabase(databasePath(url), '')
  database.connection.prepare("UPDATE approvals SET expires_at = ?, due = ? WHERE status = 'PENDING'").run(at, at)
}

async function dateMongodb(url: string, at: number) {
  await using client = new MongoClient(url)
  const due = new Date(at)
  const dated = { $set: { expiresAt: due, due, 'order.expires': due } }
  await client.db().collection('approvals').updateMany({ status: 'PENDING' }, dated)
}
