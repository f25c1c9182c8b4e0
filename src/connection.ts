import { z } from 'zod'
import { CountersignError } from './errors.ts'
import type { Key, Page } from './store/store.ts'

/** A page's bounds as the caller gave them. */
export type PageInput = {
  /** How many from the start, 1 to 100; 20 when neither `first` nor `last` is given. */
  readonly first?: number | null
  readonly after?: string | null
  /** How many from the end, 1 to 100. */
  readonly last?: number | null
  readonly before?: string | null
}

export type Connection<Node> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[]
  readonly pageInfo: PageInfo
  /** Counts only when it is asked for. */
  readonly totalCount: () => Promise<Count>
}
export type PageInfo = {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly startCursor: string | null
  readonly endCursor: string | null
}
/** AT_LEAST: there are more, and they were not counted. */
export type Count = { readonly count: number; readonly precision: 'EXACT' | 'AT_LEAST' }

export const defaultPageSize = 20
export const maxPageSize = 100
/** Counting stops here, so that a count costs the same however many there are. */
const maxCount = 1_000

/** What a connection reads from. `order` names the list's order: it is part of the cursors, so that another order's are refused. */
export type Source<Node> = {
  readonly order: string
  readonly key: (node: Node) => Key
  readonly read: (page: Page) => Promise<readonly Node[]>
  /** Counts up to `limit`. */
  readonly count: (limit: number) => Promise<number>
}

/**
 * Reads one page.
 *
 * @throws CountersignError BAD_USER_INPUT that names the argument and says what it may be.
 */
export async function readConnection<Node>(input: PageInput, source: Source<Node>): Promise<Connection<Node>> {
  const { limit, backward } = pageSize(input)
  const after = keyFrom('after', input.after, source.order)
  const before = keyFrom('before', input.before, source.order)
  // One more than asked for: it tells whether the list goes on.
  const found = await source.read({ limit: limit + 1, after, before, backward })
  const more = found.length > limit
  const nodes = more ? (backward ? found.slice(1) : found.slice(0, limit)) : found
  const edges = nodes.map((node) => ({ cursor: cursorOf(source.order, source.key(node)), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: backward ? before !== null : more || before !== null,
      hasPreviousPage: backward ? more || after !== null : after !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount: () => countUpTo(source.count),
  }
}

/** One page of a list that is in memory and only ever grows at its end. */
export async function pageOf<Node>(input: PageInput, order: string, nodes: readonly Node[]): Promise<Connection<Node>> {
  const placed = nodes.map((node, place) => ({ node, place }))
  const page = await readConnection<{ node: Node; place: number }>(input, {
    order,
    key: ({ place }) => ({ value: place, id: '' }),
    read: async ({ limit, after, before, backward }) => {
      const within = placed.slice((after?.value ?? -1) + 1, before?.value ?? placed.length)
      return backward ? within.slice(-limit) : within.slice(0, limit)
    },
    count: async () => placed.length,
  })
  return { ...page, edges: page.edges.map(({ cursor, node: { node } }) => ({ cursor, node })) }
}

export async function countUpTo(count: Source<unknown>['count']): Promise<Count> {
  const counted = await count(maxCount + 1)
  return counted > maxCount ? { count: maxCount, precision: 'AT_LEAST' } : { count: counted, precision: 'EXACT' }
}

function pageSize({ first, last }: PageInput): { limit: number; backward: boolean } {
  if (typeof first === 'number' && typeof last === 'number') {
    throw refused(
      'Give `first` or `last`, not both: `first` pages forward with `after`, `last` pages backward with `before`.',
    )
  }
  const limit = first ?? last ?? defaultPageSize
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageSize) {
    const name = typeof last === 'number' ? 'last' : 'first'
    throw refused(`\`${name}\` must be from 1 to ${maxPageSize}, and it is ${limit}; read more with the next page.`)
  }
  return { limit, backward: typeof last === 'number' }
}

const cursorShape = z.tuple([z.string(), z.int().nonnegative().nullable(), z.string().max(300)])

/** Opaque to callers: what it holds may change. */
export const cursorOf = (order: string, { value, id }: Key): string =>
  Buffer.from(JSON.stringify([order, value, id])).toString('base64url')

function keyFrom(name: string, cursor: string | null | undefined, order: string): Key | null {
  if (cursor === null || cursor === undefined) return null
  const parsed = cursorShape.safeParse(readCursor(cursor))
  if (!parsed.success) {
    throw refused(
      `\`${name}\` is no cursor: give an edge's \`cursor\`, or \`pageInfo\`'s \`startCursor\` or \`endCursor\`.`,
    )
  }
  const [cursorOrder, value, id] = parsed.data
  if (cursorOrder !== order) {
    throw refused(
      `\`${name}\` is a cursor of another list or order: start again without it, or keep to the \`orderBy\` it came from.`,
    )
  }
  return { value, id }
}

function readCursor(cursor: unknown): unknown {
  if (typeof cursor !== 'string') return null
  const text = Buffer.from(cursor, 'base64url').toString()
  // Node skips what is not base64url; only what this program wrote comes back the same.
  if (Buffer.from(text).toString('base64url') !== cursor) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const refused = (message: string) => new CountersignError('BAD_USER_INPUT', message)
