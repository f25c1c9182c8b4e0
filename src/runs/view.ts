import type { Agent } from '../agents/agent.ts'
import { noAnswer } from '../approvals/approval.ts'
import { sensitiveOf, shownDecision, shownOutcome } from '../approvals/shown.ts'
import type { ApprovalId, CallId, RunId } from '../ids.ts'
import type { JsonText } from '../json.ts'
import { type JsonObject, type JsonValue, readJson, readJsonObject } from '../json.ts'
import { hidingOf, type SensitivePath } from '../sensitive.ts'
import type { ApprovalType, PauseKind, RunRecord, RunStatus } from '../store/records.ts'
import { isOver } from '../store/records.ts'
import {
  approvalIdFor,
  argumentsOf,
  type Call,
  isForApprover,
  isInDoubt,
  isOpen,
  presentCalls,
  type RunState,
} from './fold.ts'
import type { CallDecision } from './journal.ts'
import type { PausedRun } from './paused-tree.ts'

export const toolCallStatuses = [
  'WAITING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'REJECTED',
  'EXPIRED',
  'CANCELLED',
  'UNKNOWN',
] as const
export type ToolCallStatus = (typeof toolCallStatuses)[number]

/** A tool call as people see it: what is sensitive of it is hidden. */
export type ToolCall = {
  readonly id: CallId
  readonly runId: RunId
  readonly toolName: string
  readonly arguments: JsonText
  readonly sensitive: readonly SensitivePath[]
  readonly status: ToolCallStatus
  readonly result: JsonText | null
  readonly error: string | null
  readonly approvalId: ApprovalId | null
  /** The run that it began, for a call of an agent. */
  readonly childId: RunId | null
  readonly startedAt: number | null
  readonly finishedAt: number | null
}

/** Something the run waits for a person to say. */
export type Requirement = {
  readonly callId: CallId
  /** The agents from the outermost run's to the one that asked for the call. */
  readonly path: readonly string[]
  readonly kind: PauseKind
  /** Who decides: this, and never the absence of an approval. */
  readonly decider: 'REQUESTER' | 'APPROVER'
  readonly approvalType: ApprovalType | null
  readonly toolCall: ToolCall
  readonly answerSchema: JsonObject
  readonly approvalId: ApprovalId | null
}

type Agents = ReadonlyMap<string, Agent>
type OfRun = Pick<RunRecord, 'id' | 'agentName'>

export function toolCall(agents: Agents, { id: runId, agentName }: OfRun, run: RunStatus, call: Call): ToolCall {
  const { proposed } = call
  const sensitive = sensitiveOf(agents, { agentName, toolName: proposed.toolName, sensitive: proposed.sensitive })
  const isInvalid = proposed.invalid !== null && sensitive.length > 0
  // In what does not fit the schema the values may stand anywhere.
  const hiding = hidingOf(isInvalid ? [['*']] : sensitive, proposed.arguments, argumentsOf(call))
  const outcome = isInvalid ? { error: invalidShown } : shownOutcome(call.outcome, hiding)
  return {
    id: proposed.callId,
    runId,
    toolName: proposed.toolName,
    arguments: hiding.arguments(argumentsOf(call)),
    sensitive,
    status: statusOf(run, call),
    result: outcome && 'result' in outcome ? outcome.result : null,
    error: outcome && 'error' in outcome ? outcome.error : null,
    approvalId: proposed.approvalId,
    childId: call.childId,
    startedAt: call.startedAt,
    finishedAt: call.finishedAt,
  }
}

/** What was decided on a call, as people see it. */
export function callDecision(agents: Agents, { agentName }: OfRun, { proposed }: Call, decision: CallDecision) {
  const { toolName, sensitive } = proposed
  const hidden = sensitiveOf(agents, { agentName, toolName, sensitive })
  return shownDecision(decision, hidingOf(hidden, proposed.arguments, decision.arguments, decision.values))
}

/** What is wrong with them may quote them. */
const invalidShown = 'The arguments are invalid. What is wrong with them was told to the model, and is hidden here.'

export function statusOf(run: RunStatus, call: Call): ToolCallStatus {
  const { outcome, decision, startedAt, childId, mayHaveHappened } = call
  if (outcome) return 'result' in outcome ? 'SUCCEEDED' : 'FAILED'
  if (isInDoubt(call)) return 'UNKNOWN'
  const against = decision !== null && decision.verdict !== 'APPROVED' ? decision.verdict : null
  // That it is not made again says nothing about the first time.
  if (mayHaveHappened && (against !== null || isOver(run))) return 'UNKNOWN'
  if (against !== null) return against
  if (startedAt !== null && !isOver(run)) return 'RUNNING'
  // How the run of an agent ended says that run.
  if (startedAt !== null && childId === null) return 'UNKNOWN'
  return isOver(run) ? 'CANCELLED' : 'WAITING'
}

/** All calls of a run, in the order the model asked for them. */
export const toolCalls = (agents: Agents, run: OfRun, state: RunState): ToolCall[] =>
  state.turns.flatMap(({ calls }) => calls.map((call) => toolCall(agents, run, state.status, call)))

/** What a run waits for now, itself and in the agents it asked (see `pausedTree`): nothing unless it is paused. */
export const requirements = (agents: Agents, tree: readonly PausedRun[]): Requirement[] =>
  tree.flatMap(({ run, state }) =>
    state.status !== 'PAUSED'
      ? []
      : presentCalls(state)
          .filter(isOpen)
          .map((call) => requirement(agents, run, state.status, call)),
  )

function requirement(agents: Agents, run: RunRecord, status: RunStatus, call: Call): Requirement {
  const { callId, gate, answerSchema } = call.proposed
  const shown = { callId, path: run.path, toolCall: toolCall(agents, run, status, call) }
  if (isInDoubt(call)) {
    const asked = { kind: 'RECONCILIATION', decider: 'APPROVER', approvalType: 'REQUIRED', answerSchema: {} } as const
    return { ...shown, ...asked, approvalId: approvalIdFor(call) }
  }
  return {
    ...shown,
    kind: gate?.pause ?? 'CONFIRMATION',
    decider: isForApprover(call) ? 'APPROVER' : 'REQUESTER',
    approvalType: gate?.approval ?? null,
    answerSchema: answerSchema === null ? noAnswer : readJsonObject(answerSchema),
    approvalId: isForApprover(call) ? approvalIdFor(call) : null,
  }
}

export const jsonOrNull = (text: JsonText | null): JsonValue => (text === null ? null : readJson(text))
