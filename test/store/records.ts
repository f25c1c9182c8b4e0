import { type ApprovalId, approvalIdOf, callId, newKeyId, newRunId, type PrincipalId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import type { ApprovalRecord, EntryRecord, KeyRecord, Resolution, RunHead, RunRecord } from '../../src/store/records.ts'
import type { Step, Store } from '../../src/store/store.ts'

// Records to write in tests; what a test is about is given, the rest is filled in.

export const alice = 'prn_alice' as PrincipalId
export const bob = 'prn_bob' as PrincipalId
export const admin = 'prn_admin' as PrincipalId

export const running: RunHead = {
  status: 'RUNNING',
  output: null,
  error: null,
  updatedAt: 1_000,
  finishedAt: null,
  gated: false,
}
export const completed: RunHead = { ...running, status: 'COMPLETED', output: 'done', finishedAt: 2_000 }

export function aRun(given: Partial<RunRecord> = {}): RunRecord {
  const id = given.id ?? newRunId()
  return {
    v: 1,
    ...running,
    id,
    tenant: 'acme',
    agentName: 'support',
    sessionId: `session of ${id}`,
    requestedBy: alice,
    parent: null,
    path: [given.agentName ?? 'support'],
    resumeMode: 'AUTOMATIC',
    message: 'Delete the data of user 42.',
    metadata: null,
    inputHash: null,
    createdAt: 1_000,
    seq: 1,
    fence: 0,
    lease: null,
    signals: 0,
    due: 1_000,
    cancelRequested: null,
    ...given,
  }
}

export const anEntry = (run: RunRecord, seq: number, text = `{"seq":${seq}}`): EntryRecord => ({
  runId: run.id,
  seq,
  text,
})

/** The approval of the `index`th call of the entry at `seq`. */
export function anApproval(run: RunRecord, given: Partial<ApprovalRecord> = {}, seq = 2, index = 0): ApprovalRecord {
  const call = callId(run.id, seq, index)
  return {
    v: 1,
    id: approvalIdOf(call),
    tenant: run.tenant,
    runId: run.id,
    callId: call,
    agentName: run.agentName,
    path: run.path,
    toolName: 'delete_user_data',
    toolDescription: 'Permanently delete all data for a user.',
    inputSchema: toJsonText({ type: 'object' }),
    kind: 'CONFIRMATION',
    type: 'REQUIRED',
    arguments: toJsonText({ userId: '42' }),
    sensitive: [],
    fingerprint: 'f1',
    answerSchema: toJsonText({ type: 'object' }),
    requestedBy: run.requestedBy,
    createdAt: 1_000,
    expiresAt: null,
    remindAt: [],
    status: 'PENDING',
    revision: 1,
    updatedAt: 1_000,
    due: null,
    resolution: null,
    unheard: false,
    history: [{ revision: 1, at: 1_000, by: null, action: 'PROPOSED', note: null }],
    ...given,
  }
}

export const aResolution = (given: Partial<Resolution> = {}): Resolution => ({
  status: 'APPROVED',
  cause: 'DECISION',
  by: admin,
  at: 3_000,
  decisionId: 'd1',
  note: 'looks right',
  message: null,
  arguments: null,
  fingerprint: null,
  values: null,
  outcome: null,
  ...given,
})

/** A step of the run as it stands, with one entry. */
export const aStep = (run: RunRecord, given: Partial<Step> = {}): Step => ({
  runId: run.id,
  fence: run.fence,
  seq: run.seq,
  entries: [anEntry(run, run.seq + 1)],
  head: running,
  propose: [],
  start: [],
  signal: [],
  heard: [],
  cancelPending: null,
  release: null,
  ...given,
})

export const lease = (now: number, owner = 'worker 1') => ({ owner, now, until: now + 100 })

export async function started(store: Store, given: Partial<RunRecord> = {}): Promise<RunRecord> {
  const run = aRun(given)
  await store.runs.create(run, anEntry(run, run.seq))
  return run
}

export async function claimed(store: Store, given: Partial<RunRecord> = {}): Promise<RunRecord> {
  const run = await started(store, given)
  const taken = await store.runs.claimOrSignal(run.id, lease(1_000))
  if (taken === null) throw new Error('a new run was not to be had')
  return taken
}

/** A run with these approvals pending, paused and let go. */
export async function paused(
  store: Store,
  run: Partial<RunRecord> = {},
  ...approvals: Partial<ApprovalRecord>[]
): Promise<{ run: RunRecord; ids: ApprovalId[] }> {
  const taken = await claimed(store, run)
  const propose = (approvals.length === 0 ? [{}] : approvals).map((given, index) => anApproval(taken, given, 2, index))
  const head: RunHead = { ...running, status: 'PAUSED', gated: true }
  const after = await store.runs.step(aStep(taken, { head, propose, release: { signals: taken.signals, due: null } }))
  if (after === null) throw new Error('the pause was not written')
  return { run: after, ids: propose.map(({ id }) => id) }
}

export function aKey(given: Partial<KeyRecord> = {}): KeyRecord {
  const id = given.id ?? newKeyId()
  return {
    id,
    tenant: 'acme',
    principal: `prn_${id}` as PrincipalId,
    name: 'nightly import',
    roles: ['REQUESTER', 'APPROVER'],
    hash: '0123456789abcdef'.repeat(4),
    createdAt: 1_000,
    createdBy: null,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    actsForOthers: false,
    ...given,
  }
}
