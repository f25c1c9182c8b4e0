import type { Filter, UpdateFilter } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import { changeOf, type Resolution } from '../records.ts'
import type { ApprovalStore, Decided, DueApproval, Expected, ExpectedOfNote, Note } from '../store.ts'
import {
  type ApprovalDocument,
  type Collections,
  everyTime,
  fromResolution,
  toApproval,
  toDate,
  v,
} from './documents.ts'
import type { Tell } from './news.ts'

/** How long a decision waits for a step that is being written of the same approval, in ms. */
const maxTimeMS = 5_000

/** The conditional write: everything that is expected stands in the filter, so that the server looks and changes in one. */
export const decide = (
  collections: Collections,
  id: ApprovalId,
  tenant: string,
  expected: Expected,
  resolution: Resolution,
  tell: Tell,
): Promise<Decided> =>
  changeOne(collections, id, tenant, { ...expected, status: 'PENDING' }, resolving(resolution, true, tell.mark()), tell)

export const note = (
  collections: Collections,
  id: ApprovalId,
  tenant: string,
  expected: ExpectedOfNote,
  change: Note,
  tell: Tell,
): Promise<Decided> => changeOne(collections, id, tenant, expected, noting(change, tell.mark()), tell)

async function changeOne(
  { approvals }: Collections,
  id: ApprovalId,
  tenant: string,
  expected: ExpectedOfNote,
  update: UpdateFilter<ApprovalDocument>,
  tell: Tell,
): Promise<Decided> {
  const own = { _id: { $eq: id }, tenant: { $eq: tenant } }
  const filter = { ...own, ...holds(expected), v }
  const won = await approvals.findOneAndUpdate(filter, update, { returnDocument: 'after', maxTimeMS })
  if (won !== null) {
    const approval = toApproval(won)
    tell.approval(approval)
    return { won: true, approval }
  }
  // Null for missing, lost and late alike: what stands tells which.
  const standing = await approvals.findOne(own)
  return { won: false, approval: standing && toApproval(standing) }
}

function holds({ status, fingerprint, revision, deadline }: ExpectedOfNote): Filter<ApprovalDocument> {
  return {
    ...(status !== undefined && { status: { $eq: status } }),
    ...(fingerprint !== undefined && { fingerprint: { $eq: fingerprint } }),
    ...(revision !== undefined && { revision: { $eq: revision } }),
    ...(deadline && { 'order.expires': { [deadline.is === 'open' ? '$gt' : '$lte']: toDate(deadline.at) } }),
  }
}

/** What a resolution changes in a pending approval. */
export function resolving(resolution: Resolution, unheard: boolean, mark: string): UpdateFilter<ApprovalDocument> {
  const { status, at } = resolution
  const { $set, ...noted } = noting(changeOf(resolution), mark)
  const set = { ...$set, status, resolution: fromResolution(resolution), due: null, unheard }
  return { ...noted, $set: { ...set, 'order.resolved': toDate(at) } }
}

/** What a change of the history changes beside it. */
const noting = (change: Note, mark: string): UpdateFilter<ApprovalDocument> => {
  const at = toDate(change.at)
  return { $set: { updatedAt: at, by: mark }, $inc: { revision: 1 }, $push: { history: { ...change, at } } }
}

type Due = Pick<ApprovalDocument, '_id' | 'tenant' | 'runId'> & { due: Date }

export async function dueApprovals({ approvals }: Collections, at: number, limit: number): Promise<DueApproval[]> {
  const found = await approvals
    .find({ status: 'PENDING', due: { $gte: everyTime, $lte: toDate(at) }, v }, { sort: { due: 1 }, limit })
    .project<Due>({ tenant: 1, runId: 1, due: 1 })
    .toArray()
  return found.map(({ _id, due, ...found }) => ({ id: _id, ...found, due: due.getTime() }))
}

export async function remind(
  { approvals }: Collections,
  tell: Tell,
  ...[{ id, tenant, due }, next]: Parameters<ApprovalStore['remind']>
): Promise<boolean> {
  const filter = { _id: { $eq: id }, tenant: { $eq: tenant }, status: 'PENDING', due: { $eq: toDate(due) }, v } as const
  const { $set, ...noted } = noting({ at: next.at, by: null, action: 'REMINDED', note: null }, tell.mark())
  const update = { ...noted, $set: { ...$set, due: toDate(next.due) } }
  const reminded = await approvals.findOneAndUpdate(filter, update, { returnDocument: 'after', maxTimeMS })
  if (reminded === null) return false
  tell.approval(toApproval(reminded))
  return true
}

/** The longest unheard first. */
export async function unheardRuns({ approvals }: Collections, before: number, limit: number): Promise<RunId[]> {
  const found = await approvals
    .find({ unheard: true, v, updatedAt: { $lt: toDate(before) } }, { sort: { updatedAt: 1 }, limit })
    .project<{ runId: RunId }>({ _id: 0, runId: 1 })
    .toArray()
  return [...new Set(found.map(({ runId }) => runId))]
}
