import type { ApprovalId, CallId } from '../ids.ts'
import type { ApprovalRecord, CancelRequest, ResumeMode } from '../store/records.ts'
import { isOver } from '../store/records.ts'
import { type Call, isForApprover, isOpen, isSettled, isUnderWay, presentCalls, type RunState } from './fold.ts'
import type { CallDecision } from './journal.ts'

/** What is known beside the journal when the next step is chosen. */
export type Surroundings = {
  readonly cancelRequested: CancelRequest | null
  readonly resumeMode: ResumeMode
  /** The records of the open calls that have one, as just read; one that is not there is missing. */
  readonly approvals: ReadonlyMap<ApprovalId, ApprovalRecord>
  /** What this process has under way: calls, or the model's. */
  readonly running: ReadonlySet<CallId | 'model'>
  readonly now: number
}

/** What there is to do next in a run. */
export type NextStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'cancel'; readonly request: CancelRequest }
  /** The cancel waits for the calls that are being made: tell them to stop. */
  | { readonly do: 'abort-calls' }
  | { readonly do: 'expire'; readonly approvals: readonly ApprovalRecord[] }
  | { readonly do: 'hear'; readonly decisions: readonly CallDecision[]; readonly approvals: readonly ApprovalId[] }
  | { readonly do: 'fail-unknown'; readonly calls: readonly Call[] }
  | { readonly do: 'call-model' }
  | { readonly do: 'dispatch'; readonly calls: readonly Call[]; readonly resume: boolean }
  /** Everything is decided and nothing is left to run: go on to the model. */
  | { readonly do: 'resume' }
  | { readonly do: 'complete'; readonly output: string }
  | { readonly do: 'pause' }
  /** Something is under way here: wait for it, or for a signal. */
  | { readonly do: 'wait-here' }
  /** A person must speak: give up the lease. */
  | { readonly do: 'wait-outside' }

/** The rules of a run, all of them: what follows from its journal and its surroundings. */
export function next(state: RunState, around: Surroundings): NextStep {
  if (isOver(state.status)) return { do: 'nothing' }
  const calls = presentCalls(state)
  const lost = calls.filter((call) => isUnderWay(call) && !around.running.has(call.proposed.callId))
  if (lost.length > 0) return { do: 'fail-unknown', calls: lost }
  if (around.cancelRequested) {
    return around.running.size > 0 ? { do: 'abort-calls' } : { do: 'cancel', request: around.cancelRequested }
  }
  return hear(calls, around) ?? goOn(state, calls, around)
}

function hear(calls: readonly Call[], { approvals, now }: Surroundings): NextStep | null {
  const records = recordsOf(calls, approvals).map(([, record]) => record)
  const late = records.filter(({ status, expiresAt }) => status === 'PENDING' && expiresAt !== null && expiresAt <= now)
  if (late.length > 0) return { do: 'expire', approvals: late }
  const heard = heardFrom(calls, approvals)
  return heard.decisions.length > 0 ? { do: 'hear', ...heard } : null
}

/** The decisions on record that the journal does not have yet. */
export function heardFrom(calls: readonly Call[], approvals: Surroundings['approvals']) {
  const decided = recordsOf(calls, approvals).filter(([, { resolution }]) => resolution !== null)
  return {
    decisions: decided.flatMap(([call, record]) => decisionOf(call, record) ?? []),
    approvals: decided.map(([, { id }]) => id),
  }
}

const recordsOf = (calls: readonly Call[], approvals: Surroundings['approvals']): [Call, ApprovalRecord][] =>
  // What the requester answers is in no record until then, whatever somebody has put there.
  calls
    .filter((call) => isOpen(call) && isForApprover(call))
    .flatMap((call) => {
      const record = call.proposed.approvalId && approvals.get(call.proposed.approvalId)
      return record ? [[call, record]] : []
    })

/** Of the call that asked for the record, whichever the record names: the gate tells when they are not the same. */
function decisionOf({ proposed }: Call, { revision, resolution }: ApprovalRecord): CallDecision | null {
  if (!resolution) return null
  const { status, by, message, note, arguments: edited, values, outcome } = resolution
  return { callId: proposed.callId, verdict: status, by, message, note, arguments: edited, values, outcome, revision }
}

function goOn(state: RunState, calls: readonly Call[], around: Surroundings): NextStep {
  const gated = calls.filter(({ proposed }) => proposed.gate !== null && proposed.invalid === null)
  const undecided = gated.some(isOpen)
  const released = gated.length === 0 || (state.released && !undecided)
  // With MANUAL it is continueRun that releases, once everything is decided.
  const resume = !released && !undecided && around.resumeMode === 'AUTOMATIC'
  const mayRun = (call: Call) => call.proposed.gate === null || released || resume
  const ready = calls.filter((call) => !isSettled(call) && call.startedAt === null && mayRun(call))
  if (ready.length > 0) return { do: 'dispatch', calls: ready, resume }
  if (around.running.size > 0) return { do: 'wait-here' }
  if (!released && !resume) return state.status === 'PAUSED' ? { do: 'wait-outside' } : { do: 'pause' }
  if (resume) return { do: 'resume' }
  const turn = state.turns.at(-1)
  return turn && calls.length === 0 ? { do: 'complete', output: turn.text ?? '' } : { do: 'call-model' }
}
