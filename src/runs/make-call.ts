import { z } from 'zod'
import type { AgentTool } from '../agents/agent.ts'
import { byteLength, isJsonObject, type JsonText, type JsonValue, readJsonObject, toJson, toJsonText } from '../json.ts'
import type { RunRecord } from '../store/records.ts'
import { tookLonger } from './budget.ts'
import { argumentsOf, type Call } from './fold.ts'
import type { CallOutcome, EntryOf } from './journal.ts'
import { orAborted } from './or-aborted.ts'
import type { CallSignals } from './under-way.ts'

const longestError = 10_000

type CallBounds = CallSignals & {
  /** Of the result, in bytes. */
  readonly limit: number
}

const toldToStop = 'It was told to stop, and the call may have happened.'

type Finished = Pick<EntryOf<'call-finished'>, 'type' | 'callId' | 'outcome' | 'modelOutput'>

/**
 * Makes a call and says how it ended, whatever it does: a throw is an error for the model, and so is a result that cannot be recorded. One
 * whose time is over has ended: what it still does or gives is nobody's any more. Null for one that was left and gave nothing: it was cut off,
 * as by a crash, and whoever has the run next sees to that.
 */
export async function makeCall(
  call: Call,
  tool: AgentTool,
  { limit, abortSignal, leaving, outOfTime }: CallBounds,
  make: (abortSignal: AbortSignal) => Promise<unknown>,
): Promise<Finished | null> {
  const finished = { type: 'call-finished' as const, callId: call.proposed.callId }
  const { timeoutMs } = tool
  const late = new AbortController()
  const stop = (ms: number) => late.abort(new DOMException(tookLonger('call', ms), 'TimeoutError'))
  const timer = timeoutMs === null ? undefined : setTimeout(stop, timeoutMs, timeoutMs)
  const over = AbortSignal.any([late.signal, outOfTime])
  const told = AbortSignal.any([abortSignal, leaving, over])
  // Unless somebody listens, Node asks the signals behind it only when it is asked itself: by then they may be gone.
  const follow = () => {}
  told.addEventListener('abort', follow)
  let result: unknown
  try {
    result = await orAborted(make(told), over)
  } catch (error) {
    // Whatever the tool makes of being told to stop.
    if (leaving.aborted && !over.aborted && !abortSignal.aborted) return null
    const why = over.aborted ? over.reason : error
    // A tool that has words of its own for how it ended knows that.
    const message =
      over.aborted || (told.aborted && why === told.reason) ? `${messageOf(why)} ${toldToStop}` : messageOf(why)
    return { ...finished, outcome: { error: message }, modelOutput: null }
  } finally {
    clearTimeout(timer)
    told.removeEventListener('abort', follow)
  }
  const outcome = recorded(result, limit)
  return {
    ...finished,
    outcome,
    modelOutput:
      'result' in outcome
        ? await wordsFor(call, tool, result, limit, AbortSignal.any([abortSignal, leaving, outOfTime]))
        : null,
  }
}

/** What a call of an agent gives: its last word, or why there is none. Null for a run that is gone. */
export function outcomeOfRun(run: RunRecord | null, limit: number): CallOutcome {
  if (run === null) return { error: 'The run of the agent is gone.' }
  if (run.status === 'COMPLETED') return recorded(run.output ?? '', limit)
  return {
    error:
      run.status === 'CANCELLED' ? 'The run of the agent was cancelled.' : `The agent failed: ${run.error?.message}`,
  }
}

/** What a tool's `reconcile` says of a call: its outcome, that there is none, or that it cannot tell. */
export async function findOut(
  call: Call,
  tool: AgentTool,
  { limit, abortSignal, patienceMs = longestLookUp }: { limit: number; abortSignal: AbortSignal; patienceMs?: number },
): Promise<CallOutcome | 'did-not-happen' | 'unknown'> {
  try {
    const signal = AbortSignal.any([abortSignal, AbortSignal.timeout(patienceMs)])
    const options = { toolCallId: call.proposed.callId, abortSignal: signal }
    const asked = Promise.resolve(tool.reconcile?.(readJsonObject(argumentsOf(call)), options))
    const said = reconciled.safeParse(await orAborted(asked, signal))
    if (!said.success) return 'unknown'
    if (!said.data.happened) return 'did-not-happen'
    return 'error' in said.data ? { error: messageOf(said.data.error) } : recorded(said.data.result, limit)
  } catch {
    return 'unknown'
  }
}

const longestLookUp = 60_000
/** Read strictly: what is not understood has told nothing. */
const reconciled = z.union([
  z.strictObject({ happened: z.literal(false) }),
  z.strictObject({ happened: z.literal(true), error: z.string() }),
  z.strictObject({ happened: z.literal(true), result: z.unknown() }),
])

function recorded(result: unknown, limit: number): CallOutcome {
  const ran = 'The call ran, but its result could not be recorded:'
  try {
    const text = toJsonText(result)
    return byteLength(text) <= limit ? { result: text } : { error: `${ran} it is longer than ${limit} bytes.` }
  } catch (error) {
    return { error: `${ran} ${messageOf(error)}` }
  }
}

/** The tool's own words for the model. They are a convenience: when they fail, or do not come, the model gets the result itself. */
async function wordsFor(
  call: Call,
  tool: AgentTool,
  output: unknown,
  limit: number,
  signal: AbortSignal,
): Promise<JsonText | null> {
  if (!tool.toModelOutput) return null
  try {
    const input = readJsonObject(argumentsOf(call))
    const asked = tool.toModelOutput({ toolCallId: call.proposed.callId, input, output })
    const words = toJson(await orAborted(asked, AbortSignal.any([signal, AbortSignal.timeout(patience)])))
    const text = toJsonText(words)
    return isOutput(words) && byteLength(text) <= limit ? text : null
  } catch {
    return null
  }
}

const patience = 10_000
/** LanguageModelV4ToolResultOutput's. */
const outputTypes = ['text', 'json', 'execution-denied', 'error-text', 'error-json', 'content']
const isOutput = (words: JsonValue) => isJsonObject(words) && outputTypes.includes(String(words.type))

/** The message and no stack: the model may repeat what it hears. */
function messageOf(error: unknown): string {
  let message: string
  try {
    message = String(error instanceof Error ? error.message || error.name : error)
  } catch {
    message = ''
  }
  return (message || 'The tool failed without a message.').toWellFormed().slice(0, longestError)
}
