import { finalArguments } from '../approvals/final-arguments.ts'
import type { ApprovalId, CallId, PrincipalId, RunId } from '../ids.ts'
import { byteLength, type JsonText, sha256 } from '../json.ts'
import type { HistoryRef, RunFailure, RunStatus } from '../store/records.ts'
import type { CallDecision, CallOutcome, Entry, EntryOf, ProposedCall } from './journal.ts'

/** What the journal says about a run. */
export type RunState = {
  /** The last entry's place, and the hash that the next entry's `prev` must be. */
  readonly seq: number
  readonly hash: string
  readonly status: RunStatus
  readonly input: {
    readonly message: string
    readonly history: readonly HistoryRef[]
    /** How many messages of these runs the model is sent, at most. */
    readonly historyMessages: number
    readonly requestedBy: PrincipalId
  } | null
  /** One for each answer of the model, in order. */
  readonly turns: readonly Turn[]
  readonly output: string | null
  readonly error: RunFailure | null
  readonly finishedAt: number | null
  /** Whether the calls of the present turn that waited for people may run: everything is decided and the run was told to go on. A new doubt waits anew. */
  readonly released: boolean
  /** Input and output of all answers; what the provider did not report counts as nothing. */
  readonly tokens: number
  /** When the last entry was written, and how long the run had been RUNNING by then. */
  readonly at: number
  readonly ranMs: number
}

export type Turn = {
  readonly content: string
  readonly text: string | null
  readonly calls: readonly Call[]
}

export type Call = {
  readonly proposed: ProposedCall
  readonly proposedAt: number
  readonly decision: CallDecision | null
  readonly startedAt: number | null
  /** The place of the entry that began its last attempt, and the fence of the lease under which it did. */
  readonly startedSeq: number | null
  readonly startedFence: number | null
  /** How often it was cut off. */
  readonly interruptions: number
  /** It was cut off, and nobody has said that it did not happen. */
  readonly mayHaveHappened: boolean
  /** Its last attempt was cut off: whether it happened is asked by this approval, and decided so. */
  readonly doubt: { readonly approvalId: ApprovalId; readonly decision: CallDecision | null } | null
  /** The run that it began, for a call of an agent. */
  readonly childId: RunId | null
  readonly finishedAt: number | null
  readonly outcome: CallOutcome | null
  readonly modelOutput: string | null
}

export const emptyState: RunState = {
  seq: 0,
  hash: '',
  status: 'RUNNING',
  input: null,
  turns: [],
  output: null,
  error: null,
  finishedAt: null,
  released: false,
  tokens: 0,
  at: 0,
  ranMs: 0,
}

/** The state after these entries. `texts` are their kept texts, for the hash of the last one. */
export function fold(state: RunState, entries: readonly Entry[], lastText: string | undefined): RunState {
  if (entries.length === 0 || lastText === undefined) return state
  return { ...entries.reduce(apply, state), hash: sha256(lastText) }
}

/** The state after one more entry. Says nothing about whether the entry was allowed: `next` and the operations see to that. */
export function apply(state: RunState, entry: Entry): RunState {
  const ranMs = state.input === null ? 0 : runningTime(state, entry.at)
  return { ...state, ...change(state, entry), seq: entry.seq, at: entry.at, ranMs }
}

function change(state: RunState, entry: Entry): Partial<RunState> {
  switch (entry.type) {
    case 'started':
      return { input: inputOf(entry) }
    case 'model-responded':
      return {
        turns: [...state.turns, { content: entry.content, text: entry.text, calls: [] }],
        released: false,
        tokens: state.tokens + (entry.usage.inputTokens ?? 0) + (entry.usage.outputTokens ?? 0),
      }
    case 'proposed':
      return { turns: propose(state.turns, entry) }
    case 'paused':
      return { status: 'PAUSED' }
    case 'answered':
    case 'decided':
      return { turns: decide(state.turns, entry.decisions) }
    case 'resumed':
      return { status: 'RUNNING', error: null, finishedAt: null, released: true }
    case 'call-started':
      return {
        turns: updateCall(state.turns, entry.callId, {
          startedAt: entry.at,
          startedSeq: entry.seq,
          startedFence: entry.fence,
          doubt: null,
        }),
      }
    case 'interrupted':
      return interrupt(state, entry)
    case 'call-finished':
      return {
        turns: updateCall(state.turns, entry.callId, {
          finishedAt: entry.at,
          outcome: entry.outcome,
          modelOutput: entry.modelOutput,
        }),
      }
    case 'child-started':
      return { turns: updateCall(state.turns, entry.callId, { startedAt: entry.at, childId: entry.childId }) }
    case 'completed':
      return { status: 'COMPLETED', output: entry.output, finishedAt: entry.at }
    case 'failed':
      return { status: 'FAILED', error: { code: entry.code, message: entry.message }, finishedAt: entry.at }
    case 'cancelled':
      return { status: 'CANCELLED', finishedAt: entry.at }
  }
}

const inputOf = ({ message, history, historyMessages, requestedBy }: EntryOf<'started'>): RunState['input'] => ({
  message,
  history,
  historyMessages,
  requestedBy,
})

function propose(turns: readonly Turn[], entry: EntryOf<'proposed'>): readonly Turn[] {
  const last = turns.at(-1)
  if (!last) return turns
  const calls = entry.calls.map(
    (proposed): Call => ({
      proposed,
      proposedAt: entry.at,
      decision: null,
      startedAt: null,
      startedSeq: null,
      startedFence: null,
      interruptions: 0,
      mayHaveHappened: false,
      doubt: null,
      childId: null,
      finishedAt: proposed.invalid === null ? null : entry.at,
      outcome: proposed.invalid === null ? null : { error: proposed.invalid },
      modelOutput: null,
    }),
  )
  return turns.with(-1, { ...last, calls })
}

/** Without an approval it is as if the attempt had not begun. */
function interrupt(
  { turns }: RunState,
  { callId, approvalId, didNotHappen }: EntryOf<'interrupted'>,
): Partial<RunState> {
  const before = turns.at(-1)?.calls.find(({ proposed }) => proposed.callId === callId)
  const cutOff = { interruptions: (before?.interruptions ?? 0) + 1, mayHaveHappened: !didNotHappen }
  if (approvalId === null) return { turns: updateCall(turns, callId, { ...cutOff, startedAt: null }) }
  const doubt = { approvalId, decision: null }
  return { turns: updateCall(turns, callId, { ...cutOff, doubt }), released: false }
}

const decide = (turns: readonly Turn[], decisions: readonly CallDecision[]): readonly Turn[] =>
  decisions.reduce((all, decision) => updateCall(all, decision.callId, decidedBy(all, decision)), turns)

/** A call in doubt is decided a second time: how it ended, or that it is made again. */
function decidedBy(turns: readonly Turn[], decision: CallDecision): Partial<Call> {
  const doubt = turns.at(-1)?.calls.find(({ proposed }) => proposed.callId === decision.callId)?.doubt
  if (!doubt) return { decision }
  const again = decision.verdict === 'APPROVED' && decision.outcome === null
  return { doubt: { ...doubt, decision }, ...(again && { startedAt: null }) }
}

/** Only calls of the last turn are ever decided or run. */
function updateCall(turns: readonly Turn[], id: CallId, changed: Partial<Call>): readonly Turn[] {
  const last = turns.at(-1)
  if (!last) return turns
  const calls = last.calls.map((call) => (call.proposed.callId === id ? { ...call, ...changed } : call))
  return turns.with(-1, { ...last, calls })
}

/** The calls of the model's last answer. */
export const presentCalls = (state: Pick<RunState, 'turns'>): readonly Call[] => state.turns.at(-1)?.calls ?? []

/** A call that waits for a person's word: before it is made, or on how it ended. */
export const isOpen = (call: Call): boolean => isUnallowed(call) || isInDoubt(call)

const isUnallowed = ({ proposed, decision }: Call): boolean =>
  proposed.gate !== null && decision === null && proposed.invalid === null

/** A call that was made, perhaps: nobody has said yet how it ended. */
export const isInDoubt = ({ doubt }: Call): boolean => doubt !== null && doubt.decision === null

/** The approval that an open call waits for. */
export const approvalIdFor = ({ proposed, doubt }: Call): ApprovalId | null => doubt?.approvalId ?? proposed.approvalId

/** Whether a person has a say in it. */
export const isGated = ({ proposed, doubt }: Call): boolean =>
  (proposed.gate !== null && proposed.invalid === null) || doubt !== null

/** A call that will not run any more: it has its outcome, or was decided against. */
export const isSettled = (call: Call): boolean =>
  call.outcome !== null || (call.decision !== null && call.decision.verdict !== 'APPROVED')

/** A call that was recorded as started here, and whose end is not on record. */
export const isUnderWay = (call: Call): boolean =>
  call.startedAt !== null && call.childId === null && call.doubt === null && !isSettled(call)

/** The runs that calls of the last answer began, and whose ends are not on record. */
export const openChildren = (state: Pick<RunState, 'turns'>): readonly RunId[] =>
  presentCalls(state).flatMap((call) => (call.childId !== null && !isSettled(call) ? [call.childId] : []))

/** The arguments a call runs with: as proposed or as its approver edited them, completed by what a person filled in. */
export const argumentsOf = ({ proposed, decision }: Call): JsonText => finalArguments(proposed.arguments, decision)

/** Whether an approver decides the call, by its record. */
export const isForApprover = (call: Call): boolean => isInDoubt(call) || call.proposed.gate?.approval === 'REQUIRED'

/** How long a run has been RUNNING, in ms. The clocks of two processes may differ a little. */
export const runningTime = ({ status, at, ranMs }: RunState, now: number): number =>
  status === 'RUNNING' ? ranMs + Math.max(0, now - at) : ranMs

/** How much of the prompt a run takes, in bytes. */
export const transcriptSize = ({ input, turns }: RunState): number =>
  turns.reduce(
    (sum, { content, calls }) => sum + byteLength(content) + calls.reduce((all, call) => all + sizeOf(call), 0),
    byteLength(input?.message ?? ''),
  )

const sizeOf = ({ outcome, modelOutput }: Call): number =>
  (outcome ? byteLength('result' in outcome ? outcome.result : outcome.error) : 0) +
  (modelOutput ? byteLength(modelOutput) : 0)
