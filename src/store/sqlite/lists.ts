import type { SQLInputValue } from 'node:sqlite'
import type { Condition, Sorting, Test, TimeField, Value } from '../filters.ts'
import { chooseIndex, type ListIndexes } from '../list-indexes.ts'
import type { Page } from '../store.ts'
import { columnOf, never, notYet, toSql } from './rows.ts'

/**
 * A list is put together from arms. In an arm every column that leads the index has one value, so that the index gives
 * its rows in order and reading can stop at the limit, however many rows there are.
 */
export type Arm = { readonly text: string; readonly values: readonly SQLInputValue[] }

type Listed = ListIndexes & { readonly table: string; readonly prefix: string }
type Place = { readonly id: string; readonly value: number }

/** The statements that give the ids of a page, each its own share of it, as `id, value` in order. */
export function pageArms(listed: Listed, conditions: readonly Condition[], sorting: Sorting, page: Page): Arm[] {
  const descending = sorting.descending !== (page.backward ?? false)
  const direction = descending ? 'DESC' : 'ASC'
  const column = columnOf(sorting.field)
  const missing = sorting.field === 'expiresAt' ? never : notYet
  const cursors = [
    { key: page.after, compare: sorting.descending ? '<' : '>' },
    { key: page.before, compare: sorting.descending ? '>' : '<' },
  ].flatMap(({ key, compare }) => (key ? [{ key, text: `(${column}, id) ${compare} (?, ?)` }] : []))
  return conditions.flatMap((condition) =>
    armsOf(listed, condition, sorting.field).map(({ from, tests, values }) => ({
      text: `SELECT id, ${column} AS value FROM ${from} WHERE ${[...tests, ...cursors.map(({ text }) => text)].join(' AND ')} ORDER BY ${column} ${direction}, id ${direction} LIMIT ?`,
      values: [...values, ...cursors.flatMap(({ key }) => [key.value ?? missing, key.id]), page.limit],
    })),
  )
}

/** The page from the arms' shares, in its order. */
export function mergePage(shares: readonly Place[], sorting: Sorting, page: Page): string[] {
  const sign = sorting.descending !== (page.backward ?? false) ? -1 : 1
  const compare = (a: Place, b: Place) => sign * (a.value - b.value || (a.id < b.id ? -1 : 1))
  const ids = shares
    .toSorted(compare)
    .slice(0, page.limit)
    .map(({ id }) => id)
  return page.backward ? ids.reverse() : ids
}

/** The statements whose sum is the count, each up to a limit that is its last value. */
export const countArms = (listed: Listed, conditions: readonly Condition[]): Arm[] =>
  conditions.flatMap((condition) =>
    armsOf(listed, condition, null).map(({ from, tests, values }) => ({
      text: `SELECT count(*) AS count FROM (SELECT 1 FROM ${from} WHERE ${tests.join(' AND ')} LIMIT ?)`,
      values,
    })),
  )

function armsOf(listed: Listed, { among, tests }: Condition, sort: TimeField | null) {
  const { index, leading, rest } = chooseIndex(listed, among, sort)
  // Several values are one to SQLite, so that there are few statements to prepare.
  const restTests = rest.map(([field, values]) =>
    values.length === 1 ? `${columnOf(field)} = ?` : `${columnOf(field)} IN (SELECT value FROM json_each(?))`,
  )
  const restValues = rest.map(([, values]) =>
    values.length === 1 ? toSql(values[0] ?? null) : JSON.stringify(values.map(toSql)),
  )
  return product(leading.map(([, values]) => values)).map((values) => ({
    from: `${listed.table} INDEXED BY ${listed.prefix}${index.name}`,
    tests: [...leading.map(([field]) => `${columnOf(field)} = ?`), ...restTests, ...tests.map(testText)],
    values: [...values.map(toSql), ...restValues, ...tests.map(({ value }) => value)],
  }))
}

const testText = ({ field, is }: Test) => `${columnOf(field)} ${is} ?`

/** Every way to take one of each. */
const product = (sets: readonly (readonly Value[])[]): Value[][] =>
  sets.reduce<Value[][]>((heads, set) => heads.flatMap((head) => set.map((value) => [...head, value])), [[]])
