import type { ApprovalId, RunId } from '../../ids.ts'
import type { ApprovalRecord, Resolution } from '../records.ts'
import type { Decided, Expected, News } from '../store.ts'
import type { Work } from './group-commit.ts'
import type { Tables } from './tables.ts'

export const approvalNews = ({ id, revision, runId }: ApprovalRecord): News => ({
  kind: 'approval',
  id,
  revision,
  runId,
})

/** The conditional write: nothing else writes between the look and the change, they share one transaction. */
export function decide(
  { approvals }: Tables,
  id: ApprovalId,
  tenant: string,
  expected: Expected,
  resolution: Resolution,
): Work<Decided> {
  return (tell) => {
    const approval = approvals.get(id)
    if (approval === null || approval.tenant !== tenant) return { won: false, approval: null }
    if (!holds(approval, expected)) return { won: false, approval }
    const after = resolved(approval, resolution)
    approvals.update(approval, after)
    tell(approvalNews(after))
    return { won: true, approval: after }
  }
}

function holds(approval: ApprovalRecord, { fingerprint, revision, deadline }: Expected): boolean {
  if (approval.status !== 'PENDING') return false
  if (fingerprint !== undefined && approval.fingerprint !== fingerprint) return false
  if (revision !== undefined && approval.revision !== revision) return false
  if (deadline === undefined) return true
  const passed = approval.expiresAt !== null && approval.expiresAt <= deadline.at
  return passed === (deadline.is === 'passed')
}

export function resolved(approval: ApprovalRecord, resolution: Resolution): ApprovalRecord {
  const { status, at, by, note } = resolution
  const revision = approval.revision + 1
  return {
    ...approval,
    status,
    revision,
    updatedAt: at,
    resolution,
    unheard: true,
    history: [...approval.history, { revision, at, by, action: status, note }],
  }
}

/** The longest unheard first. */
export function unheardRuns({ sql, prefix }: Tables, before: number, limit: number): RunId[] {
  const text = `SELECT DISTINCT run_id FROM ${prefix}approvals INDEXED BY ${prefix}approvals_unheard WHERE unheard = 1 AND updated_at < ? LIMIT ?`
  return sql.rows(text, before, limit).map(([runId]) => runId as RunId)
}
