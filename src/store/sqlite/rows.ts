import type { SQLInputValue } from 'node:sqlite'
import type { ApprovalRecord, EntryRecord, PrincipalRecord, RunRecord } from '../records.ts'

/** `of` gives what is kept of a record in this column; an object is kept as JSON. */
export type Column<Rec> = {
  readonly name: string
  readonly type: string
  readonly of: (record: Rec) => string | number | object | null
}

/** An approval without a deadline, so that it sorts last; a null would sort first. */
export const never = Number.MAX_SAFE_INTEGER
/** An approval without a resolution, for the same reason: resolutions are sorted from the newest. */
export const notYet = -1

/** When a worker may take the run: its due time, or the end of the lease that somebody has on it. */
const wakeOf = (run: RunRecord) => run.lease?.until ?? run.due

export const runColumns: readonly Column<RunRecord>[] = [
  { name: 'id', type: 'TEXT PRIMARY KEY', of: (run) => run.id },
  { name: 'tenant', type: 'TEXT NOT NULL', of: (run) => run.tenant },
  { name: 'agent_name', type: 'TEXT NOT NULL', of: (run) => run.agentName },
  { name: 'session_id', type: 'TEXT NOT NULL', of: (run) => run.sessionId },
  { name: 'requested_by', type: 'TEXT NOT NULL', of: (run) => run.requestedBy },
  { name: 'resume_mode', type: 'TEXT NOT NULL', of: (run) => run.resumeMode },
  { name: 'metadata', type: 'TEXT', of: (run) => run.metadata },
  { name: 'input_hash', type: 'TEXT', of: (run) => run.inputHash },
  { name: 'created_at', type: 'INTEGER NOT NULL', of: (run) => run.createdAt },
  { name: 'status', type: 'TEXT NOT NULL', of: (run) => run.status },
  { name: 'gated', type: 'INTEGER NOT NULL', of: (run) => Number(run.gated) },
  { name: 'updated_at', type: 'INTEGER NOT NULL', of: (run) => run.updatedAt },
  { name: 'finished_at', type: 'INTEGER', of: (run) => run.finishedAt },
  { name: 'seq', type: 'INTEGER NOT NULL', of: (run) => run.seq },
  { name: 'fence', type: 'INTEGER NOT NULL', of: (run) => run.fence },
  { name: 'lease_owner', type: 'TEXT', of: (run) => run.lease?.owner ?? null },
  { name: 'lease_until', type: 'INTEGER', of: (run) => run.lease?.until ?? null },
  { name: 'signals', type: 'INTEGER NOT NULL', of: (run) => run.signals },
  { name: 'due', type: 'INTEGER', of: (run) => run.due },
  { name: 'wake', type: 'INTEGER', of: wakeOf },
  { name: 'cancel_requested', type: 'TEXT', of: (run) => run.cancelRequested },
  { name: 'error', type: 'TEXT', of: (run) => run.error },
  { name: 'message', type: 'TEXT NOT NULL', of: (run) => run.message },
  { name: 'output', type: 'TEXT', of: (run) => run.output },
]

export const approvalColumns: readonly Column<ApprovalRecord>[] = [
  { name: 'id', type: 'TEXT PRIMARY KEY', of: (approval) => approval.id },
  { name: 'tenant', type: 'TEXT NOT NULL', of: (approval) => approval.tenant },
  { name: 'run_id', type: 'TEXT NOT NULL', of: (approval) => approval.runId },
  { name: 'call_id', type: 'TEXT NOT NULL', of: (approval) => approval.callId },
  { name: 'agent_name', type: 'TEXT NOT NULL', of: (approval) => approval.agentName },
  { name: 'tool_name', type: 'TEXT NOT NULL', of: (approval) => approval.toolName },
  { name: 'kind', type: 'TEXT NOT NULL', of: (approval) => approval.kind },
  { name: 'type', type: 'TEXT NOT NULL', of: (approval) => approval.type },
  { name: 'fingerprint', type: 'TEXT NOT NULL', of: (approval) => approval.fingerprint },
  { name: 'requested_by', type: 'TEXT NOT NULL', of: (approval) => approval.requestedBy },
  { name: 'created_at', type: 'INTEGER NOT NULL', of: (approval) => approval.createdAt },
  { name: 'expires_at', type: 'INTEGER NOT NULL', of: (approval) => approval.expiresAt ?? never },
  { name: 'status', type: 'TEXT NOT NULL', of: (approval) => approval.status },
  { name: 'revision', type: 'INTEGER NOT NULL', of: (approval) => approval.revision },
  { name: 'updated_at', type: 'INTEGER NOT NULL', of: (approval) => approval.updatedAt },
  { name: 'resolved_at', type: 'INTEGER NOT NULL', of: (approval) => approval.resolution?.at ?? notYet },
  { name: 'resolved_by', type: 'TEXT', of: (approval) => approval.resolution?.by ?? null },
  { name: 'unheard', type: 'INTEGER NOT NULL', of: (approval) => Number(approval.unheard) },
  { name: 'resolution', type: 'TEXT', of: (approval) => approval.resolution },
  { name: 'history', type: 'TEXT NOT NULL', of: (approval) => approval.history },
  { name: 'tool_description', type: 'TEXT', of: (approval) => approval.toolDescription },
  { name: 'arguments', type: 'TEXT NOT NULL', of: (approval) => approval.arguments },
  { name: 'input_schema', type: 'TEXT NOT NULL', of: (approval) => approval.inputSchema },
  { name: 'answer_schema', type: 'TEXT NOT NULL', of: (approval) => approval.answerSchema },
]

export const toSql = (value: string | number | object | null): SQLInputValue =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : value

const fromJson = (text: unknown) => (text === null ? null : JSON.parse(text as string))

/** A row as SQLite gave it. Only this program writes them: what the columns hold is trusted here, and cast here only. */
export type Row = Readonly<Record<string, unknown>>

export const toEntries = (rows: readonly Row[]): EntryRecord[] => rows.map((row) => ({ ...row }) as EntryRecord)

export const toPrincipals = (rows: readonly Row[]): PrincipalRecord[] =>
  rows.map((row) => ({ ...row }) as PrincipalRecord)

export const toRun = (row: Row): RunRecord =>
  ({
    v: 1,
    id: row.id,
    tenant: row.tenant,
    agentName: row.agent_name,
    sessionId: row.session_id,
    requestedBy: row.requested_by,
    resumeMode: row.resume_mode,
    message: row.message,
    metadata: row.metadata,
    inputHash: row.input_hash,
    createdAt: row.created_at,
    status: row.status,
    output: row.output,
    error: fromJson(row.error),
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
    gated: row.gated === 1,
    seq: row.seq,
    fence: row.fence,
    lease: row.lease_until === null ? null : { owner: row.lease_owner, until: row.lease_until },
    signals: row.signals,
    due: row.due,
    cancelRequested: fromJson(row.cancel_requested),
  }) as RunRecord

export const toApproval = (row: Row): ApprovalRecord =>
  ({
    v: 1,
    id: row.id,
    tenant: row.tenant,
    runId: row.run_id,
    callId: row.call_id,
    agentName: row.agent_name,
    toolName: row.tool_name,
    toolDescription: row.tool_description,
    inputSchema: row.input_schema,
    kind: row.kind,
    type: row.type,
    arguments: row.arguments,
    fingerprint: row.fingerprint,
    answerSchema: row.answer_schema,
    requestedBy: row.requested_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at === never ? null : row.expires_at,
    status: row.status,
    revision: row.revision,
    updatedAt: row.updated_at,
    resolution: fromJson(row.resolution),
    unheard: row.unheard === 1,
    history: fromJson(row.history),
  }) as ApprovalRecord
