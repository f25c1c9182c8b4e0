import type { ApprovalId, CallId, KeyId, PrincipalId, RunId } from '../ids.ts'
import type { JsonText } from '../json.ts'
import type { SensitivePath } from '../sensitive.ts'

// What is kept, as both stores keep it. Times are milliseconds since 1970 (UTC), by the store's clock.
// What a model, a tool or a person supplied is a JsonText and never a sub-document.

export const runStatuses = ['RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED'] as const
export type RunStatus = (typeof runStatuses)[number]
export const isOver = (status: RunStatus): boolean => status !== 'RUNNING' && status !== 'PAUSED'
export const resumeModes = ['AUTOMATIC', 'MANUAL'] as const
export type ResumeMode = (typeof resumeModes)[number]

export const failureCodes = [
  'MODEL_ERROR',
  'STORE_ERROR',
  'TOOL_MISSING',
  'TAMPERED',
  'LIMIT_EXCEEDED',
  'TIMED_OUT',
  'OUTCOME_UNKNOWN',
  'INTERNAL',
] as const
/** Why a run failed. Runs that failed with MODEL_ERROR or STORE_ERROR can be continued. */
export type FailureCode = (typeof failureCodes)[number]
export type RunFailure = { readonly code: FailureCode; readonly message: string }

/** The part of a run's record that follows from its journal. */
export type RunHead = {
  readonly status: RunStatus
  readonly output: string | null
  readonly error: RunFailure | null
  readonly updatedAt: number
  readonly finishedAt: number | null
  /** Whether an approval was ever proposed: approvers see such runs. */
  readonly gated: boolean
}

/** `by` is null where no person did it. `actor` is the service that did it for them; missing when they did it themselves. */
type Doer = { readonly by: PrincipalId | null; readonly actor?: PrincipalId }

/** `by` is null where no person asked for it: a deadline passed, or the run that asked is over. */
export type CancelRequest = Doer & { readonly at: number; readonly reason: string | null }

export type RunRecord = RunHead & {
  readonly v: 1
  readonly id: RunId
  readonly tenant: string
  readonly agentName: string
  readonly sessionId: string
  /** Whoever started it, or the outermost of the runs that asked for it. */
  readonly requestedBy: PrincipalId
  /** The call of another run that began it, for an agent that is another's tool; null for a run that somebody started. */
  readonly parent: { readonly runId: RunId; readonly callId: CallId } | null
  /** The agents from the outermost run's to its own, by name. */
  readonly path: readonly string[]
  readonly resumeMode: ResumeMode
  readonly message: string
  readonly metadata: JsonText | null
  /** SHA-256 of what was asked for, when an idempotency key came with it; else null. */
  readonly inputHash: string | null
  readonly createdAt: number
  /** The last journal entry's place. */
  readonly seq: number
  /** Raised each time the lease is taken: what an earlier holder still writes does not match. */
  readonly fence: number
  readonly lease: { readonly owner: string; readonly until: number } | null
  /** Counts the wake-ups, so that a holder who lets go can tell whether one came since it last looked. */
  readonly signals: number
  /** When a worker should look at the run next; null while it waits for a person. */
  readonly due: number | null
  readonly cancelRequested: CancelRequest | null
}

/** A journal entry as it is kept: its JSON text is what the next entry's `prev` is the hash of. */
export type EntryRecord = { readonly runId: RunId; readonly seq: number; readonly text: string }

/** @throws Error when the entries do not stand at the run's places after `seq`, one by one: a mistake in the caller's program. */
export function checkPlaces(runId: RunId, seq: number, entries: readonly EntryRecord[]): void {
  const stray = entries.findIndex((entry, index) => entry.runId !== runId || entry.seq !== seq + 1 + index)
  if (stray >= 0) throw new Error(`Entry ${stray} of a write does not stand at place ${seq + 1 + stray} of ${runId}`)
}

/** A finished run of the session, up to its last entry: the prompt is built from these, also by a later owner. */
export type HistoryRef = { readonly runId: RunId; readonly seq: number }

export const approvalStatuses = ['PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'] as const
export type ApprovalStatus = (typeof approvalStatuses)[number]
export type ResolvedStatus = Exclude<ApprovalStatus, 'PENDING'>
export const approvalTypes = ['REQUIRED', 'AUDIT'] as const
export type ApprovalType = (typeof approvalTypes)[number]
export const pauseKinds = ['CONFIRMATION', 'USER_INPUT', 'EXTERNAL_EXECUTION', 'RECONCILIATION'] as const
export type PauseKind = (typeof pauseKinds)[number]
/** What becomes of a run one of whose approvals nobody decided in time: the model is told and goes on, or it is cancelled. */
export const expiryActions = ['EXPIRE', 'CANCEL_RUN'] as const
export type ExpiryAction = (typeof expiryActions)[number]
export type ResolutionCause = 'DECISION' | 'DEADLINE' | 'CANCELLATION'
export type ApprovalAction = 'PROPOSED' | 'REMINDED' | 'REVEALED' | ResolvedStatus

export type Resolution = Doer & {
  readonly status: ResolvedStatus
  readonly cause: ResolutionCause
  readonly at: number
  /** Names this one attempt to decide: whoever reads it back knows its own win. */
  readonly decisionId: string
  /** For people. */
  readonly note: string | null
  /** Told to the model when rejected. */
  readonly message: string | null
  /** The call as the approver edited it, and the fingerprint of that; null when it runs as proposed. */
  readonly arguments: JsonText | null
  readonly fingerprint: string | null
  readonly values: JsonText | null
  /** What happened elsewhere, for an external execution or a reconciliation. */
  readonly outcome: { readonly result: JsonText } | { readonly error: string } | null
}

export type ApprovalChange = Doer & {
  readonly revision: number
  readonly at: number
  readonly action: ApprovalAction
  readonly note: string | null
}

/** What a resolution adds to the history. */
export const changeOf = ({ at, status, note, ...doer }: Resolution) => ({ at, ...doerOf(doer), action: status, note })

/** Without a member for what is not there. */
export const doerOf = <By extends PrincipalId | null>({
  by,
  actor,
}: {
  readonly by: By
  readonly actor?: PrincipalId | undefined
}): Doer & { readonly by: By } => (actor == null ? { by } : { by, actor })

export type ApprovalRecord = {
  readonly v: 1
  readonly id: ApprovalId
  readonly tenant: string
  readonly runId: RunId
  readonly callId: CallId
  readonly agentName: string
  /** Its run's. */
  readonly path: readonly string[]
  readonly toolName: string
  readonly toolDescription: string | null
  readonly inputSchema: JsonText
  readonly kind: PauseKind
  readonly type: ApprovalType
  readonly arguments: JsonText
  /** What of the arguments was not to be shown when the call was proposed. */
  readonly sensitive: readonly SensitivePath[]
  readonly fingerprint: string
  readonly answerSchema: JsonText
  readonly requestedBy: PrincipalId
  readonly createdAt: number
  readonly expiresAt: number | null
  /** When it is reminded of, in order; all before `expiresAt`. */
  readonly remindAt: readonly number[]
  // What a decision changes:
  readonly status: ApprovalStatus
  /** 1 at creation, one more with every change. */
  readonly revision: number
  readonly updatedAt: number
  /** While it is PENDING, when something is to be done about it next: the next reminder, or the deadline. Else null. */
  readonly due: number | null
  readonly resolution: Resolution | null
  /** Decided, and the run's journal does not say so yet. */
  readonly unheard: boolean
  readonly history: readonly ApprovalChange[]
}

export type PrincipalRecord = { readonly tenant: string; readonly id: PrincipalId; readonly name: string | null }

export const roles = ['REQUESTER', 'APPROVER', 'AUDITOR', 'ADMIN'] as const
export type Role = (typeof roles)[number]

/** An API key, by which a program or a person is known. The key itself is not kept, and does not follow from what is. */
export type KeyRecord = {
  readonly id: KeyId
  readonly tenant: string
  /** Whom it makes its bearer. */
  readonly principal: PrincipalId
  readonly name: string
  readonly roles: readonly Role[]
  /** SHA-256 of the whole key, in hex. It has 256 random bits: there is nothing that a slow hash would protect. */
  readonly hash: string
  readonly createdAt: number
  /** Null for one that was made by the command line. */
  readonly createdBy: PrincipalId | null
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  /** To within a minute. */
  readonly lastUsedAt: number | null
  /** Whether its bearer asks for others, and says for whom each time. */
  readonly actsForOthers: boolean
}
