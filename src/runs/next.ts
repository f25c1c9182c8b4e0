import type { AgentTool } from '../agents/agent.ts'
import { longestEntry } from '../engine.ts'
import type { ApprovalId, CallId, RunId } from '../ids.ts'
import { byteLength } from '../json.ts'
import type { ApprovalRecord, CancelRequest, ResumeMode, RunFailure, RunRecord } from '../store/records.ts'
import { isOver } from '../store/records.ts'
import { type Budget, overspent, overtime } from './budget.ts'
import {
  approvalIdFor,
  type Call,
  isForApprover,
  isGated,
  isInDoubt,
  isOpen,
  isSettled,
  isUnderWay,
  presentCalls,
  type RunState,
} from './fold.ts'
import type { CallDecision, CallOutcome } from './journal.ts'

/** What is known beside the journal when the next step is chosen. */
export type Surroundings = {
  readonly cancelRequested: CancelRequest | null
  readonly resumeMode: ResumeMode
  /** The records of the open calls that have one, as just read; one that is not there is missing. */
  readonly approvals: ReadonlyMap<ApprovalId, ApprovalRecord>
  /** The runs that calls of agents began and that are not on record as over, as just read; one that is not there is missing. */
  readonly children: ReadonlyMap<RunId, RunRecord>
  /** The run whose agent asked for this one, as just read; null when there is none. */
  readonly outer: RunRecord | null
  /** What this process has under way: calls, or the model's. */
  readonly running: ReadonlySet<CallId | 'model'>
  /** Null when the agent is not here: whoever has it sees to that. */
  readonly budget: Budget | null
  readonly now: number
}

/** What there is to do next in a run. */
export type NextStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'cancel'; readonly request: CancelRequest }
  /** The cancel waits for the calls that are being made: tell them to stop. */
  | { readonly do: 'abort-calls' }
  /** The run's time is over: let nothing go on. */
  | { readonly do: 'stop'; readonly failure: RunFailure }
  /** It has used up what it may take. */
  | { readonly do: 'fail'; readonly failure: RunFailure }
  /** The cancel is for the runs of agents as well that this one asked: cancel them. */
  | { readonly do: 'cancel-children'; readonly children: readonly RunRecord[]; readonly request: CancelRequest }
  /** The cancel waits for these: give up the lease. */
  | { readonly do: 'await-children'; readonly children: readonly RunRecord[] }
  /** Runs of agents are over: their last words are the results of these calls. A run that is gone is null. */
  | { readonly do: 'join'; readonly ended: readonly (readonly [Call, RunRecord | null])[] }
  | { readonly do: 'expire'; readonly approvals: readonly ApprovalRecord[] }
  | { readonly do: 'hear'; readonly decisions: readonly CallDecision[]; readonly approvals: readonly ApprovalId[] }
  /** These were begun by somebody who is gone: what can be found out about them is, or a person is asked. */
  | { readonly do: 'recover'; readonly calls: readonly Call[] }
  /** How these ended was told: it is their outcome. */
  | { readonly do: 'conclude'; readonly calls: readonly (readonly [Call, CallOutcome])[] }
  | { readonly do: 'call-model' }
  | { readonly do: 'dispatch'; readonly calls: readonly Call[]; readonly resume: boolean }
  /** Everything is decided and nothing is left to run: go on to the model. */
  | { readonly do: 'resume' }
  | { readonly do: 'complete'; readonly output: string }
  | { readonly do: 'pause' }
  /** Something is under way here: wait for it, or for a signal. */
  | { readonly do: 'wait-here' }
  /** A person must speak, or the run of an agent must come to its end: give up the lease. */
  | { readonly do: 'wait-outside' }

/** The rules of a run, all of them: what follows from its journal and its surroundings. */
export function next(state: RunState, around: Surroundings): NextStep {
  if (isOver(state.status)) return { do: 'nothing' }
  const calls = presentCalls(state)
  const request = around.cancelRequested ?? orphaned(around) ?? overdue(calls, around)
  const failure = around.budget && overtime(state, around.budget, around.now)
  // Of a run that is cancelled too: a call that does not hear of it would have no end.
  if (failure && around.running.size > 0) return { do: 'stop', failure }
  if (request) return cancel(calls, around, request)
  if (failure) return { do: 'fail', failure }
  const lost = calls.filter((call) => isUnderWay(call) && !around.running.has(call.proposed.callId))
  if (lost.length > 0) return { do: 'recover', calls: lost }
  return hear(calls, around) ?? conclude(calls) ?? join(calls, around) ?? goOn(state, calls, around)
}

function conclude(calls: readonly Call[]): NextStep | null {
  const told = calls.flatMap((call) => {
    const decision = call.doubt?.decision ?? null
    if (decision === null || isSettled(call)) return []
    const outcome = decision.verdict === 'APPROVED' ? decision.outcome : nobodyKnows
    return outcome === null ? [] : [[call, outcome] as const]
  })
  return told.length > 0 ? { do: 'conclude', calls: told } : null
}

/** A call, or a look-up, whose process dies again and again may be what kills it. */
const mostRepetitions = 3

/** Of one that was decided in no way that there is: it is not made again. */
const nobodyKnows = { error: 'The call was cut off, and nobody knows whether it happened.' }

/**
 * What to do about a call that was cut off, by what its tool says of itself now; of a tool that is gone or has changed nothing is known.
 * `fence` is that of the present lease: how often the run was taken over since the call began is how often it was looked up.
 */
export function recoveryOf(
  { proposed, interruptions, startedFence }: Call,
  tool: Pick<AgentTool, 'schemaDigest' | 'idempotent' | 'reconcile'> | undefined,
  fence: number,
): 'repeat' | 'look-up' | 'ask' {
  if (!tool || tool.schemaDigest !== proposed.inputSchema || interruptions >= mostRepetitions) return 'ask'
  if (tool.idempotent) return 'repeat'
  return tool.reconcile && fence - (startedFence ?? 0) <= mostRepetitions ? 'look-up' : 'ask'
}

/** Whoever asked is over, and could not say so: nothing is done for nobody. */
const orphaned = ({ outer, now }: Surroundings): CancelRequest | null =>
  outer && isOver(outer.status) ? { by: null, at: now, reason: nobodyAsks } : null
export const nobodyAsks = 'The run that asked for it is over.'

/** Nobody decided in time on a call whose tool wants no more of the run then. */
function overdue(calls: readonly Call[], { now }: Surroundings): CancelRequest | null {
  const call = calls.find(
    ({ proposed, decision }) => proposed.onExpiry === 'CANCEL_RUN' && decision?.verdict === 'EXPIRED',
  )
  if (!call) return null
  const { toolName, approvalId } = call.proposed
  return { by: null, at: now, reason: `Nobody decided in time on ${toolName} (${approvalId}).` }
}

function cancel(calls: readonly Call[], around: Surroundings, request: CancelRequest): NextStep {
  const children = openRuns(calls, around).flatMap(([, child]) => (child && !isOver(child.status) ? [child] : []))
  const unasked = children.filter(({ cancelRequested }) => cancelRequested === null)
  // Before a call that may take its time to stop: meanwhile they would go on.
  if (unasked.length > 0) return { do: 'cancel-children', children: unasked, request }
  if (around.running.size > 0) return { do: 'abort-calls' }
  if (children.length > 0) return { do: 'await-children', children }
  // What was said of a call in doubt before the cancel stands.
  const heard = heardFrom(calls.filter(isInDoubt), around.approvals)
  if (heard.decisions.length > 0) return { do: 'hear', ...heard }
  return conclude(calls) ?? join(calls, around) ?? { do: 'cancel', request }
}

function join(calls: readonly Call[], around: Surroundings): NextStep | null {
  const ended = openRuns(calls, around).filter(([, child]) => child === null || isOver(child.status))
  return ended.length > 0 ? { do: 'join', ended } : null
}

/** The calls of agents whose ends are not on record, each with its run. */
const openRuns = (calls: readonly Call[], { children }: Surroundings): (readonly [Call, RunRecord | null])[] =>
  calls.flatMap((call) =>
    call.childId !== null && !isSettled(call) ? [[call, children.get(call.childId) ?? null] as const] : [],
  )

function hear(calls: readonly Call[], { approvals, now }: Surroundings): NextStep | null {
  const records = recordsOf(calls, approvals).map(([, record]) => record)
  const late = records.filter(({ status, expiresAt }) => status === 'PENDING' && expiresAt !== null && expiresAt <= now)
  if (late.length > 0) return { do: 'expire', approvals: late }
  const heard = heardFrom(calls, approvals)
  return heard.decisions.length > 0 ? { do: 'hear', ...heard } : null
}

/** The decisions on record that the journal does not have yet; of very long ones only those that fit into one entry, and one at least: the others are heard next. */
export function heardFrom(calls: readonly Call[], approvals: Surroundings['approvals']) {
  const decisions: CallDecision[] = []
  const heard: ApprovalId[] = []
  let bytes = 0
  for (const [call, record] of recordsOf(calls, approvals)) {
    const decision = decisionOf(call, record)
    if (decision === null) continue
    bytes += byteLength(JSON.stringify(decision))
    if (decisions.length > 0 && bytes > longestEntry) break
    decisions.push(decision)
    heard.push(record.id)
  }
  return { decisions, approvals: heard }
}

const recordsOf = (calls: readonly Call[], approvals: Surroundings['approvals']): [Call, ApprovalRecord][] =>
  // What the requester answers is in no record until then, whatever somebody has put there.
  calls
    .filter((call) => isOpen(call) && isForApprover(call))
    .flatMap((call) => {
      const record = recordOf(call, approvals)
      return record ? [[call, record]] : []
    })

/** What an approver decides of a call, as it was just read. */
export function recordOf(call: Call, approvals: Surroundings['approvals']): ApprovalRecord | undefined {
  const id = approvalIdFor(call)
  return id === null ? undefined : approvals.get(id)
}

/** Of the call that asked for the record, whichever the record names: the gate tells when they are not the same. */
function decisionOf({ proposed }: Call, { revision, resolution }: ApprovalRecord): CallDecision | null {
  if (!resolution) return null
  const { status, by, message, note, arguments: edited, values, outcome } = resolution
  return { callId: proposed.callId, verdict: status, by, message, note, arguments: edited, values, outcome, revision }
}

function goOn(state: RunState, calls: readonly Call[], around: Surroundings): NextStep {
  const gated = calls.filter(isGated)
  const undecided = gated.some(isOpen)
  const released = gated.length === 0 || (state.released && !undecided)
  // With MANUAL it is continueRun that releases, once everything is decided.
  const resume = !released && !undecided && around.resumeMode === 'AUTOMATIC'
  const mayRun = (call: Call) => !isGated(call) || released || resume
  const ready = calls.filter((call) => !isSettled(call) && call.startedAt === null && mayRun(call))
  if (ready.length > 0) return { do: 'dispatch', calls: ready, resume }
  if (around.running.size > 0) return { do: 'wait-here' }
  const inner = openRuns(calls, around).map(([, child]) => child)
  const waits = (!released && !resume) || inner.some((child) => child?.status === 'PAUSED')
  const works = inner.some((child) => child?.status === 'RUNNING')
  if (state.status === 'PAUSED') return { do: waits ? 'wait-outside' : 'resume' }
  if (works) return { do: 'wait-outside' }
  if (waits) return { do: 'pause' }
  if (resume) return { do: 'resume' }
  const turn = state.turns.at(-1)
  if (turn && calls.length === 0) return { do: 'complete', output: turn.text ?? '' }
  const failure = around.budget && overspent(state, around.budget)
  return failure ? { do: 'fail', failure } : { do: 'call-model' }
}
