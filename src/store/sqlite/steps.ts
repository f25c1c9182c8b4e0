import type { RunId } from '../../ids.ts'
import { isOver, type Resolution, type RunRecord } from '../records.ts'
import type { News, Step, StepResult } from '../store.ts'
import { approvalNews, resolved } from './approvals.ts'
import type { Work } from './group-commit.ts'
import { toApproval } from './rows.ts'
import { insertRun, runNews, signalRun } from './runs.ts'
import type { Tables } from './tables.ts'

/** All of a step, or nothing: whoever is not the holder any more, or has not seen the last entry, writes nothing. */
export function takeStep(tables: Tables, step: Step): Work<StepResult> {
  const { sql, prefix, runs, approvals } = tables
  const clearUnheard = `UPDATE ${prefix}approvals SET unheard = 0 WHERE id = ? AND run_id = ? AND unheard = 1`
  return (tell) => {
    const run = runs.get(step.runId)
    if (run === null || run.fence !== step.fence || run.seq !== step.seq) return null
    const after = afterStep(run, step)
    runs.update(run, after)
    tables.append(step.entries)
    for (const approval of step.propose) {
      approvals.insert(approval)
      tell(approvalNews(approval))
    }
    for (const id of step.heard) sql.run(clearUnheard, id, step.runId)
    if (step.cancelPending !== null) cancelPending(tables, step.runId, step.cancelPending, tell)
    for (const { run, started } of step.start) {
      insertRun(tables, run, started)
      tell(runNews(run))
    }
    for (const { id, cancel } of step.signal) signalRun(tables, id, step.head.updatedAt, cancel ?? undefined)(tell)
    // Letting go of a lease is no news: whoever heard it would look for nothing.
    if (step.entries.length > 0) tell(runNews(after))
    return after
  }
}

function afterStep(run: RunRecord, { entries, head, release }: Step): RunRecord {
  const after = { ...run, ...head, seq: run.seq + entries.length }
  // A signal came since the holder last looked: it goes round again. For a run that is over there is nothing to see.
  if (release === null || (run.signals !== release.signals && !isOver(after.status))) return after
  return { ...after, lease: null, due: release.due }
}

function cancelPending(
  { sql, prefix, approvals }: Tables,
  runId: RunId,
  resolution: Resolution,
  tell: (news: News) => void,
): void {
  const pending = `SELECT * FROM ${prefix}approvals INDEXED BY ${prefix}approvals_run WHERE run_id = ? AND status = 'PENDING' ORDER BY created_at, id`
  for (const approval of sql.rows(pending, runId).map(toApproval)) {
    const after = { ...resolved(approval, resolution), unheard: false }
    approvals.update(approval, after)
    tell(approvalNews(after))
  }
  // A decision that came just before the end has nobody left to hear it.
  sql.run(
    `UPDATE ${prefix}approvals INDEXED BY ${prefix}approvals_run SET unheard = 0 WHERE run_id = ? AND unheard = 1`,
    runId,
  )
}
