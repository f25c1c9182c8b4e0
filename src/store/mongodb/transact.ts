import { setTimeout as delay } from 'node:timers/promises'
import { type ClientSession, type MongoClient, MongoError, type TransactionOptions } from 'mongodb'

const options: TransactionOptions = {
  readConcern: { level: 'majority' },
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 5_000 },
  readPreference: 'primary',
}
/** Whoever waits is told after this long, in ms, that it did not work; the driver's own loop would go on for two minutes. */
const patienceMs = 5_000
const longestWaitMs = 100

/**
 * All of `work`'s writes or none. It is done again from its start when somebody else's write came between, or the server
 * was lost before the commit. When the commit's own answer is lost, its outcome is unknown and the error says so to the caller.
 */
export async function transact<Result>(
  client: MongoClient,
  work: (session: ClientSession) => Promise<Result>,
): Promise<Result> {
  const session = client.startSession()
  const until = performance.now() + patienceMs
  try {
    for (let wait = 2; ; wait = Math.min(wait * 2, longestWaitMs)) {
      try {
        session.startTransaction(options)
        const result = await work(session)
        await session.commitTransaction()
        return result
      } catch (error) {
        const again = error instanceof MongoError && error.hasErrorLabel('TransientTransactionError')
        if (!again || performance.now() > until) throw error
        if (session.inTransaction()) await session.abortTransaction()
      }
      await delay(wait * Math.random())
    }
  } finally {
    // It aborts what is open, and nobody has to wait for that.
    void session.endSession().catch(() => {})
  }
}
