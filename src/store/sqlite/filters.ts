import type { SQLInputValue } from 'node:sqlite'
import type { ApprovalFilter, ApprovalOrder, RunFilter, RunOrder, Visible } from '../store.ts'
import { never, notYet } from './rows.ts'

/** A condition on the rows: a column is among values, and further tests, each a fixed text with one `?`. */
export type Condition = {
  readonly among: Readonly<Record<string, readonly SQLInputValue[]>>
  readonly tests: readonly Test[]
}
type Test = { readonly text: string; readonly value: SQLInputValue }

/** What a list is sorted by; `missing` stands in the column where the record has null. */
export type Sorting = { readonly column: string; readonly descending: boolean; readonly missing: number }

export const runSorting = (order: RunOrder): Sorting => ({
  column: 'created_at',
  descending: order === 'NEWEST_FIRST',
  missing: order === 'NEWEST_FIRST' ? notYet : never,
})

export function approvalSorting(order: ApprovalOrder): Sorting {
  switch (order) {
    case 'NEWEST_FIRST':
    case 'OLDEST_FIRST':
      return runSorting(order)
    case 'EXPIRES_SOONEST':
      return { column: 'expires_at', descending: false, missing: never }
    case 'RECENTLY_RESOLVED':
      return { column: 'resolved_at', descending: true, missing: notYet }
  }
}

/** Conditions that exclude each other; together they are the filter. */
export function runConditions(filter: RunFilter): Condition[] {
  const { requestedBy, gated } = filter.visible
  const common = {
    tenant: [filter.visible.tenant],
    ...given('status', filter.status),
    ...given('agent_name', filter.agentName),
    ...given('session_id', filter.sessionId === undefined ? undefined : [filter.sessionId]),
  }
  const tests = createdTests(filter)
  if (requestedBy === undefined || !gated) {
    return [{ among: { ...common, ...requesters(filter), ...(gated && { gated: [1] }) }, tests }]
  }
  const others = { text: 'requested_by <> ?', value: requestedBy }
  return [
    { among: { ...common, ...requesters(filter) }, tests },
    { among: { ...common, ...given('requested_by', filter.requestedBy), gated: [1] }, tests: [...tests, others] },
  ]
}

export const approvalConditions = (filter: ApprovalFilter): Condition[] => [
  {
    among: {
      tenant: [filter.visible.tenant],
      ...given('status', filter.status),
      ...given('type', filter.type),
      ...given('kind', filter.kind),
      ...given('agent_name', filter.agentName),
      ...given('tool_name', filter.toolName),
      ...given('run_id', filter.runId === undefined ? undefined : [filter.runId]),
      ...requesters(filter),
      ...given('resolved_by', filter.resolvedBy),
    },
    tests: [...createdTests(filter), ...resolvedTests(filter)],
  },
]

type Times = Pick<ApprovalFilter, 'createdAfter' | 'createdBefore' | 'resolvedAfter' | 'resolvedBefore'>

const createdTests = ({ createdAfter, createdBefore }: Times): Test[] => [
  ...test('created_at >= ?', createdAfter),
  ...test('created_at < ?', createdBefore),
]

function resolvedTests({ resolvedAfter, resolvedBefore }: Times): Test[] {
  if (resolvedAfter === undefined && resolvedBefore === undefined) return []
  return [...test('resolved_at >= ?', Math.max(resolvedAfter ?? 0, 0)), ...test('resolved_at < ?', resolvedBefore)]
}

const test = (text: string, value: number | undefined): Test[] => (value === undefined ? [] : [{ text, value }])

/** Whose records are asked for, of those whose records may be seen. */
function requesters({ visible, requestedBy }: { visible: Visible; requestedBy?: readonly string[] }) {
  if (visible.requestedBy === undefined) return given('requested_by', requestedBy)
  const own = [visible.requestedBy]
  return given('requested_by', requestedBy === undefined ? own : own.filter((id) => requestedBy.includes(id)))
}

const given = (column: string, values: readonly string[] | undefined) =>
  values === undefined ? {} : { [column]: unique(values) }

const unique = <Value>(values: readonly Value[]) => [...new Set(values)]
