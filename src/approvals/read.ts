import type { Principal } from '../access/principal.ts'
import { maySeeApproval, visibleApprovals } from '../access/rules.ts'
import {
  type Connection,
  type Count,
  countUpTo,
  cursorOf,
  type PageInput,
  pageOf,
  readConnection,
} from '../connection.ts'
import type { Engine } from '../engine.ts'
import { givenLists, givenTexts, givenTimes } from '../filter-input.ts'
import { isApprovalId, type PrincipalId, type RunId } from '../ids.ts'
import type { ApprovalRecord, ApprovalStatus, ApprovalType, PauseKind } from '../store/records.ts'
import type { ApprovalFilter, ApprovalOrder, Key } from '../store/store.ts'

/** Which pending approvals to list or watch. What is left out or null does not restrict; an empty list matches nothing. */
export type PendingApprovalListFilter = {
  readonly type?: readonly ApprovalType[] | null
  readonly kind?: readonly PauseKind[] | null
  readonly agentName?: readonly string[] | null
  readonly toolName?: readonly string[] | null
  readonly runId?: string | null
  readonly requestedBy?: readonly string[] | null
}

/** Times in ms since 1970: `…After` at this moment or later, `…Before` before it. */
export type ApprovalListFilter = PendingApprovalListFilter & {
  readonly status?: readonly ApprovalStatus[] | null
  readonly resolvedBy?: readonly string[] | null
  readonly createdAfter?: number | null
  readonly createdBefore?: number | null
  readonly resolvedAfter?: number | null
  readonly resolvedBefore?: number | null
}

export type ListApprovalsInput = PageInput & {
  readonly filter?: ApprovalListFilter | null
  /** Default OLDEST_FIRST. */
  readonly orderBy?: ApprovalOrder | null
}

/** The approval, or null: for an id that is malformed, unknown, another tenant's, or of an approval that `principal` may not see. */
export async function getApproval(engine: Engine, principal: Principal, id: string): Promise<ApprovalRecord | null> {
  if (!isApprovalId(id)) return null
  const approval = await engine.store.approvals.get(id)
  return approval && maySeeApproval(principal, approval) ? approval : null
}

/**
 * The approvals that `principal` may see.
 *
 * @throws CountersignError BAD_USER_INPUT for a bad filter, page size or cursor.
 */
export async function listApprovals(
  engine: Engine,
  principal: Principal,
  input: ListApprovalsInput = {},
): Promise<Connection<ApprovalRecord>> {
  const orderBy = input.orderBy ?? 'OLDEST_FIRST'
  const order = orderName(orderBy)
  const filter = approvalFilter(principal, input.filter ?? {})
  if (!filter) return pageOf(input, order, [])
  return readConnection(input, {
    order,
    key: (approval) => sortKey(approval, orderBy),
    read: (page) => engine.store.approvals.list(filter, orderBy, page),
    count: (limit) => engine.store.approvals.count(filter, limit),
  })
}

/** The approvals of one run that `principal` may see, in the order they were proposed. */
export const listApprovalsOfRun = (engine: Engine, principal: Principal, runId: RunId, page: PageInput = {}) =>
  listApprovals(engine, principal, { ...page, filter: { runId } })

/** How many approvals match, counted up to 1,000. */
export async function countApprovals(engine: Engine, principal: Principal, filter: ApprovalListFilter): Promise<Count> {
  const asked = approvalFilter(principal, filter)
  return countUpTo(async (limit) => (asked ? engine.store.approvals.count(asked, limit) : 0))
}

/** The place of an approval in a list of this order, for `after` and `before`. */
export const approvalCursor = (approval: ApprovalRecord, order: ApprovalOrder): string =>
  cursorOf(orderName(order), sortKey(approval, order))

/**
 * What the store is asked for; null when `principal` may see nothing.
 *
 * @throws CountersignError BAD_USER_INPUT for a bad filter.
 */
export function approvalFilter(principal: Principal, filter: ApprovalListFilter): ApprovalFilter | null {
  const visible = visibleApprovals(principal)
  const { status, type, kind, agentName, toolName, runId, requestedBy, resolvedBy } = filter
  const { createdAfter, createdBefore, resolvedAfter, resolvedBefore } = filter
  type Principals = readonly PrincipalId[] | null | undefined
  const asked = {
    ...givenLists({ status, type, kind, agentName, toolName }),
    ...givenLists({ requestedBy: requestedBy as Principals, resolvedBy: resolvedBy as Principals }),
    ...givenTexts({ runId: runId as RunId | null | undefined }),
    ...givenTimes({ createdAfter, createdBefore, resolvedAfter, resolvedBefore }),
  }
  return visible && { visible, ...asked }
}

const orderName = (order: ApprovalOrder) => `approvals ${order}`

function sortKey(approval: ApprovalRecord, order: ApprovalOrder): Key {
  const { id } = approval
  switch (order) {
    case 'OLDEST_FIRST':
    case 'NEWEST_FIRST':
      return { value: approval.createdAt, id }
    case 'EXPIRES_SOONEST':
      return { value: approval.expiresAt, id }
    case 'RECENTLY_RESOLVED':
      return { value: approval.resolution?.at ?? null, id }
  }
}
