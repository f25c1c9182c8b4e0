import type { Filter, UpdateFilter } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import type { Resolution } from '../records.ts'
import type { ApprovalStore, Decided, DueApproval, Expected } from '../store.ts'
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
export async function decide(
  { approvals }: Collections,
  id: ApprovalId,
  tenant: string,
  expected: Expected,
  resolution: Resolution,
  tell: Tell,
): Promise<Decided> {
  const own = { _id: { $eq: id }, tenant: { $eq: tenant } }
  const filter = { ...own, ...holds(expected), status: 'PENDING', v } as const
  const won = await approvals.findOneAndUpdate(filter, resolving(resolution, true, tell.mark()), {
    returnDocument: 'after',
    maxTimeMS,
  })
  if (won !== null) {
    const approval = toApproval(won)
    tell.approval(id, approval.revision, approval.runId)
    return { won: true, approval }
  }
  // Null for missing, lost and late alike: what stands tells which.
  const standing = await approvals.findOne(own)
  return { won: false, approval: standing && toApproval(standing) }
}

function holds({ fingerprint, revision, deadline }: Expected): Filter<ApprovalDocument> {
  return {
    ...(fingerprint !== undefined && { fingerprint: { $eq: fingerprint } }),
    ...(revision !== undefined && { revision: { $eq: revision } }),
    ...(deadline && { 'order.expires': { [deadline.is === 'open' ? '$gt' : '$lte']: toDate(deadline.at) } }),
  }
}

/** What a resolution changes in a pending approval. */
export function resolving(resolution: Resolution, unheard: boolean, mark: string): UpdateFilter<ApprovalDocument> {
  const { status, by, note } = resolution
  const at = toDate(resolution.at)
  return {
    $set: {
      ...{ status, resolution: fromResolution(resolution), updatedAt: at, due: null, unheard },
      ...{ 'order.resolved': at, by: mark },
    },
    $inc: { revision: 1 },
    $push: { history: { at, by, action: status, note } },
  }
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
  const at = toDate(next.at)
  const update: UpdateFilter<ApprovalDocument> = {
    $set: { due: toDate(next.due), updatedAt: at, by: tell.mark() },
    $inc: { revision: 1 },
    $push: { history: { at, by: null, action: 'REMINDED', note: null } },
  }
  const reminded = await approvals.findOneAndUpdate(filter, update, { returnDocument: 'after', maxTimeMS })
  if (reminded !== null) tell.approval(id, reminded.revision, reminded.runId)
  return reminded !== null
}

/** The longest unheard first. */
export async function unheardRuns({ approvals }: Collections, before: number, limit: number): Promise<RunId[]> {
  const found = await approvals
    .find({ unheard: true, v, updatedAt: { $lt: toDate(before) } }, { sort: { updatedAt: 1 }, limit })
    .project<{ runId: RunId }>({ _id: 0, runId: 1 })
    .toArray()
  return [...new Set(found.map(({ runId }) => runId))]
}
