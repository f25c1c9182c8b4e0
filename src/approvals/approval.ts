import type { ApprovalId, CallId } from '../ids.ts'
import { type JsonObject, type JsonText, toJsonText } from '../json.ts'
import type { SensitivePath } from '../sensitive.ts'
import {
  type ApprovalRecord,
  type ApprovalType,
  changeOf,
  type PauseKind,
  type Resolution,
  type RunRecord,
} from '../store/records.ts'

/** What a record takes from the call it is about. */
export type ProposedFor = {
  readonly callId: CallId
  readonly approvalId: ApprovalId
  readonly toolName: string
  readonly toolDescription: string | null
  readonly inputSchema: JsonText
  readonly kind: PauseKind
  readonly type: ApprovalType
  readonly arguments: JsonText
  readonly sensitive: readonly SensitivePath[]
  readonly fingerprint: string
  readonly answerSchema: JsonText | null
  readonly expiresAt: number | null
  readonly remindAt: readonly number[]
  /** When it was proposed. */
  readonly at: number
}

/** A confirmation carries neither values nor a result. */
export const noAnswer: JsonObject = Object.freeze({ type: 'object', properties: {}, additionalProperties: false })

export function pendingApproval(
  { id: runId, tenant, agentName, path, requestedBy }: RunRecord,
  { approvalId, answerSchema, at, ...call }: ProposedFor,
): ApprovalRecord {
  return {
    v: 1,
    id: approvalId,
    tenant,
    runId,
    agentName,
    path,
    requestedBy,
    ...call,
    answerSchema: answerSchema ?? toJsonText(noAnswer),
    createdAt: at,
    status: 'PENDING',
    revision: 1,
    updatedAt: at,
    due: call.remindAt[0] ?? call.expiresAt,
    resolution: null,
    unheard: false,
    history: [{ revision: 1, at, by: requestedBy, action: 'PROPOSED', note: null }],
  }
}

/** What the requester answered, written down with the answer: never pending, and heard already. */
export function auditRecord(run: RunRecord, call: ProposedFor, resolution: Resolution): ApprovalRecord {
  const { status, at } = resolution
  const proposed = pendingApproval(run, call)
  const change = { revision: 2, ...changeOf(resolution) }
  return {
    ...proposed,
    status,
    revision: 2,
    createdAt: at,
    updatedAt: at,
    due: null,
    resolution,
    history: [...proposed.history, change],
  }
}
