import type { Binary, Collection, Db } from 'mongodb'
import { CountersignError } from '../../errors.ts'
import type { ApprovalId, KeyId, PrincipalId, RunId } from '../../ids.ts'
import type { Field } from '../filters.ts'
import {
  type ApprovalChange,
  type ApprovalRecord,
  type CancelRequest,
  doerOf,
  type EntryRecord,
  type KeyRecord,
  type PrincipalRecord,
  type Resolution,
  type RunRecord,
} from '../records.ts'

// The documents as they stand in MongoDB: the records, with times as dates. What was supplied from outside stays the text it is.

type Dated<Rec, Time extends keyof Rec> = Omit<Rec, Time> & { [Key in Time]: Date | Extract<Rec[Key], null> }

export type RunDocument = Dated<
  Omit<RunRecord, 'id' | 'lease' | 'cancelRequested'>,
  'createdAt' | 'updatedAt' | 'finishedAt' | 'due'
> & {
  _id: RunId
  /** `session`: in which its holder writes the run's steps, see {@link LeaseSessions}. */
  lease: { owner: string; until: Date; session: Binary | null } | null
  /** When a worker may take the run: the end of the lease that somebody has on it, or its due time. */
  wake: Date | null
  cancelRequested: Dated<CancelRequest, 'at'> | null
} & Marked

export type ApprovalDocument = Dated<
  Omit<ApprovalRecord, 'id' | 'remindAt' | 'resolution' | 'history'>,
  'createdAt' | 'updatedAt' | 'expiresAt' | 'due'
> & {
  _id: ApprovalId
  remindAt: Date[]
  resolution: Dated<Resolution, 'at'> | null
  /** Each is of the revision that its place says, from 1. */
  history: Dated<Omit<ApprovalChange, 'revision'>, 'at'>[]
  /** What lists are sorted by: {@link never} without a deadline, {@link notYet} without a resolution. */
  order: { expires: Date; resolved: Date }
} & Marked

/** What wrote it last that was news, see {@link Tell.mark}. */
type Marked = { by?: string }

/** Their ids are made by {@link idIn}. */
type SessionDocument = { _id: string; owner: PrincipalId }
type PrincipalDocument = { _id: string; tenant: string; id: PrincipalId; name: string | null }

export type KeyDocument = Dated<Omit<KeyRecord, 'id'>, 'createdAt' | 'expiresAt' | 'revokedAt' | 'lastUsedAt'> & {
  _id: KeyId
}

export type Collections = {
  readonly runs: Collection<RunDocument>
  readonly journal: Collection<EntryRecord>
  readonly approvals: Collection<ApprovalDocument>
  readonly sessions: Collection<SessionDocument>
  readonly principals: Collection<PrincipalDocument>
  readonly keys: Collection<KeyDocument>
}

export const collectionsOf = (db: Db, prefix: string): Collections => ({
  runs: db.collection(`${prefix}runs`),
  journal: db.collection(`${prefix}journal`),
  approvals: db.collection(`${prefix}approvals`),
  sessions: db.collection(`${prefix}sessions`),
  principals: db.collection(`${prefix}principals`),
  keys: db.collection(`${prefix}keys`),
})

/** The format of runs and approvals that this program reads and writes; documents of another are left alone. */
export const v = 1 as const

/** What else there is matches nothing; to MongoDB a RegExp in `$in` would be a pattern. */
export const plain = <Item>(values: readonly Item[]): Item[] =>
  values.filter((value) => typeof value === 'string' || typeof value === 'boolean')

/** After all times, and before all: a null would sort first, and no comparison with a date finds it. */
export const never = new Date('9999-12-31T23:59:59.999Z')
export const notYet = new Date(-1)
/** No time is before it. */
export const everyTime = new Date(0)

/** Where a field that lists are found and sorted by stands in the document. */
export const pathOf = (field: Field): string => paths[field] ?? field
const paths: Partial<Record<Field, string>> = {
  expiresAt: 'order.expires',
  resolvedAt: 'order.resolved',
  resolvedBy: 'resolution.by',
}

type Time = number | null
export const toDate = <T extends Time>(time: T) => (time === null ? null : new Date(time)) as Date | Extract<T, null>
const fromDate = <D extends Date | null>(date: D) =>
  (date === null ? null : date.getTime()) as number | Extract<D, null>

/** `session` is its first holder's. */
export function fromRun({ id, ...run }: RunRecord, session: Binary | null): RunDocument {
  const { lease, due } = run
  return {
    _id: id,
    ...run,
    createdAt: toDate(run.createdAt),
    updatedAt: toDate(run.updatedAt),
    finishedAt: toDate(run.finishedAt),
    lease: lease && { owner: lease.owner, until: toDate(lease.until), session },
    due: toDate(due),
    wake: toDate(lease?.until ?? due),
    cancelRequested: fromCancel(run.cancelRequested),
  }
}

export const fromCancel = (cancel: CancelRequest | null) => cancel && { ...cancel, at: toDate(cancel.at) }

/** @throws CountersignError UNSUPPORTED_VERSION, as {@link refuseOtherVersion}: it is not half read. */
export function toRun({ _id, wake: _, by: __, ...run }: RunDocument): RunRecord {
  refuseOtherVersion(run.v, _id)
  const { lease, cancelRequested } = run
  return {
    id: _id,
    ...run,
    // Written before agents could be tools.
    parent: run.parent ?? null,
    path: run.path ?? [run.agentName],
    createdAt: fromDate(run.createdAt),
    updatedAt: fromDate(run.updatedAt),
    finishedAt: fromDate(run.finishedAt),
    lease: lease && { owner: lease.owner, until: fromDate(lease.until) },
    due: fromDate(run.due),
    cancelRequested: cancelRequested && { ...cancelRequested, at: fromDate(cancelRequested.at) },
  }
}

export function fromApproval({ id, ...approval }: ApprovalRecord): ApprovalDocument {
  const { resolution, expiresAt } = approval
  return {
    _id: id,
    ...approval,
    createdAt: toDate(approval.createdAt),
    updatedAt: toDate(approval.updatedAt),
    expiresAt: toDate(expiresAt),
    remindAt: approval.remindAt.map(toDate),
    due: toDate(approval.due),
    resolution: resolution && fromResolution(resolution),
    history: approval.history.map(({ revision: _, ...change }) => ({ ...change, at: toDate(change.at) })),
    order: { expires: toDate(expiresAt) ?? never, resolved: resolution ? toDate(resolution.at) : notYet },
  }
}

export const fromResolution = (resolution: Resolution) => ({ ...resolution, at: toDate(resolution.at) })

/** @throws CountersignError UNSUPPORTED_VERSION, as {@link refuseOtherVersion}. */
export function toApproval({ _id, order: _, by: __, ...approval }: ApprovalDocument): ApprovalRecord {
  refuseOtherVersion(approval.v, _id)
  const { resolution } = approval
  return {
    id: _id,
    ...approval,
    path: approval.path ?? [approval.agentName],
    // Written before there were any.
    sensitive: approval.sensitive ?? [],
    createdAt: fromDate(approval.createdAt),
    updatedAt: fromDate(approval.updatedAt),
    expiresAt: fromDate(approval.expiresAt),
    // Written before there were reminders.
    remindAt: approval.remindAt?.map(fromDate) ?? [],
    due: fromDate(approval.due ?? null),
    resolution: resolution && { ...resolution, at: fromDate(resolution.at) },
    history: approval.history.map(({ at, action, note, ...doer }, index) => ({
      revision: index + 1,
      at: fromDate(at),
      ...doerOf(doer),
      action,
      note,
    })),
  }
}

/** What is known in each tenant by itself. */
export const idIn = (tenant: string, id: string): string => JSON.stringify([tenant, id])

export const toPrincipal = ({ tenant, id, name }: PrincipalDocument): PrincipalRecord => ({ tenant, id, name })

export const fromKey = ({ id, ...key }: KeyRecord): KeyDocument => ({
  _id: id,
  ...key,
  createdAt: toDate(key.createdAt),
  expiresAt: toDate(key.expiresAt),
  revokedAt: toDate(key.revokedAt),
  lastUsedAt: toDate(key.lastUsedAt),
})

export const toKey = ({ _id, ...key }: KeyDocument): KeyRecord => ({
  id: _id,
  ...key,
  createdAt: fromDate(key.createdAt),
  expiresAt: fromDate(key.expiresAt),
  revokedAt: fromDate(key.revokedAt),
  lastUsedAt: fromDate(key.lastUsedAt),
  // Missing in those that an older program made.
  actsForOthers: key.actsForOthers === true,
})

/** @throws CountersignError UNSUPPORTED_VERSION for a document of another format, before anything of it is read or changed. */
export function refuseOtherVersion(found: unknown, id: string): void {
  if (found === v) return
  throw new CountersignError(
    'UNSUPPORTED_VERSION',
    `${id} was written by another version of Countersign (format ${found}, this one reads ${v}). Update this server.`,
  )
}
