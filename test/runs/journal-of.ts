import {
  approvalIdOf,
  type CallId,
  callId,
  childRunId,
  newRunId,
  principalId,
  reconciliationIdOf,
} from '../../src/ids.ts'
import { sha256, toJsonText } from '../../src/json.ts'
import { type Call, emptyState, fold, presentCalls, type RunState } from '../../src/runs/fold.ts'
import { type CallDecision, type Entry, type EntryBody, type ProposedCall, writeEntry } from '../../src/runs/journal.ts'
import { entryAfter } from '../../src/runs/lease.ts'
import type { Surroundings } from '../../src/runs/next.ts'
import type { ApprovalRecord, ExpiryAction, Resolution, RunRecord } from '../../src/store/records.ts'

export const runId = newRunId()
export const requester = principalId('rita')
export const approver = principalId('anna')

/** `valid` needs nobody, `plain` the requester, `required` an approver; `invalid` never runs. */
export type CallKind = 'valid' | 'plain' | 'required' | 'invalid'

/** A call as the model's answer before it proposes it; `seq` is the place of its `proposed` entry. */
export function proposedCall(
  kind: CallKind,
  index = 0,
  { seq = 3, expiresAt = null as number | null, onExpiry = 'EXPIRE' as ExpiryAction } = {},
): ProposedCall {
  const id = callId(runId, seq, index)
  const gate = { pause: 'CONFIRMATION' as const, approval: kind === 'required' ? ('REQUIRED' as const) : null }
  return {
    callId: id,
    providerCallId: `p${index}`,
    toolName: `${kind}_tool`,
    arguments: toJsonText({ index }),
    sensitive: [],
    inputSchema: kind === 'invalid' ? null : 'digest',
    fingerprint: kind === 'invalid' ? null : sha256(id),
    gate: kind === 'plain' || kind === 'required' ? gate : null,
    when: 'not-asked',
    answerSchema: null,
    approvalId: kind === 'required' ? approvalIdOf(id) : null,
    expiresAt,
    remindAt: [],
    onExpiry,
    invalid: kind === 'invalid' ? 'The arguments are invalid.' : null,
  }
}

export const started: EntryBody = {
  type: 'started',
  tenant: 'default',
  agentName: 'agent',
  requestedBy: requester,
  message: 'Do it',
  history: [],
  historyMessages: 0,
}
const nothingReported: { inputTokens: number | null; outputTokens: number | null } = {
  inputTokens: null,
  outputTokens: null,
}
export const responded = (text: string | null = null, usage = nothingReported): EntryBody => ({
  type: 'model-responded',
  content: toJsonText(text === null ? [] : [{ type: 'text', text }]),
  text,
  usage,
})
export const proposed = (...calls: ProposedCall[]): EntryBody => ({ type: 'proposed', calls })
export const paused: EntryBody = { type: 'paused' }
export const resumed: EntryBody = { type: 'resumed' }
export const callStarted = (id: CallId): EntryBody => ({ type: 'call-started', callId: id })
export const callFinished = (id: CallId, outcome: 'result' | 'error' = 'result'): EntryBody => ({
  type: 'call-finished',
  callId: id,
  outcome: outcome === 'result' ? { result: toJsonText('done') } : { error: 'It failed.' },
  modelOutput: null,
})
/** Somebody is asked about the attempt that the entry at `startedSeq` began. */
export const inDoubt = (id: CallId, startedSeq: number): EntryBody => ({
  type: 'interrupted',
  callId: id,
  approvalId: reconciliationIdOf(id, startedSeq),
  didNotHappen: false,
})
/** It may be made again: its tool does it once, or says that it did not happen. */
export const interrupted = (id: CallId, didNotHappen = false): EntryBody => ({
  type: 'interrupted',
  callId: id,
  approvalId: null,
  didNotHappen,
})
export const childStarted = (id: CallId): EntryBody => ({
  type: 'child-started',
  callId: id,
  childId: childRunId(id),
})
export const decision = (id: CallId, verdict: CallDecision['verdict'], more: Partial<CallDecision> = {}) => ({
  callId: id,
  verdict,
  by: approver,
  message: null,
  note: null,
  arguments: null,
  values: null,
  outcome: null,
  revision: 2,
  ...more,
})
export const decided = (...decisions: CallDecision[]): EntryBody => ({ type: 'decided', decisions })
export const answered = (...decisions: CallDecision[]): EntryBody => ({ type: 'answered', by: requester, decisions })
export const completed = (output = 'Done.'): EntryBody => ({ type: 'completed', output })
export const failed = (code: 'MODEL_ERROR' | 'INTERNAL'): EntryBody => ({ type: 'failed', code, message: 'It broke.' })
export const cancelled: EntryBody = { type: 'cancelled', by: requester, reason: null }

/** The entries these bodies make, one after the other; the n-th is written at n seconds. */
export function entriesOf(...bodies: EntryBody[]): Entry[] {
  let place: Pick<RunState, 'seq' | 'hash'> = { seq: 0, hash: '' }
  return bodies.map((body) => {
    const entry = entryAfter(place, { id: runId, fence: 1 }, (place.seq + 1) * 1_000, body)
    place = { seq: entry.seq, hash: sha256(writeEntry(entry).text) }
    return entry
  })
}

export function foldAll(entries: readonly Entry[], from: RunState = emptyState): RunState {
  const last = entries.at(-1)
  return fold(from, entries, last && writeEntry(last).text)
}

export const stateOf = (...bodies: EntryBody[]): RunState => foldAll(entriesOf(...bodies))

/** The run after its model asked for these calls. */
export const stateAfterTurn = (calls: readonly ProposedCall[], ...more: EntryBody[]): RunState =>
  stateOf(started, responded(), proposed(...calls), ...more)

export const callOf = (state: RunState, index = 0): Call => {
  const call = presentCalls(state)[index]
  if (!call) throw new Error(`There is no call ${index}.`)
  return call
}

export function approvalFor(call: ProposedCall, status: ApprovalRecord['status'] = 'PENDING'): ApprovalRecord {
  if (call.approvalId === null) throw new Error('The call has no approval.')
  return {
    v: 1,
    id: call.approvalId,
    tenant: 'default',
    runId,
    callId: call.callId,
    agentName: 'agent',
    path: ['agent'],
    toolName: call.toolName,
    toolDescription: null,
    inputSchema: toJsonText({}),
    kind: 'CONFIRMATION',
    type: 'REQUIRED',
    arguments: call.arguments,
    sensitive: [],
    fingerprint: call.fingerprint ?? '',
    answerSchema: toJsonText({}),
    requestedBy: requester,
    createdAt: 3_000,
    expiresAt: call.expiresAt,
    remindAt: [],
    status,
    revision: status === 'PENDING' ? 1 : 2,
    updatedAt: 3_000,
    due: null,
    resolution: status === 'PENDING' ? null : resolution(status),
    unheard: status !== 'PENDING',
    history: [],
  }
}

/** The question about the attempt of a call that the entry at `startedSeq` began. */
export const reconciliationFor = (
  call: ProposedCall,
  startedSeq: number,
  status: ApprovalRecord['status'] = 'PENDING',
  more: Partial<Resolution> = {},
): ApprovalRecord => ({
  ...approvalFor({ ...call, approvalId: reconciliationIdOf(call.callId, startedSeq), expiresAt: null }, status),
  kind: 'RECONCILIATION',
  ...(status !== 'PENDING' && { resolution: resolution(status, more) }),
})

export const resolution = (status: Resolution['status'], more: Partial<Resolution> = {}): Resolution => ({
  status,
  cause: status === 'EXPIRED' ? 'DEADLINE' : status === 'CANCELLED' ? 'CANCELLATION' : 'DECISION',
  by: status === 'EXPIRED' || status === 'CANCELLED' ? null : approver,
  at: 4_000,
  decisionId: 'd1',
  note: null,
  message: null,
  arguments: null,
  fingerprint: null,
  values: null,
  outcome: null,
  ...more,
})

/** Nothing under way, nothing asked for. */
export function around(
  changes: Partial<Omit<Surroundings, 'approvals' | 'children'>> & {
    approvals?: ApprovalRecord[]
    children?: RunRecord[]
  } = {},
): Surroundings {
  const { approvals = [], children = [], ...rest } = changes
  return {
    cancelRequested: null,
    resumeMode: 'AUTOMATIC',
    outer: null,
    running: new Set(),
    budget: null,
    now: 10_000,
    ...rest,
    approvals: new Map(approvals.map((record) => [record.id, record])),
    children: new Map(children.map((child) => [child.id, child])),
  }
}

export const runRecord = (changes: Partial<RunRecord> = {}): RunRecord => ({
  v: 1,
  id: runId,
  tenant: 'default',
  agentName: 'agent',
  sessionId: 'ses_1',
  requestedBy: requester,
  parent: null,
  path: ['agent'],
  resumeMode: 'AUTOMATIC',
  message: 'Do it',
  metadata: null,
  inputHash: null,
  createdAt: 1_000,
  status: 'RUNNING',
  output: null,
  error: null,
  updatedAt: 1_000,
  finishedAt: null,
  gated: false,
  seq: 1,
  fence: 1,
  lease: { owner: 'me', until: 100_000 },
  signals: 0,
  due: null,
  cancelRequested: null,
  ...changes,
})

/** The run that a call of an agent began. */
export const childOf = (call: ProposedCall, changes: Partial<RunRecord> = {}): RunRecord =>
  runRecord({
    id: childRunId(call.callId),
    parent: { runId, callId: call.callId },
    path: ['agent', 'inner'],
    ...changes,
  })
