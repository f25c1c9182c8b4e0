import type { ClientSession } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import { isOver, type Resolution, type RunRecord } from '../records.ts'
import type { Step, StepResult } from '../store.ts'
import { resolving } from './approvals.ts'
import {
  type ApprovalDocument,
  type Collections,
  fromApproval,
  plain,
  refuseOtherVersion,
  toDate,
  toRun,
  v,
} from './documents.ts'
import { endSession } from './lease-sessions.ts'
import type { Mongo } from './mongo.ts'
import { insertRun, signalling } from './runs.ts'
import { transact } from './transact.ts'

type Written = {
  readonly run: RunRecord
  readonly cancelled: readonly { id: ApprovalId; revision: number }[]
  readonly signalled: readonly RunRecord[]
}

/** All of a step, or nothing: whoever is not the holder any more, or has not seen the last entry, writes nothing. */
export async function takeStep({ client, collections, sessions, tell }: Mongo, step: Step): Promise<StepResult> {
  const { approvals, journal } = collections
  const held = { id: step.runId, fence: step.fence }
  const session = sessions.take(held) ?? sessions.open()
  let tries = 0
  const written = await transact(session, client, async (): Promise<Written | null> => {
    tries += 1
    const run = await writeRun(collections, step, session, tell.mark())
    if (run === null) return null
    const proposed = step.propose.map((approval) => ({ ...fromApproval(approval), by: tell.mark() }))
    if (proposed.length > 0) await approvals.insertMany(proposed, { session })
    if (step.heard.length > 0) {
      const heard = { _id: { $in: plain(step.heard) }, runId: { $eq: step.runId }, v }
      await approvals.updateMany(heard, { $set: { unheard: false } }, { session })
    }
    const cancelled = step.cancelPending
      ? await cancelPending(collections, step.runId, step.cancelPending, session, tell.mark())
      : []
    // A copy, because the driver writes an `_id` into what it is given.
    if (step.entries.length > 0)
      await journal.insertMany(
        step.entries.map((entry) => ({ ...entry })),
        { session },
      )
    for (const { run, started } of step.start) await insertRun(collections, run, started, session, tell.mark())
    const signalled: RunRecord[] = []
    for (const { id, cancel } of step.signal) {
      const update = signalling(step.head.updatedAt, cancel, tell.mark())
      const woken = await collections.runs.findOneAndUpdate({ _id: { $eq: id }, v }, update, {
        session,
        returnDocument: 'after',
      })
      if (woken) signalled.push(toRun(woken))
    }
    return { run, cancelled, signalled }
  })
  if (written?.run.lease) sessions.keep(held, session)
  else endSession(session)
  if (written === null) {
    // It may stand all the same, by a try whose answer was lost.
    if (tries > 1) tell.missed()
    return null
  }
  for (const approval of step.propose) tell.approval(approval)
  for (const cancelled of written.cancelled) tell.approvalAt({ ...cancelled, runId: step.runId })
  for (const { run } of step.start) tell.run(run)
  for (const run of written.signalled) tell.signal(run)
  // Letting go of a lease is no news: whoever heard it would look for nothing.
  if (step.entries.length > 0) tell.run(written.run)
  return written.run
}

async function writeRun(
  { runs }: Collections,
  step: Step,
  session: ClientSession,
  mark: string,
): Promise<RunRecord | null> {
  const { head, release } = step
  const holder = { _id: { $eq: step.runId }, fence: { $eq: step.fence }, seq: { $eq: step.seq }, v }
  const set = {
    ...head,
    updatedAt: toDate(head.updatedAt),
    finishedAt: toDate(head.finishedAt),
    seq: step.seq + step.entries.length,
    by: mark,
  }
  const write = async (filter: object, given: object) => {
    const run = await runs.findOneAndUpdate(
      { ...holder, ...filter },
      { $set: { ...set, ...given } },
      { session, returnDocument: 'after' },
    )
    return run && toRun(run)
  }
  if (release === null) return write({}, {})
  const due = toDate(release.due)
  // For a run that is over there is nothing to see, whatever signals came.
  const unseen = isOver(head.status) ? {} : { signals: { $eq: release.signals } }
  // With a signal that came since the holder last looked, it goes round again.
  return (await write(unseen, { lease: null, due, wake: due })) ?? (isOver(head.status) ? null : write({}, {}))
}

async function cancelPending(
  { approvals }: Collections,
  runId: RunId,
  resolution: Resolution,
  session: ClientSession,
  mark: string,
) {
  const ofRun = { runId: { $eq: runId } }
  type Left = Pick<ApprovalDocument, '_id' | 'v' | 'status' | 'revision'>
  const left = await approvals
    .find({ ...ofRun, $or: [{ status: 'PENDING' }, { unheard: true }] }, { session, sort: { createdAt: 1, _id: 1 } })
    .project<Left>({ v: 1, status: 1, revision: 1 })
    .toArray()
  if (left.length === 0) return []
  const pending = left.filter(({ status }) => status === 'PENDING')
  for (const { _id, v } of pending) refuseOtherVersion(v, _id)
  if (pending.length > 0) {
    const ids = { _id: { $in: pending.map(({ _id }) => _id) }, status: 'PENDING' } as const
    await approvals.updateMany(ids, resolving(resolution, false, mark), { session })
  }
  // A decision that came just before the end has nobody left to hear it.
  await approvals.updateMany({ ...ofRun, unheard: true, v }, { $set: { unheard: false } }, { session })
  return pending.map(({ _id, revision }) => ({ id: _id, revision: revision + 1 }))
}
