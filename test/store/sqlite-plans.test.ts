import { expect, onTestFinished, test } from 'vitest'
import { approvalConditions, approvalSorting, runConditions, runSorting } from '../../src/store/filters.ts'
import { approvalIndexes, runIndexes } from '../../src/store/list-indexes.ts'
import { dueText } from '../../src/store/sqlite/approvals.ts'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { type Arm, countArms, pageArms } from '../../src/store/sqlite/lists.ts'
import { approvalFilters, approvalOrders, pages, runFilters } from './asked-lists.ts'

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
    for (const order of approvalOrders) {
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

test('what is overdue is read in its order from an index of nothing else', () => {
  const lines = plans([{ text: dueText(''), values: [9_000] }])
  expect(lines).toEqual([expect.stringContaining('SEARCH approvals USING INDEX approvals_due')])
})
