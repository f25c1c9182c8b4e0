import type { IndexDescription } from 'mongodb'
import { approvalIndexes, type ListIndex, runIndexes } from '../list-indexes.ts'
import { type Collections, everyTime, pathOf } from './documents.ts'

export const dueIndex = 'approvals_due'
export const wakeIndex = 'runs_wake_tenant'

/**
 * Every index there is; whoever changes one gives it a new name, so that servers of both versions find theirs.
 * Lists and the sweep for work name theirs, because a planner would have to guess; other queries have but one that fits.
 */
export const indexes: Readonly<Record<keyof Collections, readonly IndexDescription[]>> = {
  runs: [
    ...runIndexes.indexes.map(listIndex),
    {
      name: wakeIndex,
      // The tenant, so that those of others are not read to be passed over.
      key: { agentName: 1, wake: 1, tenant: 1 },
      // By a comparison: only from one does MongoDB see that a query asks for nothing else. A null is no date, and not in it.
      partialFilterExpression: { wake: { $gte: everyTime } },
    },
  ],
  journal: [{ name: 'journal_place', key: { runId: 1, seq: 1 }, unique: true }],
  approvals: [
    ...approvalIndexes.indexes.map(listIndex),
    { name: dueIndex, key: { due: 1 }, partialFilterExpression: { status: 'PENDING', due: { $gte: everyTime } } },
    { name: 'approvals_unheard', key: { updatedAt: 1 }, partialFilterExpression: { unheard: true } },
  ],
  sessions: [],
  principals: [],
  keys: [{ name: 'keys_created', key: { createdAt: 1, _id: 1 } }],
}

function listIndex({ name, equal, sort }: ListIndex): IndexDescription {
  return { name, key: Object.fromEntries([...equal.map(pathOf), pathOf(sort), '_id'].map((path) => [path, 1])) }
}
