/**
 * An index that serves lists: rows of which each `equal` column has one given value stand in it in the order of `sort`,
 * then id; `few` of them, so that they can be put in another order as well. There are no statistics a planner could choose by, so the choice is made here (see lists.ts).
 */
export type ListIndex = {
  readonly name: string
  readonly equal: readonly string[]
  readonly sort: string
  readonly few?: true
}

// The first that fits serves. Status is in almost all of them: a common status must not be waded through for a rare one.

export const runIndexes: readonly ListIndex[] = [
  { name: 'runs_session', equal: ['tenant', 'session_id'], sort: 'created_at' },
  { name: 'runs_agent', equal: ['tenant', 'agent_name', 'status'], sort: 'created_at' },
  { name: 'runs_requester', equal: ['tenant', 'requested_by', 'status'], sort: 'created_at' },
  { name: 'runs_status', equal: ['tenant', 'gated', 'status'], sort: 'created_at' },
]

export const approvalIndexes: readonly ListIndex[] = [
  { name: 'approvals_run', equal: ['run_id'], sort: 'created_at', few: true },
  { name: 'approvals_tool', equal: ['tenant', 'tool_name', 'status'], sort: 'created_at' },
  { name: 'approvals_agent', equal: ['tenant', 'agent_name', 'status'], sort: 'created_at' },
  { name: 'approvals_requester', equal: ['tenant', 'requested_by', 'status'], sort: 'created_at' },
  { name: 'approvals_resolver', equal: ['tenant', 'resolved_by', 'status'], sort: 'resolved_at' },
  { name: 'approvals_status', equal: ['tenant', 'status'], sort: 'created_at' },
  { name: 'approvals_deadline', equal: ['tenant', 'status'], sort: 'expires_at' },
  { name: 'approvals_resolved', equal: ['tenant', 'status'], sort: 'resolved_at' },
]
