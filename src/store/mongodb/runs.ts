import type { Filter, MongoClient } from 'mongodb'
import { CountersignError } from '../../errors.ts'
import type { PrincipalId, RunId } from '../../ids.ts'
import { runConditions, runSorting } from '../filters.ts'
import { runIndexes } from '../list-indexes.ts'
import type { CancelRequest, EntryRecord, HistoryRef, RunRecord } from '../records.ts'
import type { Created, NewLease, RunFilter, RunOrder } from '../store.ts'
import { type Collections, fromCancel, fromRun, type RunDocument, toDate, toRun, v } from './documents.ts'
import { codeOf, duplicateKey } from './errors.ts'
import { readPage } from './lists.ts'
import type { Tell } from './news.ts'
import { transact } from './transact.ts'

const after = { returnDocument: 'after' } as const
/** A run that cannot be read must not keep all others waiting: it is looked at again in an hour. */
const unreadableMs = 3_600_000

export async function createRun(
  client: MongoClient,
  { runs, journal, sessions }: Collections,
  run: RunRecord,
  started: EntryRecord,
  tell: Tell,
): Promise<Created> {
  const _id = { tenant: run.tenant, id: run.sessionId }
  const setOnInsert = { owner: run.requestedBy }
  try {
    const created = await transact(client, async (session) => {
      const owned = await sessions.findOneAndUpdate(
        { _id: { $eq: _id } },
        { $setOnInsert: setOnInsert },
        { ...after, upsert: true, session },
      )
      if (owned?.owner !== run.requestedBy) return false
      await runs.insertOne(fromRun(run), { session })
      await journal.insertOne({ ...started }, { session })
      return true
    })
    if (created) {
      tell.run(run)
      return { outcome: 'created', run }
    }
  } catch (error) {
    if (codeOf(error) !== duplicateKey) throw error
    const standing = await runs.findOne({ _id: { $eq: run.id } })
    // Not the run's id but the place of its first entry is taken.
    if (standing === null) throw error
  }
  const standing = await runs.findOne({ _id: { $eq: run.id } })
  return standing === null ? { outcome: 'session-taken' } : { outcome: 'exists', run: toRun(standing) }
}

export async function claimOrSignal(
  { runs }: Collections,
  id: RunId,
  lease: NewLease,
  tell: Tell,
): Promise<RunRecord | null> {
  const now = toDate(lease.now)
  // Between the two somebody may take it, or let it go: then it is the other's turn again.
  for (let tries = 0; tries < 20; tries++) {
    const free: Filter<RunDocument> = { _id: { $eq: id }, v, $or: [{ lease: null }, { 'lease.until': { $lte: now } }] }
    const claimed = await runs.findOneAndUpdate(free, claim(lease), after)
    if (claimed !== null) return toRun(claimed)
    const signalled = await runs.findOneAndUpdate(
      { _id: { $eq: id }, v, 'lease.until': { $gt: now } },
      { $inc: { signals: 1 }, $set: { due: now } },
      after,
    )
    if (signalled !== null) {
      tell.signal(toRun(signalled))
      return null
    }
    const there = await runs.findOne({ _id: { $eq: id } })
    if (there === null) return null
    toRun(there)
  }
  throw new CountersignError('STORE_UNAVAILABLE', `The lease of ${id} could neither be taken nor signalled.`)
}

export async function claimDue(
  { runs }: Collections,
  agentNames: readonly string[],
  limit: number,
  lease: NewLease,
): Promise<RunRecord[]> {
  const now = toDate(lease.now)
  // Agent by agent, so that work which nobody here serves is not waded through.
  const ready = await Promise.all(
    [...new Set(agentNames)].map((agentName) =>
      runs
        .find(
          { agentName: { $eq: agentName }, wake: { $lte: now }, v },
          { hint: 'runs_wake', sort: { wake: 1 }, limit },
        )
        .project<{ _id: RunId; wake: Date }>({ wake: 1 })
        .toArray(),
    ),
  )
  const oldest = ready
    .flat()
    .sort((a, b) => a.wake.getTime() - b.wake.getTime())
    .slice(0, limit)
  const claimed = await Promise.all(
    oldest.map(async ({ _id }) => {
      // Others look for work at the same time: who takes it first has it.
      const run = await runs.findOneAndUpdate({ _id: { $eq: _id }, wake: { $lte: now }, v }, claim(lease), after)
      return run === null ? [] : await readable({ runs }, run, now)
    }),
  )
  return claimed.flat()
}

async function readable({ runs }: Pick<Collections, 'runs'>, document: RunDocument, now: Date): Promise<RunRecord[]> {
  try {
    return [toRun(document)]
  } catch {
    await runs.updateOne({ _id: { $eq: document._id } }, { $set: { wake: new Date(now.getTime() + unreadableMs) } })
    return []
  }
}

function claim({ owner, until }: NewLease) {
  const wake = toDate(until)
  return { $inc: { fence: 1 }, $set: { lease: { owner, until: wake }, wake, due: null } }
}

export async function renewLease(
  { runs }: Collections,
  id: RunId,
  fence: number,
  until: number,
): Promise<RunRecord | null> {
  const wake = toDate(until)
  // A lease that was given up is not had back by renewing: that takes a claim.
  const held: Filter<RunDocument> = { _id: { $eq: id }, fence, v, lease: { $ne: null } }
  const run = await runs.findOneAndUpdate(held, { $set: { 'lease.until': wake, wake } }, after)
  return run && toRun(run)
}

export async function signalRun(
  { runs }: Collections,
  id: RunId,
  now: number,
  cancel: CancelRequest | null,
  tell: Tell,
): Promise<RunRecord | null> {
  const due = toDate(now)
  const notOver = { $in: ['$status', ['RUNNING', 'PAUSED']] }
  const cancelRequested = {
    $cond: [notOver, { $ifNull: ['$cancelRequested', { $literal: fromCancel(cancel) }] }, '$cancelRequested'],
  }
  const set = {
    signals: { $add: ['$signals', 1] },
    due,
    wake: { $ifNull: ['$lease.until', due] },
    ...(cancel && { cancelRequested }),
  }
  const signalled = await runs.findOneAndUpdate({ _id: { $eq: id }, v }, [{ $set: set }], after)
  // Null for an unknown id, and refused for a run of another format.
  const document = signalled ?? (await runs.findOne({ _id: { $eq: id } }))
  if (document === null) return null
  const run = toRun(document)
  tell.signal(run)
  return run
}

export async function readHistory(
  { runs, sessions }: Collections,
  tenant: string,
  sessionId: string,
  requester: PrincipalId,
  limit: number,
): Promise<HistoryRef[] | null> {
  const session = await sessions.findOne({ _id: { $eq: { tenant, id: sessionId } } })
  if (session !== null && session.owner !== requester) return null
  const filter: RunFilter = { visible: { tenant }, sessionId, status: ['COMPLETED'] }
  const order: RunOrder = 'OLDEST_FIRST'
  const page = { limit, backward: true }
  const finished = await readPage(runs, runIndexes, runConditions(filter), runSorting(order), page)
  return finished.map(({ _id, seq }) => ({ runId: _id, seq }))
}
