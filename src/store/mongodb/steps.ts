import type { ClientSession } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import { isOver, type Resolution, type RunRecord } from '../records.ts'
import type { Step, StepResult } from '../store.ts'
import { resolving } from './approvals.ts'
import { type Collections, fromApproval, plain, refuseOtherVersion, toDate, toRun, v } from './documents.ts'
import { endSession } from './lease-sessions.ts'
import type { Mongo } from './mongo.ts'
import { transact } from './transact.ts'

type Written = { readonly run: RunRecord; readonly cancelled: readonly { id: ApprovalId; revision: number }[] }

/** All of a step, or nothing: whoever is not the holder any more, or has not seen the last entry, writes nothing. */
export async function takeStep({ client, collections, sessions, tell }: Mongo, step: Step): Promise<StepResult> {
  const { approvals, journal } = collections
  const held = { id: step.runId, fence: step.fence }
  const session = sessions.take(held) ?? sessions.open()
  const written = await transact(session, client, async (): Promise<Written | null> => {
    const run = await writeRun(collections, step, session)
    if (run === null) return null
    if (step.propose.length > 0) await approvals.insertMany(step.propose.map(fromApproval), { session })
    if (step.heard.length > 0) {
      const heard = { _id: { $in: plain(step.heard) }, runId: { $eq: step.runId }, v }
      await approvals.updateMany(heard, { $set: { unheard: false } }, { session })
    }
    const cancelled = step.cancelPending
      ? await cancelPending(collections, step.runId, step.cancelPending, session)
      : []
    // A copy, because the driver writes an `_id` into what it is given.
    if (step.entries.length > 0)
      await journal.insertMany(
        step.entries.map((entry) => ({ ...entry })),
        { session },
      )
    return { run, cancelled }
  })
  if (written?.run.lease) sessions.keep(held, session)
  else endSession(session)
  if (written === null) return null
  for (const { id, revision } of step.propose) tell.approval(id, revision, step.runId)
  for (const { id, revision } of written.cancelled) tell.approval(id, revision, step.runId)
  // Letting go of a lease is no news: whoever heard it would look for nothing.
  if (step.entries.length > 0) tell.run(written.run)
  return written.run
}

async function writeRun({ runs }: Collections, step: Step, session: ClientSession): Promise<RunRecord | null> {
  const { head, release } = step
  const holder = { _id: { $eq: step.runId }, fence: { $eq: step.fence }, seq: { $eq: step.seq }, v }
  const set = {
    ...head,
    updatedAt: toDate(head.updatedAt),
    finishedAt: toDate(head.finishedAt),
    seq: step.seq + step.entries.length,
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

async function cancelPending({ approvals }: Collections, runId: RunId, resolution: Resolution, session: ClientSession) {
  const ofRun = { runId: { $eq: runId } }
  const pending = await approvals
    .find({ ...ofRun, status: 'PENDING' }, { session, sort: { createdAt: 1, _id: 1 } })
    .project<{ _id: ApprovalId; v: unknown; revision: number }>({ v: 1, revision: 1 })
    .toArray()
  for (const { _id, v } of pending) refuseOtherVersion(v, _id)
  if (pending.length > 0) {
    const ids = { _id: { $in: pending.map(({ _id }) => _id) }, status: 'PENDING' } as const
    await approvals.updateMany(ids, resolving(resolution, false), { session })
  }
  // A decision that came just before the end has nobody left to hear it.
  await approvals.updateMany({ ...ofRun, unheard: true, v }, { $set: { unheard: false } }, { session })
  return pending.map(({ _id, revision }) => ({ id: _id, revision: revision + 1 }))
}
