import type { InputIssue } from '../agents/input-schema.ts'
import { checkDecision, checkNote } from '../approvals/decide.ts'
import type { ApprovalId, CallId, PrincipalId } from '../ids.ts'
import type { AnswerInput } from '../inputs.ts'
import {
  type AnswerRequiredError,
  type ApprovalPendingError,
  type InvalidInputError,
  invalidInput,
  type RunStateError,
} from '../results.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import { type Call, isOpen, presentCalls, type RunState } from './fold.ts'
import type { CallDecision } from './journal.ts'
import { requirements } from './view.ts'

/** What continueRun will write, or why it will not. */
export type Continuation =
  | { readonly ok: true; readonly answered: readonly CallDecision[]; readonly resume: boolean }
  | {
      readonly ok: false
      readonly error: RunStateError | ApprovalPendingError | AnswerRequiredError | InvalidInputError
    }

type Situation = {
  readonly run: RunRecord
  readonly state: RunState
  /** The records of the open calls that need an approver, as just read. */
  readonly approvals: ReadonlyMap<ApprovalId, ApprovalRecord>
  readonly answers: readonly AnswerInput[]
  readonly by: PrincipalId
}

/** The rules of continueRun. What an approver decides is never taken from answers, whether it is pending, decided or its record missing. */
export function planContinuation({ run, state, approvals, answers, by }: Situation): Continuation {
  if (isContinuableFailure(state)) {
    if (answers.length > 0)
      return refuse(
        invalidInput({ path: ['answers'], message: 'A failed run waits for no answers: continue it without.' }),
      )
    return { ok: true, answered: [], resume: true }
  }
  if (state.status !== 'PAUSED') return refuse(stateError(run, state))
  const open = presentCalls(state).filter(isOpen)
  const { decisions, issues } = readAnswers(open, answers, by)
  if (issues.length > 0) return refuse(invalidInput(...issues))

  const left = open.filter(({ proposed }) => !decisions.some(({ callId }) => callId === proposed.callId))
  const forApprover = left.filter(isForApprover)
  const missing = forApprover.filter((call) => !recordOf(call, approvals)).map(({ proposed }) => proposed.callId)
  // By its resolution and not its status: a status that somebody set by hand has decided nothing.
  const pending = forApprover
    .flatMap((call) => recordOf(call, approvals) ?? [])
    .filter(({ resolution }) => resolution === null)
  const forRequester = left.filter((call) => !isForApprover(call))
  const waits = missing.length + pending.length > 0
  if (answers.length > 0) return { ok: true, answered: decisions, resume: !waits && forRequester.length === 0 }
  if (waits) return refuse(pendingError(run, pending, missing))
  if (forRequester.length > 0) return refuse(answerError(run, state))
  return { ok: true, answered: [], resume: true }
}

export const isContinuableFailure = ({ status, error }: RunState): boolean =>
  status === 'FAILED' && (error?.code === 'MODEL_ERROR' || error?.code === 'STORE_ERROR')

const isForApprover = ({ proposed }: Call) => proposed.gate?.approval === 'REQUIRED'
const recordOf = ({ proposed }: Call, approvals: Situation['approvals']) =>
  proposed.approvalId && approvals.get(proposed.approvalId)

function readAnswers(open: readonly Call[], answers: readonly AnswerInput[], by: PrincipalId) {
  const decisions: CallDecision[] = []
  const issues: InputIssue[] = []
  const seen = new Set<string>()
  for (const [index, answer] of answers.entries()) {
    const path = ['answers', String(index)]
    const call = open.find(({ proposed }) => proposed.callId === answer.callId)
    const wrong = !call
      ? `The run does not wait for an answer to the call ${answer.callId}.`
      : isForApprover(call)
        ? `The call ${answer.callId} is decided by an approver, through resolveApproval.`
        : seen.has(answer.callId)
          ? `There are two answers for the call ${answer.callId}.`
          : null
    seen.add(answer.callId)
    if (!call || wrong !== null) {
      issues.push({ path, message: wrong ?? '' })
      continue
    }
    const { callId, gate } = call.proposed
    const checked = checkDecision(answer.decision, { kind: gate?.pause ?? 'CONFIRMATION', mayEdit: false })
    for (const issue of [...(checked.ok ? [] : checked.issues), ...checkNote(answer.note)]) {
      issues.push({ path: [...path, ...issue.path], message: issue.message })
    }
    if (!checked.ok) continue
    const { verdict, message } = checked.decision
    const note = answer.note?.toWellFormed() ?? null
    const nothing = { arguments: null, values: null, outcome: null, revision: null }
    decisions.push({ callId, verdict, by, message, note, ...nothing })
  }
  return { decisions, issues }
}

const refuse = (error: Extract<Continuation, { ok: false }>['error']): Continuation => ({ ok: false, error })

export function stateError(run: RunRecord, state: Pick<RunState, 'status' | 'error'>): RunStateError {
  const message =
    state.status === 'RUNNING'
      ? 'The run is going on: there is nothing to continue.'
      : `The run is ${state.status}${state.error ? ` (${state.error.code})` : ''} and cannot be continued.`
  return { __typename: 'RunStateError', message, run }
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

const answerError = (run: RunRecord, state: RunState): AnswerRequiredError => ({
  __typename: 'AnswerRequiredError',
  message: 'The run waits for your answers: give one for each call under requirements.',
  run,
  requirements: requirements(run.id, state),
})
