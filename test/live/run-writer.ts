import { approvalIdOf, callId, newRunId, type PrincipalId, reconciliationIdOf } from '../../src/ids.ts'
import { sha256, toJsonText } from '../../src/json.ts'
import { emptyState, fold, type RunState } from '../../src/runs/fold.ts'
import { type Entry, type EntryBody, type ProposedCall, writeEntry } from '../../src/runs/journal.ts'
import type { ApprovalRecord, Resolution, ResolvedStatus, RunRecord } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { approver, requester } from './people.ts'

/** Writes a run's journal as its holder would. */
export type RunWriter = {
  readonly id: RunRecord['id']
  readonly run: () => RunRecord
  readonly state: () => RunState
  append(...bodies: EntryBody[]): Promise<void>
  /** The model asks for as many calls of a gated tool: each with its pending approval, and the run is paused. */
  propose(count: number, of?: Partial<ApprovalRecord>): Promise<ApprovalRecord[]>
  /** The call of an approval, begun by the last entry, was cut off: somebody is asked about it, and the run is paused. */
  doubt(approval: ApprovalRecord): Promise<ApprovalRecord>
}

export async function startRun(store: Store, of: Partial<RunRecord> = {}): Promise<RunWriter> {
  const id = newRunId()
  const at = store.now()
  let run: RunRecord = {
    v: 1,
    id,
    tenant: 'default',
    agentName: 'support',
    sessionId: `session of ${id}`,
    requestedBy: requester.id,
    parent: null,
    path: ['support'],
    resumeMode: 'AUTOMATIC',
    message: 'Hello',
    metadata: null,
    inputHash: null,
    createdAt: at,
    seq: 1,
    fence: 0,
    lease: null,
    signals: 0,
    due: null,
    cancelRequested: null,
    status: 'RUNNING',
    output: null,
    error: null,
    updatedAt: at,
    finishedAt: null,
    gated: false,
    ...of,
  }
  const { tenant, agentName, requestedBy, message } = run
  let state = emptyState

  const entriesOf = (bodies: readonly EntryBody[]) => {
    const written: { entry: Entry; text: string }[] = []
    for (const body of bodies) {
      const last = written.at(-1)
      const prev = last ? sha256(last.text) : state.hash
      const seq = state.seq + written.length + 1
      const entry: Entry = {
        v: 1,
        runId: id,
        seq,
        at: store.now(),
        fence: run.fence,
        nonce: `nonce ${seq}`,
        prev,
        ...body,
      }
      written.push({ entry, text: writeEntry(entry).text })
    }
    return {
      records: written.map(({ entry }) => writeEntry(entry)),
      after: fold(
        state,
        written.map(({ entry }) => entry),
        written.at(-1)?.text,
      ),
    }
  }

  const step = async (bodies: readonly EntryBody[], propose: readonly ApprovalRecord[] = []) => {
    const { records, after } = entriesOf(bodies)
    const { status, output, error, finishedAt } = after
    const head = { status, output, error, finishedAt, updatedAt: store.now(), gated: run.gated || propose.length > 0 }
    const rest = { start: [], signal: [], heard: [], cancelPending: null, release: null }
    const written = await store.runs.step({
      runId: id,
      fence: run.fence,
      seq: state.seq,
      entries: records,
      head,
      propose,
      ...rest,
    })
    if (!written) throw new Error('Somebody else wrote this run.')
    run = written
    state = after
  }

  const first = entriesOf([
    { type: 'started', tenant, agentName, requestedBy, message, history: [], historyMessages: 0 },
  ])
  const [started] = first.records
  if (!started) throw new Error('There is no first entry.')
  await store.runs.create(run, started)
  state = first.after

  return {
    id,
    run: () => run,
    state: () => state,
    append: (...bodies) => step(bodies),
    async propose(count, of = {}) {
      const seq = state.seq + 1
      const approvals = Array.from(
        { length: count },
        (_, index): ApprovalRecord => ({ ...pendingApproval(run, seq, index, store.now()), ...of }),
      )
      await step([answer(null), { type: 'proposed', calls: approvals.map(callOf) }, { type: 'paused' }], approvals)
      return approvals
    },
    async doubt({ callId: call, ...approval }) {
      const asked: ApprovalRecord = {
        ...approval,
        callId: call,
        id: reconciliationIdOf(call, state.seq),
        kind: 'RECONCILIATION',
      }
      const entry = { type: 'interrupted' as const, callId: call, approvalId: asked.id, didNotHappen: false }
      await step([entry, { type: 'paused' }], [asked])
      return asked
    },
  }
}

export function pendingApproval(
  run: Pick<RunRecord, 'id' | 'tenant' | 'agentName' | 'requestedBy'>,
  seq: number,
  index: number,
  at: number,
): ApprovalRecord {
  const call = callId(run.id, seq, index)
  return {
    v: 1,
    id: approvalIdOf(call),
    tenant: run.tenant,
    runId: run.id,
    callId: call,
    agentName: run.agentName,
    path: [run.agentName],
    toolName: 'delete_user_data',
    toolDescription: null,
    inputSchema: toJsonText({ type: 'object' }),
    kind: 'CONFIRMATION',
    type: 'REQUIRED',
    arguments: toJsonText({ userId: `${index}` }),
    sensitive: [],
    fingerprint: 'f',
    answerSchema: toJsonText({}),
    requestedBy: run.requestedBy,
    createdAt: at,
    expiresAt: null,
    remindAt: [],
    status: 'PENDING',
    revision: 1,
    updatedAt: at,
    due: null,
    resolution: null,
    unheard: false,
    history: [{ revision: 1, at, by: run.requestedBy, action: 'PROPOSED', note: null }],
  }
}

const callOf = ({ callId, id, toolName, arguments: given, fingerprint, kind, type }: ApprovalRecord): ProposedCall => ({
  callId,
  providerCallId: '1',
  toolName,
  arguments: given,

  sensitive: [],
  inputSchema: 'd',
  answerSchema: null,
  fingerprint,
  gate: { pause: kind, approval: type },
  when: 'not-asked',
  approvalId: id,
  ...{ expiresAt: null, remindAt: [], onExpiry: 'EXPIRE' },
  invalid: null,
})

export const answer = (text: string | null): EntryBody => ({
  type: 'model-responded',
  content: toJsonText([]),
  text,
  usage: { inputTokens: null, outputTokens: null },
})

export const resolution = (status: ResolvedStatus, at: number, by: PrincipalId = approver.id): Resolution => ({
  status,
  cause: 'DECISION',
  by,
  at,
  decisionId: `${Math.random()}`,
  note: null,
  message: null,
  arguments: null,
  fingerprint: null,
  values: null,
  outcome: null,
})

export const decide = (store: Store, { id, tenant }: ApprovalRecord, status: ResolvedStatus = 'APPROVED') =>
  store.approvals.decide(id, tenant, {}, resolution(status, store.now()))

/** The journal's word for a decision that was heard. */
export const decided = ({ callId }: ApprovalRecord, verdict: ResolvedStatus = 'APPROVED'): EntryBody => ({
  type: 'decided',
  decisions: [
    {
      callId,
      verdict,
      by: approver.id,
      message: null,
      note: null,
      arguments: null,
      values: null,
      outcome: null,
      revision: 2,
    },
  ],
})
