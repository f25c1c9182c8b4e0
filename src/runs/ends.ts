import { randomUUID } from 'node:crypto'
import type { CancelRequest, FailureCode, Resolution } from '../store/records.ts'
import { presentCalls } from './fold.ts'
import type { EntryBody } from './journal.ts'
import type { RunLease } from './lease.ts'

type Ending = Extract<EntryBody, { type: 'completed' | 'failed' | 'cancelled' }>

/** Drafts a run's last entry. However a run ends, none of its approvals stays PENDING, and none is left to be heard. */
export function endRun(lease: RunLease, now: number, ending: Ending): void {
  const approvals = presentCalls(lease.state).flatMap(({ proposed }) => proposed.approvalId ?? [])
  lease.draft(ending, approvals.length > 0 ? { heard: approvals, cancelPending: cancellation(now) } : {})
}

export const failed = (code: FailureCode, message: string): Ending => ({ type: 'failed', code, message })

export const cancelled = ({ by, reason }: CancelRequest): Ending => ({ type: 'cancelled', by, reason })

const cancellation = (at: number): Resolution => ({
  status: 'CANCELLED',
  cause: 'CANCELLATION',
  by: null,
  at,
  decisionId: randomUUID(),
  note: null,
  message: null,
  arguments: null,
  fingerprint: null,
  values: null,
  outcome: null,
})
