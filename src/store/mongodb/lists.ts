import type { Collection, Filter } from 'mongodb'
import type { Condition, Field, Sorting, Test, TimeField, Value } from '../filters.ts'
import { chooseIndex, type ListIndexes } from '../list-indexes.ts'
import type { Key, Page } from '../store.ts'
import { type ApprovalDocument, never, notYet, pathOf, plain } from './documents.ts'

// A list is one query for each condition. Its leading fields have few values each, so that the index gives the
// documents in order and reading stops at the limit, however many there are.

type Listed = { _id: string }
export type Query = { readonly filter: Filter<Listed>; readonly hint: string }

/** The records of a page, in its order. */
export async function readPage<Doc extends Listed>(
  collection: Collection<Doc>,
  indexes: ListIndexes,
  conditions: readonly Condition[],
  sorting: Sorting,
  page: Page,
): Promise<Doc[]> {
  const path = pathOf(sorting.field)
  const direction = directionOf(sorting, page)
  const shares = await Promise.all(
    pageQueries(indexes, conditions, sorting, page).map(({ filter, hint }) =>
      collection
        .find<Doc>(filter as Filter<Doc>, { hint, sort: { [path]: direction, _id: direction }, limit: page.limit })
        .toArray(),
    ),
  )
  const [share = [], ...others] = shares
  const documents = others.length === 0 ? share : merge(shares.flat(), sorting.field, direction).slice(0, page.limit)
  return page.backward ? documents.reverse() : documents
}

/** Counts up to `limit`. */
export async function countUpTo<Doc extends Listed>(
  collection: Collection<Doc>,
  indexes: ListIndexes,
  conditions: readonly Condition[],
  limit: number,
): Promise<number> {
  const counts = conditions.map((condition) => {
    const { filter, hint } = queryOf(indexes, condition, null, [])
    return collection.countDocuments(filter as Filter<Doc>, { hint, limit })
  })
  const sum = (await Promise.all(counts)).reduce((total, count) => total + count, 0)
  return Math.min(sum, limit)
}

const directionOf = ({ descending }: Sorting, { backward = false }: Page) => (descending !== backward ? -1 : 1)

export const pageQueries = (
  indexes: ListIndexes,
  conditions: readonly Condition[],
  sorting: Sorting,
  { after, before }: Page,
): Query[] => {
  const cursors = [
    ...(after ? [beyond(sorting.field, sorting.descending ? '$lt' : '$gt', after)] : []),
    ...(before ? [beyond(sorting.field, sorting.descending ? '$gt' : '$lt', before)] : []),
  ]
  return conditions.map((condition) => queryOf(indexes, condition, sorting.field, cursors))
}

/**
 * The first half bounds the index, the second parts those of one time by id. It is said by what is not wanted: of an `$or`
 * MongoDB makes several readings of the index, of which one begins at its start.
 */
function beyond(field: TimeField, compare: '$lt' | '$gt', { value, id }: Key): Filter<Listed> {
  const path = pathOf(field)
  const time = value === null ? (field === 'expiresAt' ? never : notYet) : new Date(value)
  const onThisSide = compare === '$lt' ? '$gte' : '$lte'
  return { [path]: { [`${compare}e`]: time }, $nor: [{ [path]: time, _id: { [onThisSide]: id } }] }
}

function queryOf(
  indexes: ListIndexes,
  { among, tests }: Condition,
  sort: TimeField | null,
  cursors: readonly Filter<Listed>[],
): Query {
  const { index, leading, rest } = chooseIndex(indexes, among, sort)
  return {
    filter: { $and: [...[...leading, ...rest].map(isAmong), ...tests.map(passes), ...cursors] },
    hint: index.name,
  }
}

const isAmong = ([field, values]: readonly [Field, readonly Value[]]): Filter<Listed> => ({
  [pathOf(field)]: values.length === 1 ? { $eq: values[0] } : { $in: plain(values) },
})

const operators = { '>=': '$gte', '<': '$lt', '<>': '$ne' } as const
const passes = ({ field, is, value }: Test): Filter<Listed> => ({
  [pathOf(field)]: { [operators[is]]: is === '<>' ? value : new Date(value) },
})

function merge<Doc extends Listed>(documents: Doc[], field: TimeField, sign: 1 | -1): Doc[] {
  const time = timeOf[field] as (document: object) => number
  return documents.sort((a, b) => sign * (time(a) - time(b) || (a._id < b._id ? -1 : 1)))
}

const timeOf = {
  createdAt: ({ createdAt }: ApprovalDocument) => createdAt.getTime(),
  expiresAt: ({ order }: ApprovalDocument) => order.expires.getTime(),
  resolvedAt: ({ order }: ApprovalDocument) => order.resolved.getTime(),
}
