import { MongoClient } from 'mongodb'
import { databasePath, openStore } from '../src/server/database.ts'
import { isMongoUrl } from '../src/store/mongodb/url.ts'
import { openDatabase } from '../src/store/sqlite/database.ts'
import { answer, cpuMs } from './child.ts'
import { startEngine } from './cycle.ts'

const handlers = {
  /** Gives every pending approval a deadline within one second, soon, and waits until the last is EXPIRED. */
  async expireAll(url: string, count: number) {
    const first = Date.now() + 3_000
    await (isMongoUrl(url) ? dateMongodb(url, first) : dateSqlite(url, first))
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
    const expiredMs = (await all.promise) - (first + 1_000)
    const cpu = cpuMs() - began
    await engine[Symbol.asyncDispose]()
    return { expiredMs, writes, cpuMs: cpu }
  },
}
export type DeadlinesChild = typeof handlers

answer(handlers)

async function dateSqlite(url: string, first: number) {
  using database = openDatabase(databasePath(url), '')
  database.connection
    .prepare("UPDATE approvals SET expires_at = ? + rowid % 1000, due = ? + rowid % 1000 WHERE status = 'PENDING'")
    .run(first, first)
}

async function dateMongodb(url: string, first: number) {
  await using client = new MongoClient(url)
  const approvals = client.db().collection('approvals')
  const found = await approvals.find({ status: 'PENDING' }).project({ _id: 1 }).toArray()
  for (const [index, { _id }] of found.entries()) {
    const due = new Date(first + (index % 1_000))
    await approvals.updateOne({ _id }, { $set: { expiresAt: due, due, 'order.expires': due } })
  }
}
