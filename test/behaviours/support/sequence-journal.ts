import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { RunId } from '../../../src/ids.ts'
import type { JsonText } from '../../../src/json.ts'
import type { EntryRecord, ResumeMode } from '../../../src/store/records.ts'
import type { CallFact, RunFact } from './sequence-model.ts'
import { type AskedCall, factsOf, planned } from './sequence-tools.ts'

/** A run of a sequence: what its model will say, and what its journal has said so far. */
export type Run = Omit<RunFact, 'calls'> & {
  readonly message: string
  readonly resumeMode: ResumeMode
  readonly key: string | null
  readonly sessionId: string | null
  readonly calls: Call[]
  /** Null until somebody was told, or it was found. */
  id: RunId | null
  /** What the model answers, one turn after the other; without calls it is done. */
  readonly turns: (readonly AskedCall[])[]
  /** Whether the model fails when it is asked next. */
  fails: boolean
  changed: PromiseWithResolvers<void>
  seq: number
  hash: string
  /** How many answers of the model are on record. */
  answered: number
  isPaused: boolean
  /** How often it was continued by somebody who may, and how often it went on. */
  continued: number
  resumed: number
  /** By somebody who may. */
  isCancelAsked: boolean
  failure: string | null
}
/** `digest`: of the schema that its arguments were read with. */
export type Call = CallFact & { readonly run: Run; readonly turn: number; readonly digest: string | null }

/** The calls that wait for somebody's word. */
export const openCalls = (run: Run): Call[] =>
  run.end !== null ? [] : run.calls.filter((call) => call.turn === run.answered && call.isGated && call.heard === null)

/** The calls of which somebody must say what became of them. */
export const doubtfulCalls = (run: Run): Call[] =>
  run.end !== null ? [] : run.calls.filter(({ doubt }) => doubt?.isOpen === true)

/** Reads what is new in a run's journal: each entry follows the one before, says what the model asked for, and nothing comes after the end. */
export function readOn(run: Run, records: readonly EntryRecord[], violate: (what: string) => void): void {
  for (const { seq, text } of records) {
    const entry = JSON.parse(text)
    if (seq !== run.seq + 1 || entry.seq !== seq || entry.prev !== run.hash)
      violate(`the journal of ${run.name} is broken at ${seq}`)
    run.seq = seq
    run.hash = createHash('sha256').update(text).digest('hex')
    const isContinued = entry.type === 'resumed' && run.failure === 'MODEL_ERROR'
    if (run.end !== null && !isContinued) violate(`${run.name} has ${entry.type} after its end`)
    const call = run.calls.find(({ id }) => id === entry.callId)
    switch (entry.type) {
      case 'model-responded':
        run.answered += 1
        break
      case 'proposed':
        addCalls(run, entry, violate)
        break
      case 'paused':
        run.isPaused = true
        break
      case 'resumed':
        run.resumed += 1
        if (run.resumeMode === 'MANUAL' && run.resumed > run.continued)
          violate(`${run.name} goes on, and nobody continued it`)
        Object.assign(run, { isPaused: false, end: null, failure: null })
        break
      case 'answered':
      case 'decided':
        for (const { callId, verdict } of entry.decisions) {
          const decided = run.calls.find(({ id }) => id === callId)
          if (!decided) violate(`${run.name} decides ${callId}, which is no call of it`)
          else if (decided.doubt?.isOpen) decided.doubt.isOpen = false
          else decided.heard = verdict
        }
        break
      case 'call-started':
        if (!call || call.startedSeq !== null)
          violate(`${run.name} starts ${entry.callId} at ${seq}, which is not to be`)
        else call.startedSeq = seq
        break
      case 'interrupted':
        if (!call || call.startedSeq === null || call.outcome !== null || call.doubt !== null || !entry.approvalId)
          violate(`${run.name} was cut off in ${entry.callId} at ${seq}, which is not to be`)
        else call.doubt = { approvalId: entry.approvalId, isOpen: true }
        break
      case 'call-finished':
        if (!call || call.outcome !== null) violate(`${run.name} ends ${entry.callId} at ${seq}, which is not to be`)
        else call.outcome = entry.outcome
        break
      case 'completed':
      case 'failed':
      case 'cancelled':
        Object.assign(run, { end: entry.type, failure: entry.code ?? null, isPaused: false })
    }
  }
}

type Proposed = {
  readonly callId: string
  readonly toolName: string
  readonly arguments: JsonText
  readonly invalid: string | null
  readonly gate: { readonly approval: string | null } | null
  readonly inputSchema: string | null
  readonly expiresAt: number | null
}

function addCalls(
  run: Run,
  { seq, calls }: { seq: number; calls: readonly Proposed[] },
  violate: (what: string) => void,
) {
  const asked = (run.turns[run.answered - 1] ?? []).map(planned)
  if (asked.length !== calls.length) violate(`${run.name} has ${calls.length} calls where the model asked for others`)
  for (const [index, plan] of asked.entries()) {
    const proposed = calls[index]
    if (!proposed) continue
    const name = `${run.name}${run.answered}.${index + 1}`
    const isValid = plan.arguments !== null
    const tier = plan.isGated ? factsOf(plan.tool).tier : 'ungated'
    const id = `call_${run.id?.slice(4)}_${seq}_${index}`
    const isAsAsked =
      proposed.callId === id &&
      (proposed.invalid === null) === isValid &&
      (!isValid || proposed.toolName === plan.tool) &&
      (!isValid || isDeepStrictEqual(JSON.parse(proposed.arguments), plan.arguments)) &&
      tierOf(proposed) === tier
    if (!isAsAsked)
      violate(`${name} is recorded as ${JSON.stringify(proposed)}, and the model asked for ${JSON.stringify(plan)}`)
    const { expiresAt, inputSchema: digest } = proposed
    const nothingYet = { heard: null, startedSeq: null, doubt: null, outcome: null, tamperedAt: null }
    run.calls.push({ ...plan, run, id, name, turn: run.answered, expiresAt, digest, ...nothingYet })
  }
}

const tierOf = ({ gate }: Proposed) => (gate === null ? 'ungated' : (gate.approval?.toLowerCase() ?? 'plain'))
