import { setTimeout as delay } from 'node:timers/promises'
import { type ClientSession, MongoAPIError, type MongoClient, MongoError, type TransactionOptions } from 'mongodb'
import { codeOf, commandNotFound, noSuchTransaction, storeError, unauthorized } from './errors.ts'

const options: TransactionOptions = {
  readConcern: { level: 'majority' },
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 5_000 },
  readPreference: 'primary',
}
const longestWaitMs = 100
/** The server ends a transaction by itself after this long, in ms, unless it is configured otherwise. */
const lifetimeMs = 60_000

/**
 * All of `work`'s writes or none. For as long as one waits for a server it is done again from its start when somebody else's
 * write came between or the server was lost before the commit, and the commit is sent again when its answer is lost. Then
 * the outcome is unknown, and the error says so to the caller.
 *
 * @param session The caller's again when this resolves; ended when it rejects.
 */
export async function transact<Result>(
  session: ClientSession,
  client: MongoClient,
  work: () => Promise<Result>,
): Promise<Result> {
  // The driver's own loop would go on for two minutes.
  const until = performance.now() + client.options.serverSelectionTimeoutMS
  try {
    for (let wait = 2; ; wait = nextWait(wait)) {
      try {
        session.startTransaction(options)
        const result = await work()
        await commit(session, until)
        return result
      } catch (error) {
        if (!hasLabel(error, 'TransientTransactionError') || performance.now() > until) throw error
        // If the server does not hear this, it hears of the next one in this session.
        if (session.inTransaction()) await session.abortTransaction()
      }
      await delay(wait * Math.random())
    }
  } catch (error) {
    // Nobody has to wait for that.
    void end(client, session, !session.inTransaction() || !codeOf(error))
    throw error
  }
}

/** The server commits once, however often it is asked. */
async function commit(session: ClientSession, until: number): Promise<void> {
  for (let wait = 2; ; wait = nextWait(wait)) {
    try {
      return await session.commitTransaction()
    } catch (error) {
      // The driver has asked again by itself, and a server that has forgotten a transaction may have committed it before.
      if (codeOf(error) === noSuchTransaction) throw storeError(error)
      if (!hasLabel(error, 'UnknownTransactionCommitResult') || performance.now() > until) throw error
    }
    await delay(wait * Math.random())
  }
}

/**
 * A transaction may still be open if its commit failed or the server did not answer, and then it keeps everybody else from
 * what it wrote: so the server is told, once it answers, to end what is open in the session. Only then may the session be
 * used for another.
 */
async function end(client: MongoClient, session: ClientSession, mayBeOpen: boolean): Promise<void> {
  const { id } = session
  // Where it is not allowed to end sessions, this does for what is known to be open. It throws nothing.
  if (session.inTransaction()) await session.abortTransaction().catch(() => {})
  const until = performance.now() + lifetimeMs
  for (let wait = 25; mayBeOpen && id && performance.now() < until; wait = Math.min(wait * 2, 1_000)) {
    try {
      await client.db('admin').command({ killSessions: [id] })
      mayBeOpen = false
    } catch (error) {
      // The client is closed.
      if (error instanceof MongoAPIError || cannotKill.includes(codeOf(error))) break
      await delay(wait, undefined, { ref: false })
    }
  }
  await session.endSession().catch(() => {})
}

const cannotKill = [unauthorized, commandNotFound]
const nextWait = (wait: number) => Math.min(wait * 2, longestWaitMs)
const hasLabel = (error: unknown, label: string) => error instanceof MongoError && error.hasErrorLabel(label)
