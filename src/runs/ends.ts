import { resolutionWith } from '../approvals/resolution.ts'
import type { PrincipalId } from '../ids.ts'
import { type CancelRequest, doerOf, type FailureCode, type Resolution } from '../store/records.ts'
import { type Call, openChildren } from './fold.ts'
import type { CallDecision, EntryBody } from './journal.ts'
import type { RunLease } from './lease.ts'
import { nobodyAsks } from './next.ts'

type Ending = Extract<EntryBody, { type: 'completed' | 'failed' | 'cancelled' }>

/**
 * Drafts a run's last entry, and with it {@link settleApprovals}: one that completes has nothing open.
 *
 * @param children The runs that it asked for and that are not over: an agent that was asked has nobody left to answer.
 */
export function endRun(lease: RunLease, now: number, ending: Ending, children = openChildren(lease.state)): void {
  lease.draft(ending)
  if (ending.type !== 'completed') settleApprovals(lease, now)
  const cancel = { by: null, at: now, reason: nobodyAsks }
  if (children.length > 0) lease.bring({ signal: children.map((id) => ({ id, cancel })) })
}

/** However a run ends, none of its approvals stays PENDING, and none is left to be heard. By run, since its journal may be broken. */
export const settleApprovals = (lease: RunLease, now: number): void => lease.bring({ cancelPending: cancellation(now) })

export const failed = (code: FailureCode, message: string): Ending => ({ type: 'failed', code, message })

export const cancelled = ({ reason, ...doer }: CancelRequest): Ending => ({
  type: 'cancelled',
  ...doerOf(doer),
  reason,
})

/** A call that is on record as started, and was not entered. */
export const cancelledCall = ({ proposed }: Call, by: PrincipalId | null): CallDecision => ({
  callId: proposed.callId,
  verdict: 'CANCELLED',
  by,
  message: null,
  note: null,
  arguments: null,
  values: null,
  outcome: null,
  revision: null,
})

const cancellation = (at: number): Resolution => resolutionWith({ status: 'CANCELLED', cause: 'CANCELLATION', at })
