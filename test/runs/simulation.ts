import { expect } from 'vitest'
import { type ApprovalId, type CallId, reconciliationIdOf } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import { planContinuation } from '../../src/runs/answers.ts'
import { type Call, isForApprover, isOpen, isSettled, presentCalls, type RunState } from '../../src/runs/fold.ts'
import { type Entry, type EntryBody, writeEntry } from '../../src/runs/journal.ts'
import { entryAfter } from '../../src/runs/lease.ts'
import { next, recoveryOf } from '../../src/runs/next.ts'
import {
  type ApprovalRecord,
  type CancelRequest,
  isOver,
  type ResumeMode,
  type RunRecord,
} from '../../src/store/records.ts'
import {
  type CallKind,
  callFinished,
  callStarted,
  cancelled,
  completed,
  decided,
  entriesOf,
  failed,
  foldAll,
  inDoubt,
  interrupted,
  approvalFor as newApproval,
  paused,
  proposed,
  proposedCall,
  requester,
  resolution,
  responded,
  resumed,
  runId,
  runRecord,
  started,
} from './journal-of.ts'

/** What the model asks for in one answer: nothing ends the run. With `deadline`, approvals expire soon. */
export type Asked = { readonly kinds: readonly CallKind[]; readonly deadline: boolean }
export type Outcome = 'ended' | 'waits for somebody'

/** Whoever holds the lease: what it drafted and has under way is lost when it dies. */
type Holder = {
  state: RunState
  drafts: { entry: Entry; propose: readonly ApprovalRecord[]; cancels: boolean }[]
  readonly running: Set<CallId | 'model'>
  seen: ReadonlyMap<ApprovalId, ApprovalRecord>
  cancel: CancelRequest | null
  signals: number
  look: boolean
}

/** A run whose shell is this class and whose rules are the real ones; it checks as it goes what must never happen. */
const nothingSaid = {
  message: null,
  note: null,
  arguments: null,
  values: null,
  outcome: null,
  revision: null,
  fingerprint: null,
}

/** The process is gone, in the middle of what it did. */
class Died extends Error {}

export class Simulation {
  readonly journal: Entry[] = entriesOf(started)
  readonly approvals = new Map<ApprovalId, ApprovalRecord>()
  readonly made: CallId[] = []
  /** Calls of which somebody said that they are to be made again, or their tools that they may be. */
  readonly again: CallId[] = []
  #holder: Holder | null = null
  #signals = 0
  /** How often the run was taken. */
  #fence = 0
  #deaths: readonly number[] = []
  #now = 10_000
  #cancel: CancelRequest | null = null
  readonly #asked: readonly Asked[]
  readonly #resumeMode: ResumeMode

  constructor(asked: readonly Asked[], resumeMode: ResumeMode) {
    this.#asked = asked
    this.#resumeMode = resumeMode
  }

  /** The state on record. */
  get state(): RunState {
    return foldAll(this.journal)
  }
  get run(): RunRecord {
    const { status, error } = this.state
    return runRecord({ status, error, resumeMode: this.#resumeMode })
  }

  crash() {
    this.#holder = null
  }

  /** Processes die in the middle of a step, each when this many moments have passed: before and after all that they write, and before and after they enter a tool. */
  letDie(...moments: readonly number[]) {
    this.#deaths = moments
  }

  #moment() {
    const [left, ...others] = this.#deaths
    if (left === undefined) return
    this.#deaths = left === 0 ? others : [left - 1, ...others]
    if (left === 0) throw new Died()
  }

  #mortal<Result>(does: () => Result, gone: Result): Result {
    try {
      return does()
    } catch (error) {
      if (!(error instanceof Died)) throw error
      this.crash()
      return gone
    }
  }

  pass(ms: number) {
    this.#now += ms
  }

  askToCancel() {
    if (isOver(this.state.status)) return
    this.#cancel ??= { by: requester, at: this.#now, reason: null }
    this.#signals += 1
  }

  /** Decides a pending approval, if there is one that is not late; what was cut off happened, or (for REJECTED) is made again. */
  decide(which: number, verdict: 'APPROVED' | 'REJECTED') {
    const pending = [...this.approvals.values()].filter(
      ({ status, expiresAt }) => status === 'PENDING' && (expiresAt === null || expiresAt > this.#now),
    )
    const record = pending[which % Math.max(pending.length, 1)]
    if (record) this.#resolve(record, verdict)
  }

  /** The requester continues, and answers some of what waits for them. */
  continue(answer: (call: Call) => 'approve' | 'reject' | null) {
    if (this.#holder || this.state.status === 'RUNNING') return
    this.#mortal(() => this.#answer(answer), undefined)
  }

  #answer(answer: (call: Call) => 'approve' | 'reject' | null) {
    const holder = this.#claim()
    const decisions = presentCalls(holder.state).flatMap((call) => {
      const said = isOpen(call) && !isForApprover(call) ? answer(call) : null
      const verdict = said === 'approve' ? ('APPROVED' as const) : ('REJECTED' as const)
      return said === null ? [] : [{ ...nothingSaid, callId: call.proposed.callId, verdict, by: requester }]
    })
    const { state, seen: approvals } = holder
    const read = { decisions, issues: [] }
    const plan = planContinuation({
      tree: [{ run: this.run, state }],
      approvals,
      agents: new Map(),
      given: decisions.length,
      read,
    })
    if (!plan.ok) return
    if (plan.answered.length > 0) {
      this.#draft({
        type: 'answered',
        by: requester,
        decisions: plan.answered.map(({ fingerprint: _, ...said }) => said),
      })
    }
    if (plan.resume.length > 0) this.#draft(resumed)
    this.#flush()
  }

  /** One of the calls that are being made ends. */
  finish(which: number) {
    const { running } = this.#holder ?? {}
    const calls = [...(running ?? [])].filter((one): one is CallId => one !== 'model')
    const id = calls[which % Math.max(calls.length, 1)]
    if (!running || !id) return
    running.delete(id)
    this.#draft(callFinished(id, which % 3 === 0 ? 'error' : 'result'))
  }

  /** The model answers, or fails. */
  speak(fails: boolean) {
    const holder = this.#holder
    if (!holder?.running.delete('model')) return
    if (fails) return this.#draft(failed('MODEL_ERROR'), { cancels: true })
    const { kinds, deadline } = this.#asked[holder.state.turns.length] ?? { kinds: [], deadline: false }
    this.#draft(responded(kinds.length === 0 ? 'Done.' : null))
    if (kinds.length === 0) return
    const seq = holder.state.seq + 1
    const expiresAt = deadline ? this.#now + 1_000 : null
    const calls = kinds.map((kind, index) => proposedCall(kind, index, { seq, expiresAt }))
    const propose = calls.filter(({ approvalId }) => approvalId !== null).map((call) => newApproval(call))
    this.#draft(proposed(...calls), { propose })
  }

  /** One step of the run, if it is not waiting for anything. Says whether there was something to do. */
  work(): boolean {
    return this.#mortal(() => this.#step(), true)
  }

  #step(): boolean {
    const holder = this.#holder ?? this.#claim()
    if (holder.look || this.#signals !== holder.signals) this.#look(holder)
    const { state, running, seen, cancel } = holder
    const surroundings = {
      cancelRequested: cancel,
      resumeMode: this.#resumeMode,
      approvals: seen,
      outer: null,
      children: new Map(),
      running,
    }
    const step = next(state, { ...surroundings, budget: null, now: this.#now })
    switch (step.do) {
      case 'nothing':
        expect(running.size, 'nothing is under way when a run is over').toBe(0)
        return this.#letGo()
      case 'wait-outside':
        return this.#letGo()
      case 'pause':
        this.#draft(paused)
        return this.#letGo()
      case 'cancel':
        this.#draft(cancelled, { cancels: true })
        return true
      case 'cancel-children':
      case 'await-children':
      case 'join':
        throw new Error('No agent asks another here.')
      case 'stop':
      case 'fail':
        throw new Error('Nothing bounds these runs.')
      case 'abort-calls':
        return false
      case 'expire':
        for (const record of step.approvals) {
          this.#resolve(record, 'EXPIRED')
          this.#moment()
        }
        return true
      case 'hear':
        this.#draft(decided(...step.decisions))
        return true
      case 'recover':
        for (const call of step.calls) this.#recover(call)
        return true
      case 'conclude':
        for (const [{ proposed }, outcome] of step.calls)
          this.#draft({ type: 'call-finished', callId: proposed.callId, outcome, modelOutput: null })
        return true
      case 'resume':
        this.#draft(resumed)
        return true
      case 'complete':
        this.#draft(completed(step.output), { cancels: true })
        return true
      case 'wait-here':
        this.#flush()
        return false
      case 'call-model':
        expect(
          presentCalls(state).filter((call) => !isSettled(call)),
          'the model hears of all its calls',
        ).toEqual([])
        expect(running.size).toBe(0)
        this.#flush()
        running.add('model')
        return true
      case 'dispatch':
        return this.#dispatch(holder, step.calls, step.resume)
    }
  }

  /** Of three calls one's tool is idempotent, and one's says that it did not happen. */
  #recover(call: Call) {
    const { callId } = call.proposed
    const index = Number(callId.split('_').at(-1))
    const tool = { schemaDigest: 'digest', idempotent: index % 3 === 1, reconcile: index % 3 === 2 ? () => null : null }
    const way = recoveryOf(call, tool, this.#fence)
    if (way === 'ask') return this.#ask(call)
    // By what the tool is, not by what the rules made of it.
    if (way === 'repeat' ? tool.idempotent : tool.reconcile) this.again.push(callId)
    this.#draft(interrupted(callId, way === 'look-up'))
  }

  /** Nobody knows whether it happened. */
  #ask({ proposed, startedSeq }: Call) {
    const approvalId = reconciliationIdOf(proposed.callId, startedSeq ?? 0)
    const record: ApprovalRecord = { ...newApproval({ ...proposed, approvalId }), kind: 'RECONCILIATION' }
    this.#draft(inDoubt(proposed.callId, startedSeq ?? 0), { propose: [record] })
  }

  /** Works on until the run is over or waits for somebody; tools and model answer in time. */
  settle(): Outcome {
    for (let steps = 0; steps < 500; steps++) {
      const busy = this.work()
      if (this.#holder === null) return isOver(this.state.status) ? 'ended' : 'waits for somebody'
      if (busy) continue
      this.finish(steps)
      this.speak(false)
    }
    throw new Error('The run comes to no end.')
  }

  #dispatch({ running }: Holder, calls: readonly Call[], resume: boolean): boolean {
    if (resume) this.#draft(resumed)
    for (const { proposed } of calls) this.#draft(callStarted(proposed.callId))
    this.#flush()
    for (const { proposed, decision } of calls) {
      expect(proposed.invalid, 'an invalid call never runs').toBeNull()
      const times = (ids: readonly CallId[]) => ids.filter((id) => id === proposed.callId).length
      expect(times(this.made), 'no call runs twice unasked').toBeLessThanOrEqual(times(this.again))
      if (proposed.gate) expect(decision, 'a gated call has its own word').toMatchObject({ verdict: 'APPROVED' })
      if (proposed.approvalId) expect(this.approvals.get(proposed.approvalId)?.status).toBe('APPROVED')
      else if (proposed.gate) expect(this.#answeredFor(proposed.callId)).toBe(true)
      this.#moment()
      this.made.push(proposed.callId)
      running.add(proposed.callId)
      this.#moment()
    }
    return true
  }

  #answeredFor = (id: CallId) =>
    this.journal.some(
      (entry) =>
        entry.type === 'answered' &&
        entry.decisions.some(({ callId, verdict }) => callId === id && verdict === 'APPROVED'),
    )

  #claim(): Holder {
    this.#fence += 1
    const holder = { state: this.state, drafts: [], running: new Set<never>(), seen: new Map(), cancel: null }
    this.#holder = { ...holder, signals: this.#signals, look: true }
    this.#look(this.#holder)
    return this.#holder
  }

  #look(holder: Holder) {
    holder.look = false
    holder.signals = this.#signals
    holder.cancel = this.#cancel
    holder.seen = new Map(this.approvals)
  }

  #letGo(): boolean {
    this.#flush()
    if (this.#holder?.signals === this.#signals) this.#holder = null
    return true
  }

  #draft(body: EntryBody, { propose = [] as readonly ApprovalRecord[], cancels = false } = {}) {
    const holder = this.#holder
    if (!holder) throw new Error('Nobody holds the lease.')
    const entry = entryAfter(holder.state, { id: runId, fence: this.#fence }, this.#now, body)
    holder.state = foldAll([entry], holder.state)
    holder.drafts.push({ entry, propose, cancels })
  }

  #flush() {
    const drafts = this.#holder?.drafts.splice(0) ?? []
    if (drafts.length > 0) this.#moment()
    for (const { entry, propose, cancels } of drafts) {
      const { status, error } = this.state
      const continued = entry.type === 'resumed' && error?.code === 'MODEL_ERROR'
      expect(isOver(status) && !continued, `nothing follows an end, and not ${entry.type}`).toBe(false)
      this.journal.push(entry)
      for (const record of propose) this.approvals.set(record.id, record)
      if (!cancels) continue
      for (const record of this.approvals.values()) if (record.status === 'PENDING') this.#resolve(record, 'CANCELLED')
    }
    if (drafts.length > 0) expect(this.#holder?.state, 'fold in one go is fold step by step').toEqual(this.state)
    expect(drafts.every(({ entry }) => writeEntry(entry).seq === entry.seq)).toBe(true)
    if (drafts.length > 0) this.#moment()
  }

  #resolve(record: ApprovalRecord, status: 'APPROVED' | 'REJECTED' | 'EXPIRED' | 'CANCELLED') {
    if (this.approvals.get(record.id)?.status !== 'PENDING') return
    const decided = record.kind === 'RECONCILIATION' && (status === 'APPROVED' || status === 'REJECTED')
    const at = this.#now
    const told = decided
      ? resolution('APPROVED', { at, outcome: status === 'APPROVED' ? { result: toJsonText('told') } : null })
      : resolution(status, { at })
    if (decided && told.outcome === null) this.again.push(record.callId)
    this.approvals.set(record.id, { ...record, status: told.status, revision: 2, resolution: told })
    this.#signals += 1
  }
}
