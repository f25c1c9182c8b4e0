import type { Filter, UpdateFilter } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import type { Resolution } from '../records.ts'
import type { Decided, Expected } from '../store.ts'
import { type ApprovalDocument, type Collections, fromResolution, toApproval, toDate, v } from './documents.ts'
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
    $set: { status, resolution: fromResolution(resolution), updatedAt: at, unheard, 'order.resolved': at, by: mark },
    $inc: { revision: 1 },
    $push: { history: { at, by, action: status, note } },
  }
}

/** The longest unheard first. */
export async function unheardRuns({ approvals }: Collections, before: number, limit: number): Promise<RunId[]> {
  const found = await approvals
    .find({ unheard: true, v, updatedAt: { $lt: toDate(before) } }, { sort: { updatedAt: 1 }, limit })
    .project<{ runId: RunId }>({ _id: 0, runId: 1 })
    .toArray()
  return [...new Set(found.map(({ runId }) => runId))]
}
