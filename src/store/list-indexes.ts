import type { Among, Field, TimeField, Value } from './filters.ts'
import { approvalStatuses, runStatuses } from './records.ts'

/** An index that serves lists: records of which each `equal` field has one given value stand in it in the order of `sort`, then id. */
export type ListIndex = {
  readonly name: string
  readonly equal: readonly Field[]
  readonly sort: TimeField
  /** They are so few that they may be put in any other order as well. */
  readonly few?: true
}

/** The indexes of one kind of record; the first that fits serves. Each costs every write, so there is not one for each question. */
export type ListIndexes = {
  readonly indexes: readonly ListIndex[]
  /** Fields with few values: where none are asked for all are, so that an index can lead with such a field. */
  readonly closed: Among
}

// Each has the status: in a year's worth of records those that wait are few, and most often asked for.

export const runIndexes: ListIndexes = {
  indexes: [
    { name: 'runs_session', equal: ['tenant', 'sessionId'], sort: 'createdAt' },
    { name: 'runs_agent', equal: ['tenant', 'agentName', 'status'], sort: 'createdAt' },
    { name: 'runs_requester', equal: ['tenant', 'requestedBy', 'status'], sort: 'createdAt' },
    { name: 'runs_status', equal: ['tenant', 'gated', 'status'], sort: 'createdAt' },
  ],
  closed: { status: runStatuses, gated: [false, true] },
}

export const approvalIndexes: ListIndexes = {
  indexes: [
    { name: 'approvals_run', equal: ['runId'], sort: 'createdAt', few: true },
    { name: 'approvals_tool', equal: ['tenant', 'toolName', 'status'], sort: 'createdAt' },
    { name: 'approvals_agent', equal: ['tenant', 'agentName', 'status'], sort: 'createdAt' },
    { name: 'approvals_requester', equal: ['tenant', 'requestedBy', 'status'], sort: 'createdAt' },
    { name: 'approvals_status', equal: ['tenant', 'status'], sort: 'createdAt' },
    { name: 'approvals_deadline', equal: ['tenant', 'status'], sort: 'expiresAt' },
    { name: 'approvals_resolved', equal: ['tenant', 'status'], sort: 'resolvedAt' },
  ],
  closed: { status: approvalStatuses },
}

/** More ways to take one of each value than this would cost more than wading through an index of fewer fields. */
const maxPlaces = 100

export type Chosen = {
  readonly index: ListIndex
  /** What its leading fields are to be; several values where several are asked for. */
  readonly leading: readonly (readonly [Field, readonly Value[]])[]
  /** What is left to look at in each record. */
  readonly rest: readonly (readonly [Field, readonly Value[]])[]
}

/** The index for a list, chosen here and not by a planner: nobody keeps statistics for it. Null for `sort`: any order will do. */
export function chooseIndex({ indexes, closed }: ListIndexes, among: Among, sort: TimeField | null): Chosen {
  const valuesOf = (field: Field) => among[field] ?? closed[field]
  const places = ({ equal }: ListIndex) =>
    equal.reduce((product, field) => product * (valuesOf(field)?.length ?? Number.POSITIVE_INFINITY), 1)
  const index = indexes.find(
    (index) => (sort === null || index.few || index.sort === sort) && places(index) <= maxPlaces,
  )
  if (index === undefined) throw new Error('No index serves this list')
  const entries = Object.entries(among) as [Field, readonly Value[]][]
  return {
    index,
    leading: index.equal.map((field) => [field, valuesOf(field) ?? []]),
    rest: entries.filter(([field]) => !index.equal.includes(field)),
  }
}
