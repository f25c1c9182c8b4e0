import { setTimeout as delay } from 'node:timers/promises'
import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent, AgentTool } from '../agents/agent.ts'
import { expire } from '../approvals/deadlines.ts'
import type { Engine } from '../engine.ts'
import { isNewer, isUnavailable } from '../errors.ts'
import type { ApprovalId, CallId, RunId } from '../ids.ts'
import { type ApprovalRecord, type CancelRequest, isOver, type RunFailure, type RunRecord } from '../store/records.ts'
import { type Budget, endOfTime, overtime } from './budget.ts'
import { admit, dispatch, type Permit } from './dispatch.ts'
import { cancelled, cancelledCall, endRun, failed, settleApprovals } from './ends.ts'
import type { Call } from './fold.ts'
import type { CallOutcome } from './journal.ts'
import { LeaseLost, type RunLease, StoreFailed } from './lease.ts'
import { approvalsOf, openRunsOnRecord, relativesOf } from './load.ts'
import { makeCall, outcomeOfRun } from './make-call.ts'
import { childRun } from './new-run.ts'
import { next } from './next.ts'
import { createPrompts } from './prompts.ts'
import { recover } from './recover.ts'
import { fromStore } from './store-failed.ts'
import { think } from './think.ts'
import { createUnderWay } from './under-way.ts'

/** One run being worked on here. */
export type Drive = {
  /** Ends when the lease is given up or lost. */
  readonly done: Promise<void>
  /** Whether nothing is left to do but to wait for calls that were told to stop. */
  isEnding(): boolean
  /** Whether something came in that nobody has looked at. */
  isUnseen(): boolean
  isHeld(): boolean
  /** Something changed outside: look again. */
  poke(): void
  /** The lease is somebody else's. */
  lose(): void
  /** Makes the lease last longer; rejects while the store does not answer. */
  renew(): Promise<void>
  /** Tells calls to stop once the lease is over because the store does not answer: others may be about to look what became of them. */
  watch(): void
  /** The last journal entry that is known to be written. */
  seq(): number
  fence(): number
}

export type DriveOptions = {
  /** Whether there may be something to hear: not for a run just created. */
  readonly look: boolean
  /** Whether the record is as the claim has just read it, and no news of the run came since. */
  readonly fresh: boolean
  /** Begin nothing more: the server goes down. */
  readonly stopping: AbortSignal
  /** Tell running tools to stop. */
  readonly abandoning: AbortSignal
}

const pauseAfterStoreError = 250
const tellAgainMs = 60_000

/** Steps through a run until it is over or waits for somebody: reads, asks `next`, performs, appends, again. Has no rules of its own. */
export function drive(engine: Engine, lease: RunLease, options: DriveOptions): Drive {
  const { look, stopping, abandoning } = options
  const { store, agents, settings, log } = engine
  const underWay = createUnderWay((error) => {
    if (error !== undefined) background ??= error
    changed.resolve()
  })
  let approvals: ReadonlyMap<ApprovalId, ApprovalRecord> = new Map()
  let outer: RunRecord | null = null
  let children: ReadonlyMap<RunId, RunRecord> = new Map()
  let unseen = look
  let { fresh } = options
  let changed = Promise.withResolvers<void>()
  let background: unknown = null
  let broken = false
  let newer = false
  /** When to say next that the database is away, on the monotonic clock. */
  let tellAgain = 0
  /** Since when the lease was asked for in vain, on the monotonic clock. */
  let unanswered: number | null = null
  const woken = new Set<RunId>()
  const prompts = createPrompts(store, settings.limits.transcript)

  const poke = () => {
    unseen = true
    changed.resolve()
  }

  async function somethingChanges(until: number | null = null) {
    const timer = until === null ? undefined : setTimeout(changed.resolve, Math.max(0, until - store.now()))
    await changed.promise
    clearTimeout(timer)
    changed = Promise.withResolvers()
  }

  /** At the latest when the run's time is over: a call that does not hear that it shall stop would have no end. */
  async function allQuiet() {
    while (underWay.names.size > 0) {
      const present = budget()
      const failure = present && overtime(lease.state, present, store.now())
      if (failure) underWay.stop(failure.message)
      await somethingChanges(failure ? null : endOfTime(lease.state, present))
    }
  }

  async function lookAround() {
    unseen = false
    await fromStore(readAround())
  }

  async function readAround() {
    // In this order: a decision that comes between the two has its signal counted as unseen.
    if (!fresh) await lease.refresh()
    fresh = false
    approvals = await approvalsOf(store, lease.state)
    ;({ outer, children } = await relativesOf(store, lease.run, lease.state))
    if (!lease.run.gated && [...children.values()].some(({ gated }) => gated)) lease.bring({ gated: true })
  }

  /** Gives true when the lease was given up and false when there is more to do. */
  async function takeStep(): Promise<boolean> {
    const { cancelRequested, resumeMode } = lease.run
    const step = next(lease.state, {
      cancelRequested,
      resumeMode,
      approvals,
      outer,
      children,
      running: underWay.names,
      budget: budget(),
      now: store.now(),
    })
    switch (step.do) {
      case 'nothing':
        settleApprovals(lease, store.now())
        return lease.flush({ due: null })
      case 'cancel':
        endRun(lease, store.now(), cancelled(step.request))
        return false
      case 'abort-calls':
        underWay.abort('The run was cancelled.')
        await somethingChanges(endOfTime(lease.state, budget()))
        return false
      case 'stop':
        underWay.stop(step.failure.message)
        await somethingChanges()
        return false
      case 'fail':
        endRun(lease, store.now(), failed(step.failure.code, step.failure.message))
        return false
      case 'cancel-children':
        await lease.flush()
        await cancelChildren(step.children, step.request)
        return false
      case 'await-children':
        // Each says when it is over. Should nobody be there to end one, it is tried again.
        for (const { id } of step.children) wakeOnce(id)
        return giveUp(store.now() + settings.leaseMs)
      case 'join':
        for (const [{ proposed }, child] of step.ended)
          finish(proposed.callId, outcomeOfRun(child, settings.limits.result))
        return false
      case 'expire':
        for (const approval of step.approvals) await fromStore(expire(engine, approval, store.now()))
        unseen = true
        return false
      case 'hear':
        lease.draft({ type: 'decided', decisions: [...step.decisions] }, { heard: step.approvals })
        return false
      case 'recover':
        return recoverAll(step.calls)
      case 'conclude':
        for (const [{ proposed }, outcome] of step.calls) finish(proposed.callId, outcome)
        return false
      case 'resume':
        lease.draft({ type: 'resumed' })
        return false
      case 'complete':
        endRun(lease, store.now(), { type: 'completed', output: step.output })
        return false
      case 'pause':
        lease.draft({ type: 'paused' })
        return giveUp(endOfTime(lease.state, budget()))
      case 'wait-outside':
        return giveUp(endOfTime(lease.state, budget()))
      case 'wait-here':
        await lease.flush()
        if (!unseen) await somethingChanges(endOfTime(lease.state, budget()))
        return false
      case 'call-model':
        return callModel()
      case 'dispatch':
        return dispatchAll(step.calls, step.resume)
    }
  }

  /** Ends a call whose tool was not run here. */
  function finish(callId: CallId, outcome: CallOutcome) {
    lease.draft({ type: 'call-finished', callId, outcome, modelOutput: null })
  }

  async function cancelChildren(cancelled: readonly RunRecord[], request: CancelRequest) {
    const asked = new Map(children)
    for (const { id } of cancelled) {
      const child = await fromStore(store.runs.signal(id, { ...request, at: store.now() }))
      if (child) asked.set(id, child)
      else asked.delete(id)
      wakeOnce(id)
    }
    children = asked
  }

  /** One that is cancelled. */
  function wakeOnce(id: RunId) {
    if (!woken.has(id)) void engine.worker.wake(id, true)
    woken.add(id)
  }

  function budget(): Budget | null {
    const agent = agents.get(lease.run.agentName)
    return agent ? { ...agent, transcript: settings.limits.transcript } : null
  }

  /** Lets go unless a signal came since the record was read; then looks again. */
  async function giveUp(due: number | null): Promise<boolean> {
    const released = await lease.flush({ due })
    if (!released) unseen = true
    return released
  }

  /** A run whose agent is not registered here is due for a process that has it. */
  const leaveToOthers = () => giveUp(store.now())

  async function recoverAll(calls: readonly Call[]): Promise<boolean> {
    const agent = agents.get(lease.run.agentName)
    if (!agent) return leaveToOthers()
    // Whose lease is over, because the database is away, asks no tool what others may be asking it.
    while (!lease.isHeld() && !stopping.aborted) await renewed()
    if (stopping.aborted) return false
    recover(calls, { engine, lease, agent, underWay })
    return false
  }

  async function callModel(): Promise<boolean> {
    const agent = agents.get(lease.run.agentName)
    if (!agent) return leaveToOthers()
    await lease.flush()
    const prompt = await fromStore(prompts.forModel(agent, lease.state))
    underWay.begin('model', think(engine, lease, agent, prompt, underWay.asking))
    return false
  }

  async function dispatchAll(calls: readonly Call[], resume: boolean): Promise<boolean> {
    const agent = agents.get(lease.run.agentName)
    if (!agent) return leaveToOthers()
    const prompt = await fromStore(prompts.forCalls(agent, lease.state))
    // What was read to hear the decision need not be read again to act on it.
    const records = {
      approvals: { get: async (id: ApprovalId) => approvals.get(id) ?? fromStore(store.approvals.get(id)) },
    }
    const admitted: { call: Call; tool: AgentTool; permit: Permit }[] = []
    const admissions = await Promise.all(
      calls.map(async (call) => {
        const tool = agent.tools.get(call.proposed.toolName)
        return { call, tool, admission: await admit(call, lease.run, tool, records, lease.isHeld) }
      }),
    )
    // What came while the gate was asked, perhaps a cancel, is looked at first; the permits lapse.
    if (unseen) return false
    if (resume) lease.draft({ type: 'resumed' })
    for (const { call, tool, admission } of admissions) {
      const { callId } = call.proposed
      if (admission.verdict === 'tampered') {
        log.error({ runId: lease.run.id, callId }, admission.why)
        underWay.abort('The run failed.')
        await allQuiet()
        endRun(lease, store.now(), failed('TAMPERED', admission.why))
        return false
      }
      if (admission.verdict === 'refused') finish(callId, { error: admission.why })
      else if (admission.verdict === 'answered') finish(callId, admission.outcome)
      else if (admission.verdict === 'delegated') delegate(callId, admission)
      else if (tool) admitted.push({ call, tool, permit: admission.permit })
    }
    for (const { call } of admitted) lease.draft({ type: 'call-started', callId: call.proposed.callId })
    await lease.flush()
    if (lease.run.cancelRequested) {
      // It was committed before these calls were on record, so it wins: none of them is entered.
      const { by } = lease.run.cancelRequested
      if (admitted.length > 0)
        lease.draft({ type: 'decided', decisions: admitted.map(({ call }) => cancelledCall(call, by)) })
      return false
    }
    for (const { call, tool, permit } of admitted)
      underWay.begin(call.proposed.callId, perform(call, tool, permit, prompt))
    return false
  }

  /** The run of the agent begins with the entry that says so. */
  function delegate(callId: CallId, { agent, message }: { agent: Agent; message: string }) {
    const child = childRun(lease.run, callId, agent, message, store.now())
    children = new Map(children).set(child.run.id, child.run)
    lease.draft({ type: 'child-started', callId, childId: child.run.id }, { start: [child] })
  }

  async function perform(call: Call, tool: AgentTool, permit: Permit, prompt: LanguageModelV4Prompt): Promise<void> {
    // A tool that blocked the process, or its being stopped, may have outlasted the lease: the call is on record, so it is made.
    while (!lease.isHeld()) await renewed()
    // The server stops, and has told all there was to stop.
    if (abandoning.aborted) {
      const { callId } = call.proposed
      lease.draft({ type: 'interrupted', callId, approvalId: null, didNotHappen: true })
      await lease.flush()
      return
    }
    const make = (abortSignal: AbortSignal) => dispatch(permit, { abortSignal, prompt })
    const bounds = { limit: settings.limits.result, ...underWay.signals() }
    const finished = await makeCall(call, tool, bounds, make)
    if (finished) lease.draft(finished)
    underWay.end(call.proposed.callId)
    await lease.flush()
  }

  /** @throws LeaseLost */
  async function renew() {
    unanswered ??= performance.now()
    if (await lease.renew()) poke()
    unanswered = null
  }

  /** @throws LeaseLost */
  async function renewed() {
    try {
      await renew()
    } catch (error) {
      if (!isUnavailable(error)) throw error
      await delay(pauseAfterStoreError)
    }
  }

  /** Nothing new is begun; what waits for nobody's tool is left to whoever comes next, at once. */
  async function handOver(why: string, due: number): Promise<void> {
    underWay.stopAsking(why)
    await allQuiet()
    // A signal that came meanwhile is for whoever comes next.
    while (!(await lease.flush({ due }))) await lease.refresh()
  }

  /** A run whose journal could not be believed when it was read ends by that, and with it what it asked for. */
  async function endTampered({ code, message }: RunFailure) {
    if (lease.state.status !== 'RUNNING') return
    const children = await fromStore(openRunsOnRecord(store, lease.run))
    endRun(lease, store.now(), failed(code, message), children)
  }

  async function work(): Promise<void> {
    for (let released = false; !released; ) {
      // What comes of a run that is being failed already changes nothing, unless it is somebody else's by now.
      if (background !== null && (!broken || background instanceof LeaseLost)) throw background
      if (stopping.aborted) return handOver('The server is shutting down.', store.now())
      // Not at once: it might be this process again.
      if (newer) return handOver('The run is left to a newer server.', store.now() + settings.leaseMs)
      if (lease.refusal && !broken) throw lease.refusal
      if (lease.state.error?.code === 'TAMPERED') await endTampered(lease.state.error)
      // A run that is being failed looks at nothing any more: what it would read may be what failed it.
      if (unseen && !broken) await lookAround()
      else released = await takeStep()
    }
  }

  async function survive(): Promise<void> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        background = null
        if (error instanceof LeaseLost) {
          log.warn(
            { runId: lease.run.id },
            'Lost the lease of a run: somebody else works on it, or the database stayed away.',
          )
          underWay.abort('The lease of the run is lost.')
          return
        }
        if (isUnavailable(error)) {
          if (performance.now() > tellAgain) {
            log.warn({ runId: lease.run.id, err: error }, 'The database does not answer: the run waits for it')
            tellAgain = performance.now() + tellAgainMs
          }
          // Nothing is half done: what was drafted is written by the next flush, what was read is read again.
          unseen = true
          await delay(pauseAfterStoreError, undefined, { signal: stopping }).catch(() => {})
        } else if (isNewer(error)) {
          log.error({ runId: lease.run.id, err: error }, 'A run was left to a newer server')
          // Not even its record can be read: the lease runs out.
          if (newer) return
          newer = true
        } else {
          log.error({ runId: lease.run.id, err: error }, 'A run failed for a reason nobody expected')
          // Not even its failure could be written: the lease runs out, and the sweep tries again.
          if (broken || isOver(lease.state.status)) return
          await fail(error)
        }
      }
    }
  }

  /** Whoever cancelled the run while its tools ended may have been told that it is: it is not failed then. */
  async function cancelSoFar(): Promise<CancelRequest | null> {
    while (lease.isHeld() && !stopping.aborted) {
      try {
        await lease.refresh()
        break
      } catch (error) {
        if (!isUnavailable(error)) break
        await delay(pauseAfterStoreError)
      }
    }
    return lease.run.cancelRequested
  }

  async function fail(error: unknown) {
    broken = true
    underWay.abort('The run failed.')
    await allQuiet()
    const cancel = await cancelSoFar()
    if (cancel) return endRun(lease, store.now(), cancelled(cancel))
    const [code, what] =
      error instanceof StoreFailed
        ? (['STORE_ERROR', 'The database has what cannot be read, or refused what was asked of it'] as const)
        : (['INTERNAL', 'Something went wrong that nobody expected'] as const)
    endRun(lease, store.now(), failed(code, `${what}; the log of the server says what.`))
  }

  const stop = () => poke()
  const abandon = () => underWay.leave('The server is shutting down.')
  stopping.addEventListener('abort', stop)
  abandoning.addEventListener('abort', abandon)
  const done = survive().finally(() => {
    stopping.removeEventListener('abort', stop)
    abandoning.removeEventListener('abort', abandon)
    lease.stop()
  })
  const isOverUnanswered = () =>
    unanswered !== null && performance.now() - unanswered > settings.leaseMs / 10 && !lease.isHeld()
  const lose = () => {
    lease.stop()
    background = new LeaseLost('Somebody else has the lease.')
    underWay.abort('The lease of the run is lost.')
    poke()
  }
  return {
    done,
    isEnding: underWay.isEnding,
    isUnseen: () => unseen,
    isHeld: lease.isHeld,
    poke,
    lose,
    watch() {
      if (!isOverUnanswered()) return
      // A process that was only busy, or asleep, may have the answer already, and not have read it.
      setImmediate(() => {
        if (isOverUnanswered()) underWay.lapse('The database is away, and the lease of the run is over.')
      })
    },
    async renew() {
      try {
        await renew()
      } catch (error) {
        if (!(error instanceof LeaseLost)) throw error
        lose()
      }
    },
    seq: () => lease.run.seq,
    fence: () => lease.run.fence,
  }
}
