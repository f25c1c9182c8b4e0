import type { ApprovalFilter, ApprovalOrder, Page, RunFilter, RunOrder } from '../../src/store/store.ts'
import { alice, bob } from './records.ts'

// Lists as they are asked for: each filter, in each order and on each page, is to be read from an index.

const visible = { tenant: 'acme' }
const own = { tenant: 'acme', requestedBy: alice }
const key = { value: 1, id: 'x' }

export const pages: readonly Page[] = [
  { limit: 1 },
  { limit: 1, backward: true, before: key },
  { limit: 1, after: key, before: key },
]

export const runFilters: readonly RunFilter[] = [
  { visible },
  { visible: own },
  { visible: { ...own, gated: true } },
  { visible: { tenant: 'acme', gated: true }, status: ['COMPLETED'] },
  { visible, status: ['PAUSED', 'RUNNING'], agentName: ['support', 'billing'] },
  { visible, agentName: ['support'], createdAfter: 1, createdBefore: 2 },
  { visible, requestedBy: [alice, bob] },
  { visible, sessionId: 's' },
]
export const runOrders: readonly RunOrder[] = ['OLDEST_FIRST', 'NEWEST_FIRST']

export const approvalFilters: readonly ApprovalFilter[] = [
  { visible },
  { visible: own },
  { visible, status: ['PENDING'], toolName: ['send'] },
  { visible, toolName: ['send', 'pay'], agentName: ['support'] },
  { visible, agentName: ['support'], type: ['AUDIT'], kind: ['CONFIRMATION', 'USER_INPUT'] },
  { visible, resolvedBy: [alice], resolvedAfter: 1, resolvedBefore: 2 },
]
export const approvalOrders: readonly ApprovalOrder[] = [
  'OLDEST_FIRST',
  'NEWEST_FIRST',
  'EXPIRES_SOONEST',
  'RECENTLY_RESOLVED',
]
