import type { PrincipalId, RunId } from '../../ids.ts'
import { runConditions, runSorting } from '../filters.ts'
import { type CancelRequest, type EntryRecord, type HistoryRef, isOver, type RunRecord } from '../records.ts'
import type { Created, NewLease, News, RunFilter, RunOrder, Unserved } from '../store.ts'
import type { Work } from './group-commit.ts'
import type { Tables } from './tables.ts'

export const runNews = (run: RunRecord): News => ({ kind: 'run', id: run.id, seq: run.seq, record: run })

export function createRun(tables: Tables, run: RunRecord, started: EntryRecord): Work<Created> {
  const { runs, append } = tables
  return (tell) => {
    const standing = runs.get(run.id)
    if (standing !== null) return { outcome: 'exists', run: standing }
    const owner = sessionOwner(tables, run.tenant, run.sessionId)
    if (owner !== null && owner !== run.requestedBy) return { outcome: 'session-taken' }
    if (owner === null) insertSession(tables, run)
    runs.insert(run)
    append([started])
    tell(runNews(run))
    return { outcome: 'created', run }
  }
}

/** A run with a session of its own: throws when either stands already. */
export function insertRun(tables: Tables, run: RunRecord, started: EntryRecord): void {
  insertSession(tables, run)
  tables.runs.insert(run)
  tables.append([started])
}

function insertSession({ sql, prefix }: Tables, { tenant, sessionId, requestedBy }: RunRecord): void {
  sql.run(`INSERT INTO ${prefix}sessions (tenant, id, owner) VALUES (?, ?, ?)`, tenant, sessionId, requestedBy)
}

export function claimOrSignal({ runs }: Tables, id: RunId, lease: NewLease): Work<RunRecord | null> {
  return (tell) => {
    const run = runs.get(id)
    if (run === null) return null
    const held = run.lease !== null && run.lease.until > lease.now
    const after = held ? signalled(run, lease.now) : claimed(run, lease)
    runs.update(run, after)
    if (!held) return after
    tell(runNews(after))
    return null
  }
}

export function claimDue(
  { sql, prefix, runs }: Tables,
  agentNames: readonly string[],
  limit: number,
  lease: NewLease,
  without: readonly string[],
): Work<RunRecord[]> {
  // One row that cannot be read must not keep all others waiting: it is looked at again in an hour.
  const skip = (id: string) => {
    sql.run(`UPDATE ${prefix}runs SET wake = ? WHERE id = ?`, lease.now + 3_600_000, id)
    return []
  }
  const ready = `SELECT id, wake FROM ${prefix}runs INDEXED BY ${prefix}runs_wake WHERE agent_name = ? AND wake <= ? AND tenant NOT IN (SELECT value FROM json_each(?)) ORDER BY wake, id LIMIT ?`
  return () =>
    [...new Set(agentNames)]
      // Agent by agent, so that work which nobody here serves is not waded through.
      .flatMap((name) => sql.rows(ready, name, lease.now, JSON.stringify(without), limit))
      .sort((a, b) => Number(a[1]) - Number(b[1]))
      .slice(0, limit)
      .flatMap(([id]) => readable(() => runs.get(String(id))) ?? skip(String(id)))
      .map((run) => {
        const after = claimed(run, lease)
        runs.update(run, after)
        return after
      })
}

export function readUnserved(
  { sql, prefix }: Tables,
  agentNames: readonly string[],
  before: number,
  limit: number,
): Unserved[] {
  const waiting = `FROM ${prefix}runs INDEXED BY ${prefix}runs_wake WHERE wake IS NOT NULL AND agent_name`
  const found: Unserved[] = []
  // From name to name, so that the runs of none are waded through.
  const after = (name: string) => sql.row(`SELECT min(agent_name) ${waiting} > ?`, name)?.[0]
  for (let name = after(''); typeof name === 'string' && found.length < limit; name = after(name)) {
    if (agentNames.includes(name)) continue
    const row = sql.row(`SELECT id, wake ${waiting} = ? AND wake <= ? ORDER BY wake, id LIMIT 1`, name, before)
    if (row) found.push({ agentName: name, id: String(row[0]) as RunId, since: Number(row[1]) })
  }
  return found
}

export function renewLease({ runs }: Tables, id: RunId, fence: number, until: number): Work<RunRecord | null> {
  return () => {
    const run = runs.get(id)
    // A lease that was given up is not had back by renewing: that takes a claim.
    if (run === null || run.fence !== fence || run.lease === null) return null
    const after = { ...run, lease: { ...run.lease, until } }
    runs.update(run, after)
    return after
  }
}

export function signalRun(
  { runs }: Tables,
  id: RunId,
  now: number,
  cancel: CancelRequest | undefined,
): Work<RunRecord | null> {
  return (tell) => {
    const run = runs.get(id)
    if (run === null) return null
    const after = { ...signalled(run, now), cancelRequested: cancelAfter(run, cancel) }
    runs.update(run, after)
    tell(runNews(after))
    return after
  }
}

const claimed = (run: RunRecord, { owner, until }: NewLease): RunRecord => ({
  ...run,
  fence: run.fence + 1,
  lease: { owner, until },
  due: null,
})

const signalled = (run: RunRecord, now: number): RunRecord => ({ ...run, signals: run.signals + 1, due: now })

const cancelAfter = (run: RunRecord, cancel: CancelRequest | undefined) =>
  isOver(run.status) ? run.cancelRequested : (run.cancelRequested ?? cancel ?? null)

export function readHistory(
  tables: Tables,
  tenant: string,
  sessionId: string,
  requester: PrincipalId,
  limit: number,
): HistoryRef[] | null {
  const owner = sessionOwner(tables, tenant, sessionId)
  if (owner !== null && owner !== requester) return null
  const filter: RunFilter = { visible: { tenant }, sessionId, status: ['COMPLETED'] }
  const order: RunOrder = 'OLDEST_FIRST'
  return tables.runs
    .page(runConditions(filter), runSorting(order), { limit, backward: true })
    .map(({ id, seq }) => ({ runId: id, seq }))
}

function sessionOwner({ sql, prefix }: Tables, tenant: string, id: string): string | null {
  const row = sql.row(`SELECT owner FROM ${prefix}sessions WHERE tenant = ? AND id = ?`, tenant, id)
  return row === undefined ? null : String(row[0])
}

function readable<Result>(read: () => Result): Result | null {
  try {
    return read()
  } catch {
    return null
  }
}
