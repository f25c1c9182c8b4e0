import { approvalConditions, approvalSorting, runConditions, runSorting } from '../filters.ts'
import { checkPlaces } from '../records.ts'
import type { KeyDatabase, News, Store } from '../store.ts'
import { decide, dueApprovals, note, remind, unheardRuns } from './approvals.ts'
import { type Database, openDatabase } from './database.ts'
import { closedError, storeError } from './errors.ts'
import { groupCommit, type Work } from './group-commit.ts'
import { keyStore } from './keys.ts'
import { toApproval, toEntry, toPrincipal } from './rows.ts'
import { claimDue, claimOrSignal, createRun, readHistory, readUnserved, renewLease, signalRun } from './runs.ts'
import { takeStep } from './steps.ts'
import { tablesOf } from './tables.ts'

export type SqliteOptions = {
  /** A file, or `:memory:`. Its directory must be there. */
  readonly path: string
  /** Begins the names of the tables; none by default. */
  readonly prefix?: string
  /** In ms since 1970; the system's by default. */
  readonly clock?: () => number
}

/**
 * Opens a store in a SQLite file, for one server process.
 *
 * @throws CountersignError STORE_IN_USE, STORE_UNAVAILABLE, UNSUPPORTED_VERSION or INVALID_CONFIGURATION (the prefix).
 */
export async function openSqliteStore({ path, prefix = '', clock = Date.now }: SqliteOptions): Promise<Store> {
  return sqliteStore(openDatabase(path, prefix), prefix, clock)
}

/**
 * Opens a SQLite file for its API keys only, also while a server holds it: their writes are short, and the server keeps no copy of them.
 *
 * @throws CountersignError STORE_UNAVAILABLE, UNSUPPORTED_VERSION or INVALID_CONFIGURATION (the prefix).
 */
export async function openSqliteKeys({ path, prefix = '', clock = Date.now }: SqliteOptions): Promise<KeyDatabase> {
  return sqliteStore(openDatabase(path, prefix, { hold: false }), prefix, clock)
}

/** The store on a database that is open; it closes it. */
export function sqliteStore(database: Database, prefix: string, clock: () => number): Store {
  const tables = tablesOf(database, prefix)
  const { runs, approvals } = tables
  const sinks = new Set<{ readonly sink: (news: News) => void }>()
  const commits = groupCommit(
    database,
    (news) => {
      for (const { sink } of sinks) sink(news)
    },
    tables.forget,
  )
  let closed = false

  const write = async <Result>(work: Work<Result>): Promise<Result> => {
    if (closed) throw closedError()
    return commits.write(work)
  }
  const read = async <Result>(look: () => Result): Promise<Result> => {
    if (closed) throw closedError()
    try {
      return look()
    } catch (error) {
      throw storeError(error)
    }
  }

  const readEntries = `SELECT run_id, seq, text FROM ${prefix}journal WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?`
  const selectApprovals = `SELECT * FROM ${prefix}approvals WHERE id IN (SELECT value FROM json_each(?))`
  const selectPrincipals = `SELECT tenant, id, name FROM ${prefix}principals WHERE tenant = ? AND id IN (SELECT value FROM json_each(?))`
  const putPrincipal = `INSERT INTO ${prefix}principals (tenant, id, name) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET name = excluded.name WHERE name IS NOT excluded.name`

  return {
    description: database.description,
    now: clock,
    runs: {
      async create(run, started) {
        checkPlaces(run.id, run.seq - 1, [started])
        return write(createRun(tables, run, started))
      },
      claimOrSignal: (id, lease) => write(claimOrSignal(tables, id, lease)),
      claimDue: (agentNames, limit, lease, without = []) => write(claimDue(tables, agentNames, limit, lease, without)),
      unserved: (agentNames, before, limit) => read(() => readUnserved(tables, agentNames, before, limit)),
      renew: (id, fence, until) => write(renewLease(tables, id, fence, until)),
      signal: (id, cancel) => write(signalRun(tables, id, clock(), cancel)),
      async step(step) {
        checkPlaces(step.runId, step.seq, step.entries)
        return write(takeStep(tables, step))
      },
      get: (id) => read(() => runs.get(id)),
      getMany: (ids) => read(() => [...new Set(ids)].flatMap((id) => runs.get(id) ?? [])),
      list: (filter, order, page) => read(() => runs.page(runConditions(filter), runSorting(order), page)),
      count: (filter, limit) => read(() => runs.count(runConditions(filter), limit)),
      history: (tenant, sessionId, requester, limit) =>
        read(() => readHistory(tables, tenant, sessionId, requester, limit)),
    },
    journal: {
      read: (runId, after, limit) => read(() => database.rows(readEntries, runId, after, limit).map(toEntry)),
    },
    approvals: {
      get: (id) => read(() => approvals.get(id)),
      getMany: (ids) => read(() => database.rows(selectApprovals, JSON.stringify(ids)).map(toApproval)),
      list: (filter, order, page) =>
        read(() => approvals.page(approvalConditions(filter), approvalSorting(order), page)),
      count: (filter, limit) => read(() => approvals.count(approvalConditions(filter), limit)),
      decide: (id, tenant, expected, resolution) => write(decide(tables, id, tenant, expected, resolution)),
      due: (at, limit) => read(() => dueApprovals(tables, at, limit)),
      remind: (approval, next) => write(remind(tables, approval, next)),
      note: (id, tenant, expected, change) => write(note(tables, id, tenant, expected, change)),
      unheard: (before, limit) => read(() => unheardRuns(tables, before, limit)),
    },
    principals: {
      put: ({ tenant, id, name }) => write(() => database.run(putPrincipal, tenant, id, name)),
      getMany: (tenant, ids) =>
        read(() => database.rows(selectPrincipals, tenant, JSON.stringify(ids)).map(toPrincipal)),
    },
    keys: keyStore(database, prefix, { write, read }),
    changes(sink) {
      if (closed) throw closedError()
      const subscription = { sink }
      sinks.add(subscription)
      return { [Symbol.dispose]: () => void sinks.delete(subscription) }
    },
    ping: () => read(() => void database.row('SELECT 1')),
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      commits.flush()
      sinks.clear()
      database[Symbol.dispose]()
    },
  }
}
