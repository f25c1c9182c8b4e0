import type { SQLInputValue } from 'node:sqlite'
import type { Field } from '../filters.ts'
import type { ApprovalRecord, EntryRecord, KeyRecord, PrincipalRecord, RunRecord } from '../records.ts'
import type { DueApproval } from '../store.ts'

/** `of` gives what is kept of a record in this column; an object is kept as JSON. */
export type Column<Rec> = {
  readonly name: string
  readonly type: string
  readonly of: (record: Rec) => string | number | boolean | object | null
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
  { name: 'gated', type: 'INTEGER NOT NULL', of: (run) => run.gated },
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
  { name: 'parent', type: 'TEXT', of: (run) => run.parent },
  { name: 'path', type: 'TEXT', of: (run) => run.path },
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
  { name: 'unheard', type: 'INTEGER NOT NULL', of: (approval) => approval.unheard },
  { name: 'resolution', type: 'TEXT', of: (approval) => approval.resolution },
  { name: 'history', type: 'TEXT NOT NULL', of: (approval) => approval.history },
  { name: 'tool_description', type: 'TEXT', of: (approval) => approval.toolDescription },
  { name: 'arguments', type: 'TEXT NOT NULL', of: (approval) => approval.arguments },
  { name: 'input_schema', type: 'TEXT NOT NULL', of: (approval) => approval.inputSchema },
  { name: 'answer_schema', type: 'TEXT NOT NULL', of: (approval) => approval.answerSchema },
  { name: 'path', type: 'TEXT', of: (approval) => approval.path },
  { name: 'remind_at', type: 'TEXT', of: (approval) => approval.remindAt },
  { name: 'due', type: 'INTEGER', of: (approval) => approval.due },
  { name: 'sensitive', type: 'TEXT', of: (approval) => approval.sensitive },
]

export const keyColumns: readonly Column<KeyRecord>[] = [
  { name: 'id', type: 'TEXT PRIMARY KEY', of: (key) => key.id },
  { name: 'tenant', type: 'TEXT NOT NULL', of: (key) => key.tenant },
  { name: 'principal', type: 'TEXT NOT NULL', of: (key) => key.principal },
  { name: 'name', type: 'TEXT NOT NULL', of: (key) => key.name },
  { name: 'roles', type: 'TEXT NOT NULL', of: (key) => key.roles },
  { name: 'hash', type: 'TEXT NOT NULL', of: (key) => key.hash },
  { name: 'created_at', type: 'INTEGER NOT NULL', of: (key) => key.createdAt },
  { name: 'created_by', type: 'TEXT', of: (key) => key.createdBy },
  { name: 'expires_at', type: 'INTEGER', of: (key) => key.expiresAt },
  { name: 'revoked_at', type: 'INTEGER', of: (key) => key.revokedAt },
  { name: 'last_used_at', type: 'INTEGER', of: (key) => key.lastUsedAt },
  { name: 'acts_for_others', type: 'INTEGER', of: (key) => key.actsForOthers },
]

/** The column that a field is kept in. */
export const columnOf = (field: Field): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export function toSql(value: string | number | boolean | object | null): SQLInputValue {
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}

const fromJson = (text: unknown) => (text === null ? null : JSON.parse(text as string))

/** A row as SQLite gave it: the columns' values, in their order. */
export type Row = readonly unknown[]

// Only this program writes the rows: what their columns hold is trusted, and cast, here and nowhere else.

export function toRun(row: Row): RunRecord {
  const [id, tenant, agentName, sessionId, requestedBy, resumeMode, metadata, inputHash, createdAt, status] = row
  const [gated, updatedAt, finishedAt, seq, fence, owner, until, signals, due, , cancel] = row.slice(10)
  const [error, message, output, parent, path] = row.slice(21)
  return {
    v: 1,
    id,
    tenant,
    agentName,
    sessionId,
    requestedBy,
    parent: fromJson(parent),
    path: fromJson(path) ?? [agentName],
    resumeMode,
    message,
    metadata,
    inputHash,
    createdAt,
    status,
    output,
    error: fromJson(error),
    updatedAt,
    finishedAt,
    gated: gated === 1,
    seq,
    fence,
    lease: until === null ? null : { owner, until },
    signals,
    due,
    cancelRequested: fromJson(cancel),
  } as RunRecord
}

export function toApproval(row: Row): ApprovalRecord {
  const [id, tenant, runId, callId, agentName, toolName, kind, type, fingerprint, requestedBy] = row
  const [createdAt, expiresAt, status, revision, updatedAt, , , unheard, resolution, history] = row.slice(10)
  const [toolDescription, args, inputSchema, answerSchema, path, remindAt, due, sensitive] = row.slice(20)
  return {
    v: 1,
    id,
    tenant,
    runId,
    callId,
    agentName,
    path: fromJson(path) ?? [agentName],
    toolName,
    toolDescription,
    inputSchema,
    kind,
    type,
    arguments: args,
    // Null in a row that was written before there were any.
    sensitive: fromJson(sensitive) ?? [],
    fingerprint,
    answerSchema,
    requestedBy,
    createdAt,
    expiresAt: expiresAt === never ? null : expiresAt,
    // Null in a row that was written before there were reminders.
    remindAt: fromJson(remindAt) ?? [],
    status,
    revision,
    updatedAt,
    due,
    resolution: fromJson(resolution),
    unheard: unheard === 1,
    history: fromJson(history),
  } as ApprovalRecord
}

/** Of the columns that are read for it, and no more: what else is wrong with a row keeps no other waiting. */
export const toDueApproval = ([id, tenant, runId, due]: Row) => ({ id, tenant, runId, due }) as DueApproval

export const toEntry = ([runId, seq, text]: Row) => ({ runId, seq, text }) as EntryRecord

export const toPrincipal = ([tenant, id, name]: Row) => ({ tenant, id, name }) as PrincipalRecord

export function toKey(row: Row): KeyRecord {
  const [id, tenant, principal, name, roles, hash, createdAt, createdBy, expiresAt, revokedAt, lastUsedAt] = row
  const [actsForOthers] = row.slice(11)
  return {
    id,
    tenant,
    principal,
    name,
    roles: fromJson(roles),
    hash,
    createdAt,
    createdBy,
    expiresAt,
    revokedAt,
    lastUsedAt,
    actsForOthers: actsForOthers === 1,
  } as KeyRecord
}
