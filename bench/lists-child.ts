import { type Document, MongoClient } from 'mongodb'
import { databasePath, openStore } from '../src/server/database.ts'
import { approvalConditions, approvalSorting } from '../src/store/filters.ts'
import { approvalIndexes } from '../src/store/list-indexes.ts'
import { pageQueries } from '../src/store/mongodb/lists.ts'
import { isMongoUrl } from '../src/store/mongodb/url.ts'
import { openDatabase } from '../src/store/sqlite/database.ts'
import type { ApprovalFilter, Store } from '../src/store/store.ts'
import { type Load, timeIsUp } from './bench.ts'
import { answer } from './child.ts'
import { median } from './figure.ts'

/** Whose pending approvals are listed. */
export type Inbox = { readonly tenant: string; readonly agentName: string | null }

const order = 'OLDEST_FIRST'
/** One more than an inbox shows, as the API reads it to tell whether there are more. */
const page = { limit: 21 }

const filterOf = ({ tenant, agentName }: Inbox): ApprovalFilter => ({
  visible: { tenant },
  status: ['PENDING'],
  ...(agentName !== null && { agentName: [agentName] }),
})

const handlers = {
  /** How long the first page of each takes, the median in ms: turn by turn, so that a busy machine troubles all alike. */
  async firstPages(url: string, inboxes: readonly Inbox[], load: Load): Promise<number[]> {
    await using store = await openStore(url)
    const isOver = timeIsUp(load)
    const times = inboxes.map((): number[] => [])
    // Once not measured, and once measured at least.
    for (let turn = 0; turn < 2 || (turn < load.most && !isOver()); turn += 1) {
      for (const [index, inbox] of inboxes.entries()) {
        const took = await timeOf(store, inbox)
        if (turn > 0) times[index]?.push(took)
      }
    }
    return times.map(median)
  },
  /** How MongoDB goes about the first page, for people. */
  async plan(url: string, inbox: Inbox): Promise<string> {
    await using client = new MongoClient(url)
    const conditions = approvalConditions(filterOf(inbox))
    const sorting = approvalSorting(order)
    const plans = pageQueries(approvalIndexes, conditions, sorting, page).map(async ({ filter, hint }) => {
      const sort = { [sorting.field]: 1, _id: 1 } as const
      const found = client
        .db()
        .collection<{ _id: string }>('approvals')
        .find(filter, { hint, sort, ...page })
      const { queryPlanner, executionStats: stats } = await found.explain('executionStats')
      const examined = `${stats?.totalKeysExamined} keys and ${stats?.totalDocsExamined} documents examined`
      return `${stagesOf(queryPlanner?.winningPlan).join(' < ')}, ${examined}`
    })
    return (await Promise.all(plans)).join('; ')
  },
  /** What is kept of a pending approval in indexes, and of a paused run altogether, in bytes; null where the database does not say. */
  storage: (url: string): Promise<Storage> => (isMongoUrl(url) ? mongodbStorage(url) : sqliteStorage(url)),
}
export type ListsChild = typeof handlers

answer(handlers)

async function timeOf(store: Store, inbox: Inbox): Promise<number> {
  const began = performance.now()
  const found = await store.approvals.list(filterOf(inbox), order, page)
  const took = performance.now() - began
  if (found.length !== page.limit) throw new Error(`There are only ${found.length} pending approvals`)
  return took
}

/** From the last to the first. */
const stagesOf = (plan: Document | undefined): string[] =>
  plan ? [[plan.stage, plan.indexName].filter(Boolean).join(' '), ...stagesOf(plan.inputStage)] : []

export type Storage = { readonly indexOfApproval: number | null; readonly run: number | null }

const kinds = ['runs', 'journal', 'approvals', 'sessions'] as const
type Size = { readonly count: number; readonly data: number; readonly index: number }

/** A run has one session, one approval, and as many entries as there are for a run. */
function storageOf(size: (kind: (typeof kinds)[number]) => Size): Storage {
  const { count: runs } = size('runs')
  const perRun = kinds.map((kind) => {
    const { count, data, index } = size(kind)
    return ((data + index) / count) * (kind === 'journal' ? count / runs : 1)
  })
  const known = (bytes: number) => (bytes > 0 && Number.isFinite(bytes) ? Math.round(bytes) : null)
  const approvals = size('approvals')
  return {
    indexOfApproval: known(approvals.index / approvals.count),
    run: perRun.every((bytes) => bytes > 0) ? known(perRun.reduce((sum, bytes) => sum + bytes, 0)) : null,
  }
}

async function mongodbStorage(url: string): Promise<Storage> {
  await using client = new MongoClient(url)
  const stats = await Promise.all(
    kinds.map((kind) =>
      client
        .db()
        .command({ collStats: kind })
        .catch(() => ({})),
    ),
  )
  const sizes = new Map(kinds.map((kind, index) => [kind, stats[index] as Document]))
  return storageOf((kind) => {
    const { count = 0, size = 0, totalIndexSize = 0 } = sizes.get(kind) ?? {}
    return { count, data: size, index: totalIndexSize }
  })
}

async function sqliteStorage(url: string): Promise<Storage> {
  using database = openDatabase(databasePath(url), '')
  const sizes = `SELECT s.type = 'index', sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s USING (name) WHERE s.tbl_name = ? GROUP BY 1`
  return storageOf((kind) => {
    const rows = new Map(database.rows(sizes, kind).map(([isIndex, bytes]) => [isIndex, Number(bytes)]))
    const count = Number(database.row(`SELECT count(*) FROM ${kind}`)?.[0])
    return { count, data: rows.get(0) ?? 0, index: rows.get(1) ?? 0 }
  })
}
