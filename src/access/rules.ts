import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import type { Visible } from '../store/store.ts'
import type { Principal, Role } from './principal.ts'

// Who may what: every operation asks here, and nothing below the operations does.
// What one may not see does not exist: the answer is NotFound and never Forbidden.

export const cannotResolveReasons = ['NOT_PENDING', 'NOT_AN_APPROVER', 'OWN_REQUEST'] as const
export type CannotResolveReason = (typeof cannotResolveReasons)[number]

const has = (principal: Principal, ...any: Role[]) => any.some((role) => principal.roles.includes(role))

export const mayStartRuns = (principal: Principal): boolean => has(principal, 'REQUESTER', 'ADMIN')

/** Their own runs; admins any. */
export const maySteerRun = (principal: Principal, run: RunRecord): boolean =>
  has(principal, 'ADMIN') || (has(principal, 'REQUESTER') && run.requestedBy === principal.id)

export const maySeeRun = (principal: Principal, run: RunRecord): boolean =>
  run.tenant === principal.tenant &&
  (has(principal, 'ADMIN', 'AUDITOR') ||
    (has(principal, 'APPROVER') && run.gated) ||
    (has(principal, 'REQUESTER') && run.requestedBy === principal.id))

export const maySeeApproval = (
  principal: Principal,
  approval: Pick<ApprovalRecord, 'tenant' | 'requestedBy'>,
): boolean =>
  approval.tenant === principal.tenant &&
  (has(principal, 'ADMIN', 'AUDITOR', 'APPROVER') ||
    (has(principal, 'REQUESTER') && approval.requestedBy === principal.id))

/** Why this principal cannot resolve this approval now; empty when it can. */
export function reasonsNotToResolve(
  principal: Principal,
  approval: ApprovalRecord,
  { allowSelfApproval, now }: { allowSelfApproval: boolean; now: number },
): CannotResolveReason[] {
  const reasons: CannotResolveReason[] = []
  const late = approval.expiresAt !== null && approval.expiresAt <= now
  if (approval.status !== 'PENDING' || late) reasons.push('NOT_PENDING')
  if (!has(principal, 'APPROVER', 'ADMIN')) reasons.push('NOT_AN_APPROVER')
  // The person counts, whoever asks for them; nor may a service decide for somebody what it requested in its own name.
  const isOwn = approval.requestedBy === principal.id || approval.requestedBy === principal.actor
  if (isOwn && !allowSelfApproval) reasons.push('OWN_REQUEST')
  return reasons
}

/** Who may decide may look, also when it is decided already. */
export const whyNotReveal = (
  principal: Principal,
  approval: ApprovalRecord,
  { allowSelfApproval }: { allowSelfApproval: boolean },
): CannotResolveReason | undefined =>
  reasonsNotToResolve(principal, approval, { allowSelfApproval, now: approval.createdAt }).find(
    (reason) => reason !== 'NOT_PENDING',
  )

/** What a list of runs may show; null: nothing. */
export function visibleRuns({ tenant, id, roles }: Principal): Visible | null {
  if (roles.includes('ADMIN') || roles.includes('AUDITOR')) return { tenant }
  const own = roles.includes('REQUESTER')
  const gated = roles.includes('APPROVER')
  if (own) return gated ? { tenant, requestedBy: id, gated } : { tenant, requestedBy: id }
  return gated ? { tenant, gated } : null
}

/** What a list of approvals may show; null: nothing. */
export function visibleApprovals({ tenant, id, roles }: Principal): Visible | null {
  if (roles.some((role) => role !== 'REQUESTER')) return { tenant }
  return roles.includes('REQUESTER') ? { tenant, requestedBy: id } : null
}
