import type { ApprovalFilter, ApprovalOrder, RunFilter, RunOrder, Visible } from './store.ts'

// What a filter of the port asks of the records' fields, the same for every adapter.

/** The fields that records are found and sorted by: a record's own, and `resolvedAt`, `resolvedBy` of its resolution. */
export type Field =
  | 'tenant'
  | 'status'
  | 'gated'
  | 'agentName'
  | 'toolName'
  | 'sessionId'
  | 'runId'
  | 'requestedBy'
  | 'resolvedBy'
  | 'type'
  | 'kind'
  | TimeField
export type TimeField = 'createdAt' | 'expiresAt' | 'resolvedAt'
export type Value = string | boolean

/** A condition on the records: fields are among values, and further tests. */
export type Condition = { readonly among: Among; readonly tests: readonly Test[] }
export type Among = Readonly<Partial<Record<Field, readonly Value[]>>>
/** Times in ms since 1970. */
export type Test =
  | { readonly field: TimeField; readonly is: '>=' | '<'; readonly value: number }
  | { readonly field: 'requestedBy'; readonly is: '<>'; readonly value: string }

/** What a list is sorted by, then by id in the same direction. Without a deadline is after all times, without a resolution before all. */
export type Sorting = { readonly field: TimeField; readonly descending: boolean }

export const runSorting = (order: RunOrder): Sorting => ({
  field: 'createdAt',
  descending: order === 'NEWEST_FIRST',
})

export function approvalSorting(order: ApprovalOrder): Sorting {
  switch (order) {
    case 'NEWEST_FIRST':
    case 'OLDEST_FIRST':
      return runSorting(order)
    case 'EXPIRES_SOONEST':
      return { field: 'expiresAt', descending: false }
    case 'RECENTLY_RESOLVED':
      return { field: 'resolvedAt', descending: true }
  }
}

/** Conditions that exclude each other; together they are the filter. */
export function runConditions(filter: RunFilter): Condition[] {
  const { requestedBy, gated } = filter.visible
  const common: Among = {
    tenant: [filter.visible.tenant],
    ...given('status', filter.status),
    ...given('agentName', filter.agentName),
    ...given('sessionId', filter.sessionId === undefined ? undefined : [filter.sessionId]),
  }
  const tests = createdTests(filter)
  if (requestedBy === undefined || !gated) {
    return [{ among: { ...common, ...requesters(filter), ...(gated && { gated: [true] }) }, tests }]
  }
  const others: Test = { field: 'requestedBy', is: '<>', value: requestedBy }
  return [
    { among: { ...common, ...requesters(filter) }, tests },
    { among: { ...common, ...given('requestedBy', filter.requestedBy), gated: [true] }, tests: [...tests, others] },
  ]
}

export const approvalConditions = (filter: ApprovalFilter): Condition[] => [
  {
    among: {
      tenant: [filter.visible.tenant],
      ...given('status', filter.status),
      ...given('type', filter.type),
      ...given('kind', filter.kind),
      ...given('agentName', filter.agentName),
      ...given('toolName', filter.toolName),
      ...given('runId', filter.runId === undefined ? undefined : [filter.runId]),
      ...requesters(filter),
      ...given('resolvedBy', filter.resolvedBy),
    },
    tests: [...createdTests(filter), ...resolvedTests(filter)],
  },
]

type Times = Pick<ApprovalFilter, 'createdAfter' | 'createdBefore' | 'resolvedAfter' | 'resolvedBefore'>

const createdTests = ({ createdAfter, createdBefore }: Times): Test[] => [
  ...test('createdAt', '>=', createdAfter),
  ...test('createdAt', '<', createdBefore),
]

/** What has no resolution stands below all times, and is not before any. */
function resolvedTests({ resolvedAfter, resolvedBefore }: Times): Test[] {
  if (resolvedAfter === undefined && resolvedBefore === undefined) return []
  return [...test('resolvedAt', '>=', Math.max(resolvedAfter ?? 0, 0)), ...test('resolvedAt', '<', resolvedBefore)]
}

const test = (field: TimeField, is: '>=' | '<', value: number | undefined): Test[] =>
  value === undefined ? [] : [{ field, is, value }]

/** Whose records are asked for, of those whose records may be seen. */
function requesters({ visible, requestedBy }: { visible: Visible; requestedBy?: readonly string[] }): Among {
  if (visible.requestedBy === undefined) return given('requestedBy', requestedBy)
  const own = [visible.requestedBy]
  return given('requestedBy', requestedBy === undefined ? own : own.filter((id) => requestedBy.includes(id)))
}

const given = (field: Field, values: readonly string[] | undefined): Among =>
  values === undefined ? {} : { [field]: unique(values) }

const unique = <Item>(values: readonly Item[]) => [...new Set(values)]
