import type { ApprovalId, CallId } from '../../src/ids.ts'
import { emptyState, type RunState } from '../../src/runs/fold.ts'
import type { Entry, EntryBody } from '../../src/runs/journal.ts'
import type { ApprovalRecord, CancelRequest, Resolution } from '../../src/store/records.ts'
import { runId, started } from '../runs/journal-of.ts'
import { append, type Guard, type Kept } from './kept.ts'

/** Everything there is: what is kept, what the processes have in mind, and what may still befall them. */
export type World = {
  readonly kept: Kept
  readonly processes: readonly Process[]
  /** 0, and 1 from the deadline on. */
  readonly now: 0 | 1
  readonly left: { readonly cancels: number; readonly mishaps: number }
  /** Each time that a tool was entered. */
  readonly entered: readonly CallId[]
  /** Calls that went on record as started when a cancel was there. */
  readonly afterCancel: readonly CallId[]
  readonly wrong: string | null
}

export type Process = {
  /** Whether an operation here has written and is about to wake the run. */
  readonly wakes: boolean
  readonly drive: Drive | null
}

/** Who has, or had, the lease: `src/runs/drive.ts` and `lease.ts` between two operations of the store. */
export type Drive = {
  readonly at: 'claimed' | 'looking' | 'acting' | 'starting' | 'entering' | 'waiting' | 'released'
  /** Whether its own clock says that the lease has time left. */
  readonly held: boolean
  readonly fence: number
  /** As they were when it last looked. */
  readonly signals: number
  readonly cancel: CancelRequest | null
  readonly seen: readonly ApprovalRecord[]
  /** The journal with the drafts. */
  readonly state: RunState
  readonly drafts: readonly Draft[]
  readonly unseen: boolean
  readonly aborted: boolean
  readonly running: readonly Running[]
  /** The calls that are being dispatched. */
  readonly admitted: readonly CallId[]
}
export type Running = { readonly name: CallId | 'model'; readonly phase: 'to enter' | 'under way' }
export type Draft = {
  readonly entry: Entry
  readonly propose?: readonly ApprovalRecord[]
  readonly heard?: readonly ApprovalId[]
  readonly cancelPending?: Resolution
}

export const entryAt = (seq: number, body: EntryBody): Entry => ({
  v: 1,
  runId,
  seq,
  at: 0,
  fence: 0,
  nonce: '',
  prev: '',
  ...body,
})

/** The run as `startRun` leaves it: created with the lease, and adopted. */
export function beginning(without: Guard | null, left: World['left']): World {
  const journal = append(emptyState, entryAt(1, started))
  const run = { seq: 1, fence: 1, signals: 0, due: null, cancelRequested: null, lease: { over: false } }
  const idle: Process = { wakes: false, drive: null }
  const drive = { ...newDrive(run, journal), at: 'acting' as const }
  return {
    kept: { run, journal, approvals: [], without },
    processes: [{ ...idle, drive }, idle],
    now: 0,
    left,
    entered: [],
    afterCancel: [],
    wrong: null,
  }
}

export const newDrive = ({ fence, signals, cancelRequested }: Kept['run'], state: RunState): Drive => ({
  at: 'claimed',
  held: true,
  fence,
  signals,
  cancel: cancelRequested,
  seen: [],
  state,
  drafts: [],
  unseen: false,
  aborted: false,
  running: [],
  admitted: [],
})
