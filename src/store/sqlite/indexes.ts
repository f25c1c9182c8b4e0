import type { SQLInputValue } from 'node:sqlite'
import { approvalStatuses, runStatuses } from '../records.ts'

/**
 * An index that serves lists: rows of which each `equal` column has one given value stand in it in the order of `sort`,
 * then id. There are no statistics a planner could choose by, so the choice is made here (see lists.ts).
 */
export type ListIndex = {
  readonly name: string
  readonly equal: readonly string[]
  readonly sort: string
  /** They are so few that they may be put in any other order as well. */
  readonly few?: true
  /** Rows of every status stand mixed: not taken when only statuses are asked for that few rows stay in. */
  readonly mixed?: true
}

/** The indexes of a table; the first that fits serves. Each costs every write, so there is not one for each question. */
export type ListIndexes = {
  readonly indexes: readonly ListIndex[]
  /** Columns with few values: where none are asked for all are, so that an index can lead with such a column. */
  readonly closed: Readonly<Record<string, readonly SQLInputValue[]>>
  /** The status that most rows end in. */
  readonly common: string
}

export const runIndexes: ListIndexes = {
  indexes: [
    { name: 'runs_session', equal: ['tenant', 'session_id'], sort: 'created_at' },
    { name: 'runs_agent', equal: ['tenant', 'agent_name'], sort: 'created_at', mixed: true },
    { name: 'runs_requester', equal: ['tenant', 'requested_by'], sort: 'created_at', mixed: true },
    { name: 'runs_status', equal: ['tenant', 'gated', 'status'], sort: 'created_at' },
  ],
  closed: { status: runStatuses, gated: [0, 1] },
  common: 'COMPLETED',
}

export const approvalIndexes: ListIndexes = {
  indexes: [
    { name: 'approvals_run', equal: ['run_id'], sort: 'created_at', few: true },
    { name: 'approvals_tool', equal: ['tenant', 'tool_name'], sort: 'created_at', mixed: true },
    { name: 'approvals_agent', equal: ['tenant', 'agent_name'], sort: 'created_at', mixed: true },
    { name: 'approvals_requester', equal: ['tenant', 'requested_by'], sort: 'created_at', mixed: true },
    { name: 'approvals_status', equal: ['tenant', 'status'], sort: 'created_at' },
    { name: 'approvals_deadline', equal: ['tenant', 'status'], sort: 'expires_at' },
    { name: 'approvals_resolved', equal: ['tenant', 'status'], sort: 'resolved_at' },
  ],
  closed: { status: approvalStatuses },
  common: 'APPROVED',
}
