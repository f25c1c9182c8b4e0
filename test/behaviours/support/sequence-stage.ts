import { setTimeout as delay } from 'node:timers/promises'
import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { turnOf } from '../../../src/agents/scripted-model.ts'
import type { Engine } from '../../../src/engine.ts'
import type { RunId } from '../../../src/ids.ts'
import type { JsonObject } from '../../../src/json.ts'
import type { News } from '../../../src/store/store.ts'
import { randomFrom, turns } from '../../runs/faulty-store.ts'
import { messageOf } from './agents.ts'
import type { Ground } from './ground.ts'
import type { Pause } from './sequence-actions.ts'
import { type Call, type Run, readOn } from './sequence-journal.ts'
import { approvalIdOf, type Execution, type Word } from './sequence-model.ts'
import { type Home, leaseMs, openProcess, type Process } from './sequence-process.ts'
import { isBroken, isSlow, isStubborn, spoken, type ToolName } from './sequence-tools.ts'

type Answer = { readonly __typename: string }
type Held = { readonly callId: string; readonly end: () => void }

/** Where a sequence takes place: the process there is, the runs, what people said and what ran, and the tale of it. */
export class Stage implements Home, AsyncDisposable {
  readonly runs: Run[] = []
  readonly words: Word[] = []
  readonly executions: Execution[] = []
  readonly violations: string[] = []
  /** What was seen happen, to know that the sequences get everywhere. */
  readonly seen: Set<string>
  readonly ground: Ground
  /** Nothing is held up any more: models are done when they have said what they had to, and tools end. */
  isEnding = false
  crashes = 0
  /** Whether a dead process still has leases. */
  isStale = false
  held: Held[] = []
  #process: Process | undefined
  readonly #random: () => number
  readonly #underWay = new Set<Promise<void>>()
  readonly #found = new Set<RunId>()
  readonly #cancels = new Map<RunId, number>()
  readonly #tale: string[] = []
  #offset = 0
  #moment = 0
  #actions = 0
  #isCalm = true
  #isClosing = false

  constructor(ground: Ground, seed: number, seen: Set<string>) {
    this.ground = ground
    this.seen = seen
    this.#random = randomFrom(seed)
  }

  get process(): Process {
    if (!this.#process) throw new Error('There is no process.')
    return this.#process
  }

  async open(): Promise<void> {
    this.#process = await openProcess(this.ground, this, {
      lag: () => Math.floor(this.#random() * 3),
      now: () => this.now(),
      hear: (news) => this.#hear(news),
    })
  }

  /** The clock of the processes. */
  now(): number {
    return Date.now() + this.#offset
  }
  pass(ms: number) {
    this.#offset += ms
  }
  /** Each one later than the one before. */
  moment(): number {
    this.#moment += 1
    return this.#moment
  }

  tell(line: string) {
    this.#tale.push(line)
  }
  /** The sequence in words, calls by their names. */
  tale(): string {
    const names = this.runs.flatMap(({ name, id, calls }) => [
      ...calls.flatMap((call): [string, string][] => [
        [call.id, call.name],
        [approvalIdOf(call.id), `approval ${call.name}`],
      ]),
      ...(id === null ? [] : [[id, name] as [string, string]]),
    ])
    return names.reduce(
      (text, [id, name]) => text.replaceAll(id, name),
      [...this.violations, '', ...this.#tale].join('\n'),
    )
  }
  violate(what: string) {
    this.violations.push(what)
    this.tell(`  !!! ${what}`)
  }

  /** Begins an action. Gives a question: whether nothing else was under way, or has happened since. */
  begin(): () => boolean {
    const isCalm = this.#isCalm && this.#underWay.size === 0
    this.#isCalm = false
    this.#actions += 1
    const mine = this.#actions
    return () => isCalm && mine === this.#actions
  }

  /** Asks the engine and goes on: the answer comes when it comes, and never from a process that died. */
  ask<Result extends Answer>(
    what: string,
    operation: (engine: Engine) => Promise<Result>,
    told: (answer: Result | null) => void,
  ): void {
    const { engine, mortal } = this.process
    this.tell(what)
    const answered = operation(engine).then(
      (answer) => {
        const isLost = mortal.isDead
        if (!isLost) this.tell(`    ${what.split(' ')[0]} is told ${answer.__typename}`)
        told(isLost ? null : answer)
      },
      (error) => {
        if (!mortal.isDead && !this.#isClosing) this.violate(`${what}: ${error}`)
        told(null)
      },
    )
    const underWay = answered.finally(() => this.#underWay.delete(underWay))
    this.#underWay.add(underWay)
  }

  async pause(pause: Pause): Promise<void> {
    if (pause !== 'all') return turns(pause)
    await this.quiet()
    this.#isCalm = true
  }

  /** Until nothing moves by itself. */
  async quiet(): Promise<void> {
    const { mortal } = this.process
    const over = performance.now() + 2_000
    for (let still = 0, slow = 0, last = -1; still < 4 && performance.now() < over; last = mortal.begun) {
      // A database in another process needs the processor too.
      await (slow < 10 ? turns(1) : delay(1))
      const isSame = mortal.begun === last
      slow = isSame && mortal.underWay > 0 ? slow + 1 : 0
      still = isSame && mortal.underWay === 0 ? still + 1 : 0
    }
  }

  /** Until nothing moves, and everybody was answered. */
  async rest(): Promise<void> {
    while (this.#underWay.size > 0) await this.#answers()
    await this.quiet()
    this.#isCalm = true
  }

  async #answers(): Promise<void> {
    const all = Promise.all(this.#underWay)
    const first = await Promise.race([all, delay(10_000, 'over', { ref: false })])
    if (first !== 'over') return
    this.violate('somebody gets no answer')
    this.#underWay.clear()
  }

  /** Reads what the journals say by now. */
  async look(): Promise<void> {
    const { raw } = this.process
    for (const id of this.#found) {
      if (this.runs.some((run) => run.id === id)) continue
      const record = await raw.runs.get(id)
      const run = this.runs.find(({ message }) => message === record?.message)
      if (!run) this.violate(`${id} is a run that nobody started`)
      else if (run.id !== null) this.violate(`${run.name} was started twice`)
      else run.id = id
    }
    this.#found.clear()
    for (const run of this.runs) {
      if (run.id === null) continue
      readOn(run, await raw.journal.read(run.id, run.seq, 1_000), (what) => this.violate(what))
      run.cancelSeq = this.#cancels.get(run.id) ?? null
    }
  }

  /** Ends the process and opens another one: its calls under way may end, and so may what was asked of it. */
  async restart(): Promise<void> {
    this.#isClosing = true
    this.release()
    // Who waits for a dead process is let go of.
    if (!this.isStale) await this.#answers()
    this.#checkLog()
    await this.process.close()
    this.#underWay.clear()
    this.#isClosing = false
    await this.open()
  }

  /** Kills the process, and opens another one after `meanwhile`. */
  async crash(down: 'long' | 'short', meanwhile = async () => {}): Promise<void> {
    this.crashes += 1
    this.#checkLog()
    this.process.mortal.die()
    this.#underWay.clear()
    this.held = []
    // What has arrived is committed.
    await turns(2)
    await this.look()
    if (down === 'long') this.pass(2 * leaseMs)
    this.isStale = down === 'short' && (await this.#hasLeases())
    await this.process.kill()
    await meanwhile()
    await this.open()
  }

  async #hasLeases(): Promise<boolean> {
    const { raw } = this.process
    const records = await Promise.all(this.runs.map(({ id }) => id && raw.runs.get(id)))
    return records.some((record) => record && record.lease !== null)
  }

  release() {
    for (const { end } of this.held.splice(0)) end()
  }

  async speak(prompt: LanguageModelV4Prompt) {
    const run = this.runs.find(({ message }) => message === messageOf(prompt))
    if (!run) throw new Error(`Nobody said ${messageOf(prompt)}.`)
    for (;;) {
      if (run.fails) {
        run.fails = false
        throw new Error('The model is out of order.')
      }
      const calls = run.turns[turnOf(prompt)]
      if (calls && calls.length > 0) return calls.map(spoken)
      if (calls || this.isEnding) return [{ text: 'Done.' }]
      await run.changed.promise
    }
  }

  async enter(tool: ToolName, input: JsonObject, { toolCallId, abortSignal }: Parameters<Home['enter']>[2]) {
    const onRecord = this.#recordOf(toolCallId)
    const execution: Execution = {
      tool,
      callId: toolCallId,
      input: structuredClone(input),
      at: this.moment(),
      onRecord: null,
    }
    this.executions.push(execution)
    this.seen.add(`ran ${tool}`)
    this.tell(`    ${toolCallId} runs: ${tool} ${JSON.stringify(input)}`)
    execution.onRecord = await onRecord.catch(() => null)
    if (isBroken(input.to)) throw new Error('It broke.')
    if (isSlow(input.to) && !this.isEnding && !this.#isClosing)
      await this.#hold(toolCallId, isStubborn(input.to) ? null : abortSignal)
    return { made: toolCallId }
  }

  #hold(callId: string, abortSignal: AbortSignal | null): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    abortSignal?.addEventListener('abort', () => reject(abortSignal.reason))
    this.held.push({ callId, end: resolve })
    return promise.finally(() => {
      this.held = this.held.filter((held) => held.callId !== callId)
    })
  }

  async #recordOf(callId: string): Promise<Execution['onRecord']> {
    const { raw } = this.process
    const runId = `run_${callId.slice('call_'.length).split('_')[0]}` as RunId
    const [records, approval] = await Promise.all([
      raw.journal.read(runId, 0, 1_000),
      raw.approvals.get(approvalIdOf(callId)),
    ])
    const entries = records.map(({ text }) => JSON.parse(text))
    const decisions: { callId: string; verdict: string }[] = entries.flatMap(({ decisions = [] }) => decisions)
    return {
      isStarted: entries.some((entry) => entry.type === 'call-started' && entry.callId === callId),
      verdict: decisions.findLast((decision) => decision.callId === callId)?.verdict ?? null,
      approval: approval?.status ?? null,
    }
  }

  #hear(news: News) {
    if (news.kind !== 'run') return
    this.#found.add(news.id)
    if (!news.record?.cancelRequested) return
    this.#cancels.set(news.id, Math.min(news.record.seq, this.#cancels.get(news.id) ?? Number.POSITIVE_INFINITY))
  }

  /** Nothing unexpected may have been logged; what was tampered with is. */
  #checkLog() {
    for (const { msg, err } of this.process.errors) {
      const isTampering = /approval .*(another call|other arguments)|edited arguments/i.test(msg)
      if (!isTampering) this.violate(`the log says: ${msg} ${err?.message ?? ''}`)
    }
  }

  async [Symbol.asyncDispose]() {
    this.isEnding = true
    this.release()
    for (const run of this.runs) run.changed.resolve()
    this.#checkLog()
    await this.#process?.close()
  }

  calls(): Call[] {
    return this.runs.flatMap(({ calls }) => calls)
  }
}
