import { randomUUID } from 'node:crypto'
import type { Agent } from '../agents/agent.ts'
import { type CallId, childRunId, type PrincipalId } from '../ids.ts'
import type { EntryRecord, HistoryRef, RunRecord } from '../store/records.ts'
import type { NewLease, NewRun } from '../store/store.ts'
import { emptyState, fold, type RunState } from './fold.ts'
import { type EntryBody, writeEntry } from './journal.ts'
import { entryAfter } from './lease.ts'

/** What is asked for. */
type Asked = Pick<
  RunRecord,
  | 'id'
  | 'tenant'
  | 'agentName'
  | 'sessionId'
  | 'requestedBy'
  | 'resumeMode'
  | 'message'
  | 'metadata'
  | 'inputHash'
  | 'parent'
  | 'path'
>
type Beginning = {
  readonly now: number
  readonly lease: NewLease | null
  /** The session's earlier runs, and how many messages of them the model is sent at most. */
  readonly history: readonly HistoryRef[]
  readonly historyMessages: number
  /** The service that asks for whoever it is that asks. */
  readonly actor?: PrincipalId | undefined
}
type Begun = NewRun & { readonly started: EntryRecord; readonly state: RunState }

/** That nobody can know beforehand, and so nobody has begun already. */
export const newSessionId = (): string => `ses_${randomUUID().replaceAll('-', '')}`

/** A run as it begins, with its first entry: held by `lease`, or due when there is none. */
export function newRun(asked: Asked, { now, lease, history, historyMessages, actor }: Beginning): Begun {
  const run: RunRecord = {
    v: 1,
    ...asked,
    createdAt: now,
    status: 'RUNNING',
    output: null,
    error: null,
    updatedAt: now,
    finishedAt: null,
    gated: false,
    seq: 1,
    fence: lease ? 1 : 0,
    lease: lease && { owner: lease.owner, until: lease.until },
    signals: 0,
    due: lease ? null : now,
    cancelRequested: null,
  }
  const { tenant, agentName, requestedBy, message } = asked
  const body = {
    type: 'started' as const,
    tenant,
    agentName,
    requestedBy,
    ...(actor !== undefined && { actor }),
    message,
    history: [...history],
    historyMessages,
  } satisfies EntryBody
  const entry = entryAfter({ seq: 0, hash: '' }, run, now, body)
  const started = writeEntry(entry)
  return { run, started, state: fold(emptyState, [entry], started.text) }
}

/** The run that a call of an agent begins: the same person's, in a session of its own. Who works on it is not said. */
export function childRun(outer: RunRecord, callId: CallId, agent: Agent, message: string, now: number): NewRun {
  const id = childRunId(callId)
  const { tenant, requestedBy, resumeMode } = outer
  const asked = {
    id,
    tenant,
    agentName: agent.name,
    sessionId: newSessionId(),
    requestedBy,
    resumeMode,
    message,
    metadata: null,
    inputHash: null,
    parent: { runId: outer.id, callId },
    path: [...outer.path, agent.name],
  }
  const { run, started } = newRun(asked, { now, lease: null, history: [], historyMessages: 0 })
  return { run, started }
}
