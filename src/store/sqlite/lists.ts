import type { SQLInputValue } from 'node:sqlite'
import type { Page } from '../store.ts'
import type { Condition, Sorting } from './filters.ts'
import type { ListIndex, ListIndexes } from './indexes.ts'

/**
 * A list is put together from arms. In an arm every column that leads the index has one value, so that the index gives
 * its rows in order and reading can stop at the limit, however many rows there are.
 */
export type Arm = { readonly text: string; readonly values: readonly SQLInputValue[] }

type Listed = ListIndexes & { readonly table: string; readonly prefix: string }
type Place = { readonly id: string; readonly value: number }

/** More arms than this would cost more than wading through an index of fewer columns. */
const maxArms = 100

/** The statements that give the ids of a page, each its own share of it, as `id, value` in order. */
export function pageArms(listed: Listed, conditions: readonly Condition[], sorting: Sorting, page: Page): Arm[] {
  const descending = sorting.descending !== (page.backward ?? false)
  const direction = descending ? 'DESC' : 'ASC'
  const cursors = [
    { key: page.after, compare: sorting.descending ? '<' : '>' },
    { key: page.before, compare: sorting.descending ? '>' : '<' },
  ].flatMap(({ key, compare }) => (key ? [{ key, text: `(${sorting.column}, id) ${compare} (?, ?)` }] : []))
  return conditions.flatMap((condition) =>
    armsOf(listed, condition, sorting.column).map(({ from, tests, values }) => ({
      text: `SELECT id, ${sorting.column} AS value FROM ${from} WHERE ${[...tests, ...cursors.map(({ text }) => text)].join(' AND ')} ORDER BY ${sorting.column} ${direction}, id ${direction} LIMIT ?`,
      values: [...values, ...cursors.flatMap(({ key }) => [key.value ?? sorting.missing, key.id]), page.limit],
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

function armsOf(listed: Listed, { among, tests }: Condition, sort: string | null) {
  const { table, prefix, closed } = listed
  const index = chooseIndex(listed, { ...closed, ...among }, sort)
  const rest = Object.entries(among).filter(([column]) => !index.equal.includes(column))
  // Several values are one to SQLite, so that there are few statements to prepare.
  const restTests = rest.map(([column, values]) =>
    values.length === 1 ? `${column} = ?` : `${column} IN (SELECT value FROM json_each(?))`,
  )
  const restValues = rest.map(([, values]) => (values.length === 1 ? (values[0] ?? null) : JSON.stringify(values)))
  return product(index.equal.map((column) => among[column] ?? closed[column] ?? [])).map((leading) => ({
    from: `${table} INDEXED BY ${prefix}${index.name}`,
    tests: [...index.equal.map((column) => `${column} = ?`), ...restTests, ...tests.map(({ text }) => text)],
    values: [...leading, ...restValues, ...tests.map(({ value }) => value)],
  }))
}

function chooseIndex({ table, indexes, common }: Listed, among: Condition['among'], sort: string | null): ListIndex {
  const arms = (index: ListIndex) =>
    index.equal.reduce((product, column) => product * (among[column]?.length ?? Number.POSITIVE_INFINITY), 1)
  const rare = !among.status?.includes(common)
  const chosen = indexes.find(
    (index) => (sort === null || index.few || index.sort === sort) && !(index.mixed && rare) && arms(index) <= maxArms,
  )
  if (chosen === undefined) throw new Error(`No index of ${table} serves this list`)
  return chosen
}

/** Every way to take one of each. */
const product = (sets: readonly (readonly SQLInputValue[])[]): SQLInputValue[][] =>
  sets.reduce<SQLInputValue[][]>((heads, set) => heads.flatMap((head) => set.map((value) => [...head, value])), [[]])
