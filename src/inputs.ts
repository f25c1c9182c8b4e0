import type { ResumeMode } from './store/records.ts'

// What the operations take: the shapes of the GraphQL inputs, the same without HTTP. Ids are strings as the caller gave them.

export type StartRunInput = {
  readonly agentName: string
  readonly message: string
  /** Earlier runs of the session are the conversation so far; a new id begins a session. */
  readonly sessionId?: string | null
  readonly metadata?: unknown
  /** Default AUTOMATIC. */
  readonly resumeMode?: ResumeMode
  /** The same key and input again give the first run. */
  readonly idempotencyKey?: string | null
  /** How long to wait for the run to pause or end, 0 to 30,000 ms. Default 0. */
  readonly waitMs?: number
}

export type ContinueRunInput = {
  readonly runId: string
  readonly answers?: readonly AnswerInput[] | null
  readonly waitMs?: number
}
export type AnswerInput = { readonly callId: string; readonly decision: DecisionInput; readonly note?: string | null }
export type CancelRunInput = { readonly runId: string; readonly reason?: string | null }

/** Exactly one of the three. */
export type DecisionInput = {
  readonly approve?: ApproveInput | null
  readonly reject?: { readonly message?: string | null } | null
  readonly reconcile?: ReconcileInput | null
}
export type ApproveInput = {
  readonly arguments?: unknown
  readonly values?: unknown
  readonly outcome?: CallOutcomeInput | null
}
export type ReconcileInput = {
  readonly happened?: CallOutcomeInput | null
  readonly runAgain?: { readonly confirm: boolean } | null
}
export type CallOutcomeInput = {
  readonly success?: { readonly result?: unknown } | null
  readonly failure?: { readonly message: string } | null
}

export type RevealArgumentInput = {
  readonly approvalId: string
  /** Where it stands in the arguments, from the outside in; an element of a list by its index. */
  readonly path: readonly string[]
  /** As it was proposed, also after somebody edited it. Default false. */
  readonly proposed?: boolean
}

export type ResolveApprovalInput = {
  readonly approvalId: string
  /** Default PENDING; nothing else can be resolved. */
  readonly expectedStatus?: string
  readonly expectedFingerprint?: string | null
  readonly expectedRevision?: number | null
  readonly decision: DecisionInput
  readonly note?: string | null
  /** A retry after a lost answer gets the first answer again. */
  readonly idempotencyKey?: string | null
}
