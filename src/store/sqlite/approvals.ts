import type { ApprovalId, RunId } from '../../ids.ts'
import { type ApprovalRecord, changeOf, type Resolution } from '../records.ts'
import type { ApprovalStore, Decided, DueApproval, Expected, ExpectedOfNote, News, Note } from '../store.ts'
import type { Work } from './group-commit.ts'
import { toDueApproval } from './rows.ts'
import type { Tables } from './tables.ts'

export const approvalNews = (record: ApprovalRecord): News => {
  const { id, revision, runId } = record
  return { kind: 'approval', id, revision, runId, record }
}

/** The conditional write: nothing else writes between the look and the change, they share one transaction. */
export function decide(
  { approvals }: Tables,
  id: ApprovalId,
  tenant: string,
  expected: Expected,
  resolution: Resolution,
): Work<Decided> {
  return changing(approvals, id, tenant, { ...expected, status: 'PENDING' }, (approval) =>
    resolved(approval, resolution),
  )
}

export const note = (
  { approvals }: Tables,
  id: ApprovalId,
  tenant: string,
  expected: ExpectedOfNote,
  change: Note,
): Work<Decided> => changing(approvals, id, tenant, expected, (approval) => noted(approval, change))

function changing(
  approvals: Tables['approvals'],
  id: ApprovalId,
  tenant: string,
  expected: ExpectedOfNote,
  change: (approval: ApprovalRecord) => ApprovalRecord,
): Work<Decided> {
  return (tell) => {
    const approval = approvals.get(id)
    if (approval === null || approval.tenant !== tenant) return { won: false, approval: null }
    if (!holds(approval, expected)) return { won: false, approval }
    const after = change(approval)
    approvals.update(approval, after)
    tell(approvalNews(after))
    return { won: true, approval: after }
  }
}

function holds(approval: ApprovalRecord, { status, fingerprint, revision, deadline }: ExpectedOfNote): boolean {
  if (status !== undefined && approval.status !== status) return false
  if (fingerprint !== undefined && approval.fingerprint !== fingerprint) return false
  if (revision !== undefined && approval.revision !== revision) return false
  if (deadline === undefined) return true
  const passed = approval.expiresAt !== null && approval.expiresAt <= deadline.at
  return passed === (deadline.is === 'passed')
}

export function resolved(approval: ApprovalRecord, resolution: Resolution): ApprovalRecord {
  return {
    ...noted(approval, changeOf(resolution)),
    status: resolution.status,
    due: null,
    resolution,
    unheard: true,
  }
}

function noted(approval: ApprovalRecord, change: Note): ApprovalRecord {
  const revision = approval.revision + 1
  return { ...approval, revision, updatedAt: change.at, history: [...approval.history, { revision, ...change }] }
}

export const dueText = (prefix: string): string =>
  `SELECT id, tenant, run_id, due FROM ${prefix}approvals INDEXED BY ${prefix}approvals_due WHERE status = 'PENDING' AND due <= ? ORDER BY due, id LIMIT ?`

export const dueApprovals = ({ sql, prefix }: Tables, at: number, limit: number): DueApproval[] =>
  sql.rows(dueText(prefix), at, limit).map(toDueApproval)

export function remind(
  { approvals }: Tables,
  ...[{ id, tenant, due }, next]: Parameters<ApprovalStore['remind']>
): Work<boolean> {
  return (tell) => {
    const approval = approvals.get(id)
    if (approval?.tenant !== tenant || approval.status !== 'PENDING' || approval.due !== due) return false
    const after = { ...noted(approval, { at: next.at, by: null, action: 'REMINDED', note: null }), due: next.due }
    approvals.update(approval, after)
    tell(approvalNews(after))
    return true
  }
}

/** The longest unheard first. */
export function unheardRuns({ sql, prefix }: Tables, before: number, limit: number): RunId[] {
  const text = `SELECT DISTINCT run_id FROM ${prefix}approvals INDEXED BY ${prefix}approvals_unheard WHERE unheard = 1 AND updated_at < ? LIMIT ?`
  return sql.rows(text, before, limit).map(([runId]) => runId as RunId)
}
