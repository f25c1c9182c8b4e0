import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isNewer, isUnavailable } from '../errors.ts'
import type { ApprovalId, CallId, RunId } from '../ids.ts'
import { type ApprovalRecord, type EntryRecord, isOver, type Resolution, type RunRecord } from '../store/records.ts'
import type { NewLease, NewRun, RunSignal, Step, Store } from '../store/store.ts'
import { fold, isUnderWay, presentCalls, type RunState } from './fold.ts'
import { type Entry, type EntryBody, readEntry, writeEntry } from './journal.ts'

/** Somebody else works on the run now: whatever this holder still had in mind is void. */
export class LeaseLost extends Error {}
/** The database has what cannot be read, or refuses for good. Somebody may mend it, so that the run can be continued. */
export class StoreFailed extends Error {}

/**
 * The right to append to one run, while it lasts. Entries are drafted first and written together: `state` is what the journal says with
 * the drafts, `written` what is durable. Appends of one run go through this one queue.
 */
export type RunLease = {
  /** The record as it was last read or written. */
  readonly run: RunRecord
  readonly state: RunState
  /** Why a step was refused for good, once one was. */
  readonly refusal: StoreFailed | null
  /**
   * Whether the lease has time left, by the monotonic clock, the time of day and the store's: a process that slept does not believe its own watch,
   * which may have stood still, and by the store's others would take the run.
   */
  isHeld(): boolean
  draft(body: EntryBody, brings?: Drafted): void
  /** Something to write in the next step, without an entry. */
  bring(drafted: Drafted): void
  /**
   * Writes all drafts in one step. A write whose outcome is unknown is looked up by its nonce and tried again until it is known.
   *
   * @returns whether the lease was given up: asked for by `release`, and no signal came since the last `refresh`.
   * @throws LeaseLost when the run is somebody else's, or `stop` was called before the outcome was known.
   * @throws StoreFailed when the step was refused for good: `state` is again what is written, and nothing but how calls ended, with the run's end, is written any more.
   */
  flush(release?: { readonly due: number | null }): Promise<boolean>
  /** Lets a run go whose step was refused, as if nothing had been drafted: whoever is next looks at it at once. */
  giveBack(): Promise<void>
  /** Reads the record anew: signals, and whether a cancel was asked for. To be called before the approvals are read, not after. */
  refresh(): Promise<void>
  /** Gives whether a signal came since the last `refresh`. @throws LeaseLost */
  renew(): Promise<boolean>
  /** Ends waiting for a store that does not answer. */
  stop(): void
}

/** What an entry brings along, written in the same step. */
export type Drafted = {
  readonly propose?: readonly ApprovalRecord[]
  readonly heard?: readonly ApprovalId[]
  readonly cancelPending?: Resolution
  /** The run of an agent that it asked has approvals: whoever decides them sees this run too. */
  readonly gated?: boolean
  readonly start?: readonly NewRun[]
  readonly signal?: readonly RunSignal[]
}

/** Of the lease: so much earlier its holder lets go, should others' clocks be ahead of its own. */
const clockMargin = 0.1

/** Named in the nonce of each write, so that a process knows its own entries again. */
const writer = randomUUID()
let writes = 0

export function newLease(store: Store, owner: string, leaseMs: number): NewLease {
  const now = store.now()
  return { owner, now, until: now + leaseMs }
}

/** Where an entry stands: after `state`, by the holder of `fence`. */
export function entryAfter(
  state: Pick<RunState, 'seq' | 'hash'>,
  run: Pick<RunRecord, 'id' | 'fence'>,
  at: number,
  body: EntryBody,
): Entry {
  const nonce = `${writer}:${++writes}`
  return { v: 1, runId: run.id, seq: state.seq + 1, at, fence: run.fence, nonce, prev: state.hash, ...body }
}

type Held = {
  readonly store: Store
  readonly log: Logger
  readonly leaseMs: number
  /** `performance.now()` from before the lease was asked for. */
  readonly heldSince: number
  /** Other runs have something to look at, as is written in them: so that it need not wait for a sweep. */
  readonly wake: (id: RunId, always: boolean) => void
}

export function holdLease(claimed: RunRecord, loaded: RunState, held: Held): RunLease {
  const { store, log, leaseMs, heldSince, wake } = held
  let run = claimed
  let state = loaded
  let written = loaded
  let refusal: StoreFailed | null = null
  let draft: { entries: EntryRecord[]; brings: Drafted[]; from: number } = { entries: [], brings: [], from: loaded.seq }
  const trustedMs = leaseMs * (1 - clockMargin)
  let heldUntil = heldSince + trustedMs
  // The monotonic clock of a machine that was suspended stood still meanwhile, and MongoDB's is counted on by it. A time of day that was set
  // costs a renewal.
  let heldUntilTime = Date.now() + heldUntil - performance.now()
  let until = claimed.lease?.until ?? 0
  // Not what a step's answer says: only what came before the approvals were last read has been seen.
  let signalsSeen = claimed.signals
  let queue: Promise<unknown> = Promise.resolve()
  const stopped = new AbortController()

  const lost = () => new LeaseLost(`The lease of ${run.id} is lost.`)

  async function write(step: Step): Promise<RunRecord> {
    let unknown = false
    for (let wait = 25; ; wait = Math.min(wait * 2, 1_000)) {
      if (stopped.signal.aborted) throw lost()
      try {
        // After an unknown outcome the step may stand already: an entry with my nonce is mine, anything else is not.
        const written: RunRecord | null =
          unknown && (await isWritten(step)) ? await store.runs.get(step.runId) : await store.runs.step(step)
        // What was written before somebody else's claim stands; the right to go on does not.
        if (written?.fence === step.fence) return written
        // Mine all the same, if it was late, or the store tried again by itself.
        unknown = written === null && (await isWritten(step))
        if (!unknown) throw lost()
      } catch (error) {
        if (error instanceof LeaseLost) throw error
        if (!isUnavailable(error)) throw error
        if (!unknown)
          log.warn({ runId: step.runId, err: error }, 'A step was not written; it is tried until it is known')
        unknown = true
        await delay(wait, undefined, { signal: stopped.signal }).catch(() => {})
      }
    }
  }

  /** Nothing of the step stands, nor then of what was drafted after it, but how calls ended meanwhile. What is refused a second time is left to the sweep. */
  function refuse(cause: unknown): never {
    if (refusal || isNewer(cause)) {
      stopped.abort('broken')
      throw cause
    }
    refusal = new StoreFailed('The database refused a step of the run.', { cause })
    const meanwhile = draft.entries.map((record) => readEntry(record))
    startAnew()
    const isOpen = (callId: CallId) =>
      presentCalls(written).some((call) => call.proposed.callId === callId && isUnderWay(call))
    for (const entry of meanwhile) {
      if (entry.type !== 'call-finished' || !isOpen(entry.callId)) continue
      const { type, callId, outcome, modelOutput } = entry
      add({ type, callId, outcome, modelOutput })
    }
    throw refusal
  }

  /** From what is written, with nothing drafted. */
  function startAnew() {
    state = written
    draft = { entries: [], brings: [], from: written.seq }
  }

  function add(body: EntryBody) {
    const entry = entryAfter(state, run, store.now(), body)
    const record = writeEntry(entry)
    state = fold(state, [entry], record.text)
    draft.entries.push(record)
  }

  async function isWritten({ runId, seq, entries }: Step): Promise<boolean> {
    const [mine] = entries
    if (!mine) return false
    const [there] = await store.journal.read(runId, seq, 1)
    return there !== undefined && readEntry(there).nonce === readEntry(mine).nonce
  }

  async function flushNow(release: { readonly due: number | null } | undefined): Promise<boolean> {
    // Also when there is nothing to write: what was drafted may have been dropped.
    if (refusal && !isOver(state.status)) throw refusal
    return writeDrafts(release)
  }

  async function writeDrafts(release: { readonly due: number | null } | undefined): Promise<boolean> {
    const { entries, brings, from } = draft
    const drafted = state
    draft = { entries: [], brings: [], from: state.seq }
    if (entries.length === 0 && brings.length === 0 && !release) return false
    const over = isOver(state.status)
    const head = headOf(run, state, brings, store.now())
    const start = brings.flatMap(({ start }) => start ?? [])
    // Whoever asked for this run hears by the step that writes it of its pauses and its end, and that who decides is to see it.
    const isNews = run.status !== state.status || run.gated !== head.gated
    const heedful = run.parent !== null && isNews ? [{ id: run.parent.runId, cancel: null }] : []
    const signal = [...heedful, ...brings.flatMap(({ signal }) => signal ?? [])]
    const cancelPending = brings.find(({ cancelPending }) => cancelPending)?.cancelPending ?? null
    const step: Step = {
      runId: run.id,
      fence: run.fence,
      seq: from,
      entries,
      head,
      propose: brings.flatMap(({ propose }) => propose ?? []),
      heard: brings.flatMap(({ heard }) => heard ?? []),
      start,
      signal,
      // A run that never had an approval has none to look for.
      cancelPending: head.gated ? cancelPending : null,
      release: over ? { signals: signalsSeen, due: null } : release ? { signals: signalsSeen, due: release.due } : null,
    }
    try {
      run = await write(step)
    } catch (error) {
      if (!(error instanceof LeaseLost)) refuse(error)
      throw error
    }
    written = drafted
    for (const { run } of start) wake(run.id, false)
    // Of a run that is cancelled the end is awaited, or asked for.
    for (const { id, cancel } of signal) wake(id, cancel !== null || run.cancelRequested !== null)
    return run.lease === null
  }

  async function refresh() {
    const there = await store.runs.get(run.id)
    if (!there || there.fence !== run.fence) throw lost()
    // What was read before a step of ours was answered is older than what that says.
    if (there.seq >= run.seq) run = { ...there, gated: run.gated || there.gated }
    signalsSeen = there.signals
  }

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = queue.then(work)
    queue = done.catch(() => {})
    return done
  }

  return {
    get run() {
      return run
    },
    get state() {
      return state
    },
    get refusal() {
      return refusal
    },
    isHeld: () =>
      !stopped.signal.aborted && performance.now() < heldUntil && Date.now() < heldUntilTime && store.now() < until,
    draft(body, brings) {
      if (refusal && !isLastWord(body)) throw refusal
      add(body)
      if (brings) draft.brings.push(brings)
    },
    bring: (drafted) => void draft.brings.push(drafted),
    flush: (release) => inTurn(() => flushNow(release)),
    giveBack: () =>
      inTurn(async () => {
        startAnew()
        while (!(await writeDrafts({ due: store.now() }))) await refresh()
      }),
    refresh,
    async renew() {
      if (stopped.signal.aborted) throw lost()
      const [asked, askedTime] = [performance.now(), Date.now()]
      const asFarAs = store.now() + leaseMs
      const renewed = await store.runs.renew(run.id, run.fence, asFarAs)
      if (!renewed) {
        stopped.abort('lost')
        throw lost()
      }
      heldUntil = asked + trustedMs
      heldUntilTime = askedTime + trustedMs
      until = asFarAs
      return renewed.signals !== signalsSeen
    },
    // A reason, because without one each abort makes a DOMException with its stack.
    stop: () => stopped.abort('stopped'),
  }
}

/** What still may be written when a step was refused. */
const isLastWord = ({ type }: EntryBody) => type === 'call-finished' || type === 'failed' || type === 'cancelled'

function headOf(run: RunRecord, state: RunState, drafted: readonly Drafted[], now: number): Step['head'] {
  const { status, output, error, finishedAt } = state
  const gated = run.gated || drafted.some(({ propose, gated }) => gated || (propose && propose.length > 0))
  const head = { status, output, error, finishedAt, updatedAt: now, gated }
  // Whoever wanted to cancel it was told that it had failed before: continuing it is a new word.
  return isOver(run.status) && !isOver(status) ? { ...head, cancelRequested: null } : head
}
