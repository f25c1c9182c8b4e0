import { type ClientSession, type Document, type Filter, MongoWriteConcernError } from 'mongodb'
import { CountersignError } from '../../errors.ts'
import type { PrincipalId, RunId } from '../../ids.ts'
import { runConditions, runSorting } from '../filters.ts'
import { runIndexes } from '../list-indexes.ts'
import type { CancelRequest, EntryRecord, HistoryRef, RunRecord } from '../records.ts'
import type { Created, NewLease, RunFilter, RunOrder, Unserved } from '../store.ts'
import {
  type Collections,
  everyTime,
  fromCancel,
  fromRun,
  idIn,
  type RunDocument,
  toDate,
  toRun,
  v,
} from './documents.ts'
import { codeOf, duplicateKey, timeExceeded } from './errors.ts'
import { wakeIndex } from './indexes.ts'
import { endLeftOpen, endSession, nameOf } from './lease-sessions.ts'
import { readPage } from './lists.ts'
import type { Mongo } from './mongo.ts'
import type { Tell } from './news.ts'
import { transact } from './transact.ts'

const after = { returnDocument: 'after' } as const
/** What stands although no majority has confirmed it yet. */
const present = { readConcern: { level: 'linearizable' }, maxTimeMS: 5_000 } as const
/** How long a write waits for a transaction that is open on the run. */
const maxTimeMS = 2_000
/** How long a run is looked at that changes hands again and again. */
const patienceMs = 5_000

export async function createRun(mongo: Mongo, run: RunRecord, started: EntryRecord): Promise<Created> {
  const { client, collections, sessions, tell } = mongo
  const { runs, journal } = collections
  const session = sessions.open()
  try {
    const isOwner = await transact(session, client, async () => {
      const owned = await collections.sessions.findOneAndUpdate(
        { _id: { $eq: idIn(run.tenant, run.sessionId) } },
        { $setOnInsert: { owner: run.requestedBy } },
        { ...after, upsert: true, session },
      )
      if (owned?.owner !== run.requestedBy) return false
      await insertOnly(collections, run, started, session, tell.mark())
      return true
    })
    if (isOwner) {
      if (run.lease === null) endSession(session)
      else sessions.keep(run, session)
      tell.run(run)
      return { outcome: 'created', run }
    }
    endSession(session)
  } catch (error) {
    if (codeOf(error) !== duplicateKey) throw error
    const standing = await runs.findOne({ _id: { $eq: run.id } }, present)
    // Not the run's id but the place of its first entry is taken.
    if (standing === null) throw error
    const other = toRun(standing)
    const first = await journal.findOne({ runId: { $eq: run.id }, seq: { $eq: started.seq } }, present)
    // It was written here, by the first of two tries whose answer was lost; or else it is somebody's same request.
    const isOwn = first?.text === started.text && other.lease?.owner === run.lease?.owner
    if (!isOwn || run.lease === null) return { outcome: 'exists', run: other }
    tell.run(run)
    return { outcome: 'created', run }
  }
  const standing = await runs.findOne({ _id: { $eq: run.id } })
  return standing === null ? { outcome: 'session-taken' } : { outcome: 'exists', run: toRun(standing) }
}

/** A run that nobody holds, with a session of its own, in a transaction. */
export async function insertRun(
  collections: Collections,
  run: RunRecord,
  started: EntryRecord,
  session: ClientSession,
  mark: string,
): Promise<void> {
  const own = { _id: idIn(run.tenant, run.sessionId), owner: run.requestedBy }
  await collections.sessions.insertOne(own, { session })
  await insertOnly(collections, run, started, session, mark)
}

/** A lease that it has is written in this session. */
async function insertOnly(
  { runs, journal }: Collections,
  run: RunRecord,
  started: EntryRecord,
  session: ClientSession,
  mark: string,
): Promise<void> {
  await runs.insertOne({ ...fromRun(run, run.lease && nameOf(session)), by: mark }, { session })
  await journal.insertOne({ ...started }, { session })
}

export async function claimOrSignal(mongo: Mongo, id: RunId, lease: NewLease): Promise<RunRecord | null> {
  const { client, collections, tell } = mongo
  const { runs } = collections
  const now = toDate(lease.now)
  // Between the two somebody may take it, or let it go: then it is the other's turn again.
  for (const until = performance.now() + patienceMs; performance.now() < until; ) {
    try {
      const free: Filter<RunDocument> = {
        _id: { $eq: id },
        v,
        $or: [{ lease: null }, { 'lease.until': { $lte: now } }],
      }
      const claimed = await claim(mongo, free, lease)
      if (claimed !== null) return toRun(claimed)
      const signalled = await runs.findOneAndUpdate(
        { _id: { $eq: id }, v, 'lease.until': { $gt: now } },
        { $inc: { signals: 1 }, $set: { due: now, by: tell.mark() } },
        { ...after, maxTimeMS },
      )
      if (signalled !== null) {
        tell.signal(toRun(signalled))
        return null
      }
    } catch (error) {
      // Of a write that no majority has confirmed in time nobody knows whether it was done.
      if (codeOf(error) !== timeExceeded || error instanceof MongoWriteConcernError) throw error
    }
    const there = await runs.findOne({ _id: { $eq: id } })
    if (there === null) return null
    toRun(there)
    // Who held it may have died within a step.
    if (there.lease && there.lease.until <= now) await endLeftOpen(client, [there.lease.session])
  }
  throw new CountersignError('STORE_UNAVAILABLE', `The lease of ${id} could neither be taken nor signalled.`)
}

export async function claimDue(
  mongo: Mongo,
  agentNames: readonly string[],
  limit: number,
  lease: NewLease,
  without: readonly string[],
): Promise<RunRecord[]> {
  const { client, collections } = mongo
  const { runs } = collections
  const now = toDate(lease.now)
  const others = without.length > 0 ? { tenant: { $nin: without } } : {}
  // Agent by agent, so that work which nobody here serves is not waded through.
  const ready = await Promise.all(
    [...new Set(agentNames)].map((agentName) =>
      runs
        .find(
          { agentName: { $eq: agentName }, wake: { $gte: everyTime, $lte: now }, ...others, v },
          { sort: { wake: 1 }, limit, hint: wakeIndex },
        )
        .project<Pick<RunDocument, '_id' | 'wake' | 'lease'> & { wake: Date }>({ wake: 1, lease: 1 })
        .toArray(),
    ),
  )
  const oldest = ready
    .flat()
    .sort((a, b) => a.wake.getTime() - b.wake.getTime())
    .slice(0, limit)
  // Who held them may have died within a step.
  await endLeftOpen(
    client,
    oldest.map(({ lease }) => lease?.session),
  )
  const claims = await Promise.allSettled(
    oldest.map(async ({ _id }) => {
      // Others look for work at the same time: who takes it first has it.
      const run = await claim(mongo, { _id: { $eq: _id }, wake: { $lte: now }, v }, lease)
      return run === null ? [] : [toRun(run)]
    }),
  )
  const claimed = claims.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const failed = claims.find((one) => one.status === 'rejected')
  // What was claimed is worked on, whatever became of the others.
  if (claimed.length === 0 && failed) throw failed.reason
  return claimed
}

export async function readUnserved(
  { runs }: Collections,
  agentNames: readonly string[],
  before: number,
  limit: number,
): Promise<Unserved[]> {
  const found: Unserved[] = []
  // From name to name, so that the runs of none are waded through.
  const after = (name: string) =>
    runs.findOne(
      { agentName: { $gt: name }, wake: { $gte: everyTime } },
      { sort: { agentName: 1 }, hint: wakeIndex, projection: { _id: 0, agentName: 1 } },
    )
  for (let next = await after(''); next && found.length < limit; next = await after(next.agentName)) {
    const { agentName } = next
    if (agentNames.includes(agentName)) continue
    const run = await runs.findOne(
      { agentName: { $eq: agentName }, wake: { $gte: everyTime, $lte: toDate(before) } },
      { sort: { wake: 1 }, hint: wakeIndex, projection: { wake: 1 } },
    )
    if (run?.wake) found.push({ agentName, id: run._id, since: run.wake.getTime() })
  }
  return found
}

/** Takes the lease of the run that fits, and keeps a session for it. */
async function claim(
  { collections, sessions }: Mongo,
  free: Filter<RunDocument>,
  { owner, until }: NewLease,
): Promise<RunDocument | null> {
  const session = sessions.open()
  const wake = toDate(until)
  const lease = { owner, until: wake, session: nameOf(session) }
  const update = { $inc: { fence: 1 }, $set: { lease, wake, due: null } }
  const run = await collections.runs.findOneAndUpdate(free, update, { ...after, maxTimeMS }).catch((error) => {
    endSession(session)
    throw error
  })
  if (run === null) endSession(session)
  else sessions.keep({ id: run._id, fence: run.fence }, session)
  return run
}

export async function renewLease(
  { runs }: Collections,
  id: RunId,
  fence: number,
  until: number,
): Promise<RunRecord | null> {
  const wake = toDate(until)
  // A lease that was given up is not had back by renewing: that takes a claim.
  const held: Filter<RunDocument> = { _id: { $eq: id }, fence: { $eq: fence }, v, lease: { $ne: null } }
  // A renewal that was late takes nothing back.
  const run = await runs.findOneAndUpdate(held, { $max: { 'lease.until': wake, wake } }, { ...after, maxTimeMS })
  return run && toRun(run)
}

export async function signalRun(
  { runs }: Collections,
  id: RunId,
  now: number,
  cancel: CancelRequest | null,
  tell: Tell,
): Promise<RunRecord | null> {
  const update = signalling(now, cancel, tell.mark())
  const signalled = await runs.findOneAndUpdate({ _id: { $eq: id }, v }, update, { ...after, maxTimeMS })
  // Null for an unknown id, and refused for a run of another format.
  const document = signalled ?? (await runs.findOne({ _id: { $eq: id } }))
  if (document === null) return null
  const run = toRun(document)
  tell.signal(run)
  return run
}

/** What a signal changes, whatever the run's status. */
export function signalling(now: number, cancel: CancelRequest | null, mark: string): Document[] {
  const due = toDate(now)
  const notOver = { $in: ['$status', ['RUNNING', 'PAUSED']] }
  const cancelRequested = {
    $cond: [notOver, { $ifNull: ['$cancelRequested', { $literal: fromCancel(cancel) }] }, '$cancelRequested'],
  }
  const set = {
    signals: { $add: ['$signals', 1] },
    due,
    by: { $literal: mark },
    wake: { $ifNull: ['$lease.until', due] },
    ...(cancel && { cancelRequested }),
  }
  return [{ $set: set }]
}

export async function readHistory(
  { runs, sessions }: Collections,
  tenant: string,
  sessionId: string,
  requester: PrincipalId,
  limit: number,
): Promise<HistoryRef[] | null> {
  const session = await sessions.findOne({ _id: { $eq: idIn(tenant, sessionId) } })
  if (session !== null && session.owner !== requester) return null
  const filter: RunFilter = { visible: { tenant }, sessionId, status: ['COMPLETED'] }
  const order: RunOrder = 'OLDEST_FIRST'
  const page = { limit, backward: true }
  const finished = await readPage(runs, runIndexes, runConditions(filter), runSorting(order), page)
  return finished.map(toRun).map(({ id, seq }) => ({ runId: id, seq }))
}
