import type { ApprovalId } from '../../src/ids.ts'
import { apply, type RunState } from '../../src/runs/fold.ts'
import type { Entry } from '../../src/runs/journal.ts'
import {
  type ApprovalRecord,
  type CancelRequest,
  isOver,
  type Resolution,
  type RunRecord,
} from '../../src/store/records.ts'
import type { Expected, Release } from '../../src/store/store.ts'

// The atomic writes of the store, for one run, as functions: each takes what is kept and gives what is kept afterwards, with its answer.
// To be read beside `src/store/store.ts`, which says what each must do.

/** A guard of the protocol that can be taken out. */
export type Guard =
  | 'fence'
  | 'unheard mark'
  | 'signal'
  | 'comparing signals on release'
  | 'one decision'
  | 'call-started before entering'
  | 'looking for a cancel after call-started'
  | 'asking what became of a call'
  | 'lease in the tick that enters'

export type Kept = {
  readonly run: KeptRun
  /** The fold of all entries: the entries themselves are not needed again. */
  readonly journal: RunState
  readonly approvals: readonly ApprovalRecord[]
  readonly without: Guard | null
}
/** A lease is over or it is not: how long it lasts is the clock's. */
export type KeptRun = Pick<RunRecord, 'seq' | 'fence' | 'signals' | 'due' | 'cancelRequested'> & {
  readonly lease: { readonly over: boolean } | null
}
type Written<Answer> = readonly [Kept, Answer]

export function claimOrSignal(kept: Kept, now: number): Written<KeptRun | null> {
  const { lease } = kept.run
  return lease && !lease.over ? [signalled(kept, now), null] : claimed(kept)
}

export const isReady = ({ run: { lease, due } }: Kept, now: number): boolean =>
  lease ? lease.over : due !== null && due <= now

export const claimDue = (kept: Kept, now: number): Written<KeptRun | null> =>
  isReady(kept, now) ? claimed(kept) : [kept, null]

export function renew(kept: Kept, fence: number): Written<KeptRun | null> {
  if (!isHolder(kept, fence) || kept.run.lease === null) return [kept, null]
  const run = { ...kept.run, lease: { over: false } }
  return [{ ...kept, run }, run]
}

export function signal(kept: Kept, now: number, cancel?: CancelRequest): Kept {
  const after = signalled(kept, now)
  const cancelRequested = isOver(kept.journal.status) ? null : (cancel ?? null)
  return { ...after, run: { ...after.run, cancelRequested: kept.run.cancelRequested ?? cancelRequested } }
}

export type KeptStep = {
  readonly fence: number
  readonly seq: number
  readonly entries: readonly Entry[]
  readonly propose: readonly ApprovalRecord[]
  readonly heard: readonly ApprovalId[]
  readonly cancelPending: Resolution | null
  readonly release: Release | null
}

export function step(
  kept: Kept,
  { fence, seq, entries, propose, heard, cancelPending, release }: KeptStep,
): Written<KeptRun | null> {
  if (!isHolder(kept, fence) || kept.run.seq !== seq) return [kept, null]
  const journal = entries.reduce(append, kept.journal)
  const proposed = [...kept.approvals, ...propose]
  const approvals = cancelPending
    ? proposed.map((record) => ({
        ...(record.status === 'PENDING' ? resolved(record, cancelPending) : record),
        unheard: false,
      }))
    : proposed.map((record) => (heard.includes(record.id) ? { ...record, unheard: false } : record))
  const isUnseen =
    release !== null && release.signals !== kept.run.signals && kept.without !== 'comparing signals on release'
  const releases = release !== null && (!isUnseen || isOver(journal.status))
  const run = { ...kept.run, seq: seq + entries.length, ...(releases && { lease: null, due: release.due }) }
  return [{ ...kept, run, journal, approvals }, run]
}

export function decide(kept: Kept, id: ApprovalId, { deadline }: Expected, resolution: Resolution): Written<boolean> {
  const record = kept.approvals.find((one) => one.id === id)
  if (!record || (record.status !== 'PENDING' && kept.without !== 'one decision')) return [kept, false]
  const passed = record.expiresAt !== null && deadline !== undefined && record.expiresAt <= deadline.at
  if (deadline && passed !== (deadline.is === 'passed')) return [kept, false]
  const after = { ...resolved(record, resolution), unheard: kept.without !== 'unheard mark' }
  return [{ ...kept, approvals: kept.approvals.map((one) => (one === record ? after : one)) }, true]
}

export const unheard = ({ approvals }: Kept): boolean => approvals.some((record) => record.unheard)

const isHolder = ({ run, without }: Kept, fence: number) => run.fence === fence || without === 'fence'

function claimed(kept: Kept): Written<KeptRun> {
  const run = { ...kept.run, fence: kept.run.fence + 1, lease: { over: false }, due: null }
  return [{ ...kept, run }, run]
}

const signalled = (kept: Kept, now: number): Kept =>
  kept.without === 'signal' ? kept : { ...kept, run: { ...kept.run, signals: kept.run.signals + 1, due: now } }

const resolved = (record: ApprovalRecord, resolution: Resolution): ApprovalRecord => ({
  ...record,
  status: resolution.status,
  revision: record.revision + 1,
  resolution,
})

const texts = new Map<string, RunState>()
const followers = new WeakMap<RunState, Map<string, RunState>>()

/** As `apply`; the same state is the same object, however it came about. */
export function append(state: RunState, entry: Entry): RunState {
  const known = followers.get(state) ?? new Map<string, RunState>()
  followers.set(state, known)
  const key = JSON.stringify(entry)
  const after = known.get(key) ?? interned(apply(state, entry))
  known.set(key, after)
  return after
}

export function interned(state: RunState): RunState {
  const text = JSON.stringify(state)
  const same = texts.get(text) ?? state
  texts.set(text, same)
  return same
}
