import { type InputIssue, mostIssues } from '../agents/input-schema.ts'
import { checkNote } from '../approvals/decide.ts'
import { readDecision } from '../approvals/read-decision.ts'
import type { Engine } from '../engine.ts'
import { type ApprovalId, type CallId, type PrincipalId, type RunId, runIdOfCall } from '../ids.ts'
import type { AnswerInput } from '../inputs.ts'
import {
  type AnswerRequiredError,
  type ApprovalPendingError,
  type InvalidInputError,
  invalidInput,
  type RunStateError,
} from '../results.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import { type Call, isForApprover, isOpen, presentCalls, type RunState } from './fold.ts'
import type { CallDecision } from './journal.ts'
import { recordOf } from './next.ts'
import type { PausedRun } from './paused-tree.ts'
import { requirements } from './view.ts'

/** What continueRun will write, or why it will not. */
export type Continuation =
  | {
      readonly ok: true
      readonly answered: readonly AnsweredCall[]
      /** The runs that are told to go on: those that wait for nobody any more, nor does any that they wait for. */
      readonly resume: readonly RunId[]
    }
  | {
      readonly ok: false
      readonly error: RunStateError | ApprovalPendingError | AnswerRequiredError | InvalidInputError
    }

type Situation = {
  /** The run, and the paused ones of agents it asked. */
  readonly tree: readonly [PausedRun, ...PausedRun[]]
  /** The records of the open calls that need an approver, as just read. */
  readonly approvals: ReadonlyMap<ApprovalId, ApprovalRecord>
  readonly agents: Engine['agents']
  /** How many answers were given, and what was read of them. */
  readonly given: number
  readonly read: ReadAnswers
}

/** The rules of continueRun. What an approver decides is never taken from answers, whether it is pending, decided or its record missing. */
export function planContinuation({ tree, approvals, agents, given, read }: Situation): Continuation {
  const [{ run, state }] = tree
  if (isContinuableFailure(run, state)) {
    if (given > 0)
      return refuse(
        invalidInput({ path: ['answers'], message: 'A failed run waits for no answers: continue it without.' }),
      )
    return { ok: true, answered: [], resume: [run.id] }
  }
  if (state.status !== 'PAUSED') return refuse(stateError(run, state))
  const { decisions, issues } = read
  if (issues.length > 0) return refuse(invalidInput(...issues))

  const leftOf = (paused: PausedRun) =>
    openCalls([paused]).filter(({ proposed }) => !decisions.some(({ callId }) => callId === proposed.callId))
  const left = tree.flatMap(leftOf)
  const forApprover = left.filter(isForApprover)
  const missing = forApprover.filter((call) => !recordOf(call, approvals)).map(({ proposed }) => proposed.callId)
  // By its resolution and not its status: a status that somebody set by hand has decided nothing.
  const pending = forApprover
    .flatMap((call) => recordOf(call, approvals) ?? [])
    .filter(({ resolution }) => resolution === null)
  const decided = (call: Call) => isForApprover(call) && recordOf(call, approvals)?.resolution != null
  const goesOn = (paused: PausedRun) =>
    paused.state.status === 'PAUSED' && withinOf(tree, paused).flatMap(leftOf).every(decided)
  const resume = tree.filter(goesOn)
  const plan = { ok: true, answered: decisions, resume: resume.map(({ run }) => run.id) } as const
  if (given > 0) return plan
  if (missing.length + pending.length > 0) return refuse(pendingError(run, pending, missing))
  return left.some((call) => !isForApprover(call)) ? refuse(answerError(agents, tree)) : plan
}

/** Of an agent's run it is not its failure that is continued: whoever asked has been told of it. */
export const isContinuableFailure = ({ parent }: RunRecord, { status, error }: RunState): boolean =>
  status === 'FAILED' && parent === null && (error?.code === 'MODEL_ERROR' || error?.code === 'STORE_ERROR')

/** The run and those of agents that it asked, and so on: in the tree these follow it. */
function withinOf(tree: readonly PausedRun[], outer: PausedRun): readonly PausedRun[] {
  const [, ...after] = tree.slice(tree.indexOf(outer))
  const end = after.findIndex(({ run }) => run.path.length <= outer.run.path.length)
  return [outer, ...(end < 0 ? after : after.slice(0, end))]
}

const openCalls = (tree: readonly PausedRun[]): Call[] =>
  tree.flatMap(({ state }) => (state.status === 'PAUSED' ? presentCalls(state).filter(isOpen) : []))

export type ReadAnswers = { readonly decisions: readonly AnsweredCall[]; readonly issues: readonly InputIssue[] }
/** With the fingerprint of what will run, when that is not what was proposed. */
export type AnsweredCall = CallDecision & { readonly fingerprint: string | null }

/** Reads the answers to the calls that wait for the requester; what is wrong with any of them is an issue. */
export async function readAnswers(
  engine: Pick<Engine, 'agents' | 'settings'>,
  tree: readonly PausedRun[],
  answers: readonly AnswerInput[],
  by: PrincipalId,
): Promise<ReadAnswers> {
  const open = openCalls(tree)
  const seen = new Set<string>()
  const read = answers.map(async ({ callId, decision, note }, index): Promise<ReadAnswers> => {
    const path = ['answers', String(index)]
    const call = open.find(({ proposed }) => proposed.callId === callId)
    const wrong = whyNot(call, callId, seen.has(callId))
    seen.add(callId)
    if (!call || wrong !== null) return { decisions: [], issues: [{ path, message: wrong ?? '' }] }
    const { proposed } = call
    const checked = await readDecision(engine, decision, {
      agentName: tree.find(({ run }) => run.id === runIdOfCall(proposed.callId))?.run.agentName ?? '',
      toolName: proposed.toolName,
      kind: proposed.gate?.pause ?? 'CONFIRMATION',
      arguments: proposed.arguments,
      sensitive: proposed.sensitive,
      fingerprint: proposed.fingerprint ?? '',
      mayEdit: false,
    })
    const found = [...(checked.ok ? [] : checked.issues), ...checkNote(note)]
    const issues = found.map((issue) => ({ path: [...path, ...issue.path], message: issue.message }))
    if (!checked.ok) return { decisions: [], issues }
    const answered = {
      ...checked.decision,
      callId: proposed.callId,
      by,
      note: note?.toWellFormed() ?? null,
      revision: null,
    }
    return { decisions: [answered], issues }
  })
  const all = await Promise.all(read)
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    issues: all.flatMap(({ issues }) => issues).slice(0, mostIssues),
  }
}

function whyNot(call: Call | undefined, callId: string, isSecond: boolean): string | null {
  if (!call) return `The run does not wait for an answer to the call ${callId}.`
  if (isForApprover(call)) return `The call ${callId} is decided by an approver, through resolveApproval.`
  return isSecond ? `There are two answers for the call ${callId}.` : null
}

const refuse = (error: Extract<Continuation, { ok: false }>['error']): Continuation => ({ ok: false, error })

export function stateError(run: RunRecord, state: Pick<RunState, 'status' | 'error'>): RunStateError {
  return { __typename: 'RunStateError', message: whyNotContinued(state), run }
}

function whyNotContinued({ status, error }: Pick<RunState, 'status' | 'error'>): string {
  if (status === 'RUNNING') return 'The run is going on: there is nothing to continue.'
  // It could not be had, or not be written to, for as long as one waits for that.
  if (status === 'PAUSED')
    return 'The run was in other hands, or could not be written to: look at it again, and try again.'
  return `The run is ${status}${error ? ` (${error.code})` : ''} and cannot be continued.${error ? ` ${error.message}` : ''}`
}

function pendingError(
  run: RunRecord,
  pending: readonly ApprovalRecord[],
  missing: readonly CallId[],
): ApprovalPendingError {
  const parts = [
    pending.length > 0
      ? `${pending.length} approval${pending.length > 1 ? 's are' : ' is'} pending: an approver must resolve ${pending.length > 1 ? 'them' : 'it'} first`
      : '',
    missing.length > 0
      ? `${missing.length} approval record${missing.length > 1 ? 's are' : ' is'} missing: cancel the run`
      : '',
  ]
  return { __typename: 'ApprovalPendingError', message: `${parts.filter(Boolean).join('; ')}.`, run, pending, missing }
}

const answerError = (agents: Engine['agents'], tree: Situation['tree']): AnswerRequiredError => ({
  __typename: 'AnswerRequiredError',
  message: 'The run waits for your answers: give one for each call under requirements.',
  run: tree[0].run,
  requirements: requirements(agents, tree),
})
