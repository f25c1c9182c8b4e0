import { expect, onTestFinished, test } from 'vitest'
import { approvalConditions, approvalSorting, runConditions, runSorting } from '../../src/store/filters.ts'
import { approvalIndexes, runIndexes } from '../../src/store/list-indexes.ts'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { type Arm, countArms, pageArms } from '../../src/store/sqlite/lists.ts'
import type { ApprovalFilter, ApprovalOrder, Page, RunFilter } from '../../src/store/store.ts'
import { alice, bob } from './records.ts'

const visible = { tenant: 'acme' }
const own = { tenant: 'acme', requestedBy: alice }
const key = { value: 1, id: 'x' }
const pages: Page[] = [{ limit: 1 }, { limit: 1, backward: true, before: key }, { limit: 1, after: key, before: key }]

const runFilters: RunFilter[] = [
  { visible },
  { visible: own },
  { visible: { ...own, gated: true } },
  { visible: { tenant: 'acme', gated: true }, status: ['COMPLETED'] },
  { visible, status: ['PAUSED', 'RUNNING'], agentName: ['support', 'billing'] },
  { visible, agentName: ['support'], createdAfter: 1, createdBefore: 2 },
  { visible, requestedBy: [alice, bob] },
  { visible, sessionId: 's' },
]
const approvalFilters: ApprovalFilter[] = [
  { visible },
  { visible: own },
  { visible, status: ['PENDING'], toolName: ['send'] },
  { visible, toolName: ['send', 'pay'], agentName: ['support'] },
  { visible, agentName: ['support'], type: ['AUDIT'], kind: ['CONFIRMATION', 'USER_INPUT'] },
  { visible, resolvedBy: [alice], resolvedAfter: 1, resolvedBefore: 2 },
]
const orders: ApprovalOrder[] = ['OLDEST_FIRST', 'NEWEST_FIRST', 'EXPIRES_SOONEST', 'RECENTLY_RESOLVED']

/** How SQLite would go about it, line by line. */
function plans(arms: readonly Arm[]): string[] {
  const database = openDatabase(':memory:', '')
  onTestFinished(() => database[Symbol.dispose]())
  return arms.flatMap(({ text, values }) =>
    database
      .rows(`EXPLAIN QUERY PLAN ${text}`, ...values, 1)
      .map((row) => String(row[3]))
      // The values of a filter, and not rows of ours.
      .filter((line) => !line.includes('json_each')),
  )
}

test('every list of runs is read in its order from an index', () => {
  const from = { ...runIndexes, table: 'runs', prefix: '' }
  for (const filter of runFilters) {
    const conditions = runConditions(filter)
    const arms = pages.flatMap((page) => pageArms(from, conditions, runSorting('NEWEST_FIRST'), page))
    const lines = plans(arms.map(({ text, values }) => ({ text, values: values.slice(0, -1) })))
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(line).not.toMatch(/SCAN|TEMP B-TREE/)
  }
})

test('every list of approvals is read in its order from an index', () => {
  const from = { ...approvalIndexes, table: 'approvals', prefix: '' }
  for (const filter of approvalFilters) {
    for (const order of orders) {
      const arms = pages.flatMap((page) => pageArms(from, approvalConditions(filter), approvalSorting(order), page))
      const lines = plans(arms.map(({ text, values }) => ({ text, values: values.slice(0, -1) })))
      expect(lines.length).toBeGreaterThan(0)
      for (const line of lines) expect(line).not.toMatch(/SCAN|TEMP B-TREE/)
    }
  }
})

test('every count is taken from an index', () => {
  const counts = [
    ...runFilters.flatMap((filter) => countArms({ ...runIndexes, table: 'runs', prefix: '' }, runConditions(filter))),
    ...approvalFilters.flatMap((filter) =>
      countArms({ ...approvalIndexes, table: 'approvals', prefix: '' }, approvalConditions(filter)),
    ),
  ]
  for (const line of plans(counts)) expect(line).not.toMatch(/SCAN (runs|approvals)|TEMP B-TREE/)
})
