import type { Collection } from 'mongodb'
import { approvalConditions, approvalSorting, runConditions, runSorting } from '../filters.ts'
import { approvalIndexes, runIndexes } from '../list-indexes.ts'
import { checkPlaces, type EntryRecord } from '../records.ts'
import type { Store } from '../store.ts'
import { decide, dueApprovals, note, remind, unheardRuns } from './approvals.ts'
import { databaseClock } from './clock.ts'
import { connect, openingError } from './connect.ts'
import { collectionsOf, idIn, plain, toApproval, toPrincipal, toRun } from './documents.ts'
import { closedError, mayStand, storeError } from './errors.ts'
import { openFeed } from './feed.ts'
import { keyStore } from './keys.ts'
import { leaseSessions } from './lease-sessions.ts'
import { countUpTo, readPage } from './lists.ts'
import type { Mongo } from './mongo.ts'
import { announcer } from './news.ts'
import { claimDue, claimOrSignal, createRun, readHistory, readUnserved, renewLease, signalRun } from './runs.ts'
import { prepareSchema } from './schema.ts'
import { takeStep } from './steps.ts'

export type MongoOptions = {
  /** `mongodb://…/database` or `mongodb+srv://…`, a replica set. */
  readonly url: string
  /** Begins the names of the collections; none by default. */
  readonly prefix?: string
  /** In ms since 1970; the database's by default. */
  readonly clock?: () => number
}

/**
 * Opens a store in a MongoDB database, for any number of server processes.
 *
 * @throws CountersignError INVALID_CONFIGURATION, STORE_UNAVAILABLE or UNSUPPORTED_VERSION, each in one line that says what to do.
 */
export async function openMongoStore({ url, prefix = '', clock }: MongoOptions): Promise<Store> {
  await using opening = new AsyncDisposableStack()
  const { client, watching, database, description } = opening.use(await connect(url))
  const db = client.db(database)
  const announce = announcer()
  const [feed, databaseTime] = await (async () => {
    try {
      await prepareSchema(watching.db(database), prefix)
      const feed = opening.use(await openFeed(watching.db(database), prefix, announce))
      return [feed, opening.use(await databaseClock(db))] as const
    } catch (error) {
      throw openingError(error, url)
    }
  })()
  const now = clock ?? databaseTime.now
  const collections = collectionsOf(db, prefix)
  const { runs, journal, approvals, principals } = collections
  const sessions = opening.use(leaseSessions(client))
  const mongo: Mongo = { client, collections, sessions, tell: announce }
  const opened = opening.move()
  let closing: Promise<void> | undefined
  const underWay = new Set<Promise<unknown>>()

  /** One operation of the port, with its errors in the port's words. */
  async function ask<Result>(operation: () => Promise<Result>): Promise<Result> {
    if (closing) throw closedError()
    const asked = databaseTime.settled().then(operation)
    underWay.add(asked)
    try {
      return await asked
    } catch (error) {
      throw storeError(error)
    } finally {
      underWay.delete(asked)
    }
  }

  /** The same of one that writes: if it failed, it may have been done. */
  const write = <Result>(operation: () => Promise<Result>): Promise<Result> =>
    ask(async () => {
      try {
        return await operation()
      } catch (error) {
        if (mayStand(error)) feed.doubt()
        throw error
      }
    })

  return {
    description,
    now,
    runs: {
      create: (run, started) =>
        write(async () => {
          checkPlaces(run.id, run.seq - 1, [started])
          return createRun(mongo, run, started)
        }),
      claimOrSignal: (id, lease) => write(() => claimOrSignal(mongo, id, lease)),
      claimDue: (agentNames, limit, lease, without = []) =>
        ask(() => claimDue(mongo, agentNames, limit, lease, without)),
      unserved: (agentNames, before, limit) => ask(() => readUnserved(collections, agentNames, before, limit)),
      renew: (id, fence, until) => ask(() => renewLease(collections, id, fence, until)),
      signal: (id, cancel) => write(() => signalRun(collections, id, now(), cancel ?? null, announce)),
      step: (step) =>
        write(async () => {
          checkPlaces(step.runId, step.seq, step.entries)
          return takeStep(mongo, step)
        }),
      get: (id) => ask(() => one(runs, id, toRun)),
      getMany: (ids) => ask(async () => (await runs.find({ _id: { $in: plain(ids) } }).toArray()).map(toRun)),
      list: (filter, order, page) =>
        ask(async () => {
          const found = await readPage(runs, runIndexes, runConditions(filter), runSorting(order), page)
          return found.map(toRun)
        }),
      count: (filter, limit) => ask(() => countUpTo(runs, runIndexes, runConditions(filter), limit)),
      history: (tenant, sessionId, requester, limit) =>
        ask(() => readHistory(collections, tenant, sessionId, requester, limit)),
    },
    journal: {
      read: (runId, after, limit) =>
        ask(() =>
          journal
            .find({ runId: { $eq: runId }, seq: { $gt: after } }, { sort: { seq: 1 }, limit })
            .project<EntryRecord>({ _id: 0 })
            .toArray(),
        ),
    },
    approvals: {
      get: (id) => ask(() => one(approvals, id, toApproval)),
      getMany: (ids) => ask(async () => (await approvals.find({ _id: { $in: plain(ids) } }).toArray()).map(toApproval)),
      list: (filter, order, page) =>
        ask(async () => {
          const conditions = approvalConditions(filter)
          return (await readPage(approvals, approvalIndexes, conditions, approvalSorting(order), page)).map(toApproval)
        }),
      count: (filter, limit) => ask(() => countUpTo(approvals, approvalIndexes, approvalConditions(filter), limit)),
      decide: (id, tenant, expected, resolution) =>
        write(() => decide(collections, id, tenant, expected, resolution, announce)),
      due: (at, limit) => ask(() => dueApprovals(collections, at, limit)),
      remind: (approval, next) => write(() => remind(collections, announce, approval, next)),
      note: (id, tenant, expected, change) => write(() => note(collections, id, tenant, expected, change, announce)),
      unheard: (before, limit) => ask(() => unheardRuns(collections, before, limit)),
    },
    principals: {
      put: ({ tenant, id, name }) =>
        ask(async () => {
          const set = { $set: { tenant, id, name } }
          await principals.updateOne({ _id: { $eq: idIn(tenant, id) } }, set, { upsert: true })
        }),
      getMany: (tenant, ids) =>
        ask(async () => {
          const keys = ids.map((id) => idIn(tenant, id))
          return (await principals.find({ _id: { $in: keys } }).toArray()).map(toPrincipal)
        }),
    },
    keys: keyStore(collections, ask),
    changes(sink) {
      if (closing) throw closedError()
      return announce.listen(sink)
    },
    ping: () => ask(async () => void (await db.command({ ping: 1 }))),
    [Symbol.asyncDispose]() {
      closing ??= (async () => {
        await Promise.allSettled(underWay)
        announce.close()
        await opened.disposeAsync()
      })()
      return closing
    },
  }
}

async function one<Doc extends { _id: string }, Rec>(
  collection: Collection<Doc>,
  id: string,
  parse: (document: Doc) => Rec,
): Promise<Rec | null> {
  const found = await collection.findOne<Doc>({ _id: { $eq: id } } as object)
  return found && parse(found)
}
