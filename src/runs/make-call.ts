import type { AgentTool } from '../agents/agent.ts'
import { byteLength, type JsonText, readJsonObject, toJsonText } from '../json.ts'
import { argumentsOf, type Call } from './fold.ts'
import type { CallOutcome, EntryOf } from './journal.ts'

const longestError = 10_000

type Finished = Pick<EntryOf<'call-finished'>, 'type' | 'callId' | 'outcome' | 'modelOutput'>

/** Makes a call and says how it ended, whatever it does: a throw is an error for the model, and so is a result that cannot be recorded. */
export async function makeCall(
  call: Call,
  tool: AgentTool,
  limit: number,
  make: () => Promise<unknown>,
): Promise<Finished> {
  const finished = { type: 'call-finished' as const, callId: call.proposed.callId }
  let result: unknown
  try {
    result = await make()
  } catch (error) {
    return { ...finished, outcome: { error: messageOf(error) }, modelOutput: null }
  }
  const outcome = recorded(result, limit)
  return { ...finished, outcome, modelOutput: 'result' in outcome ? await wordsFor(call, tool, result, limit) : null }
}

function recorded(result: unknown, limit: number): CallOutcome {
  const ran = 'The call ran, but its result could not be recorded:'
  try {
    const text = toJsonText(result)
    return byteLength(text) <= limit ? { result: text } : { error: `${ran} it is longer than ${limit} bytes.` }
  } catch (error) {
    return { error: `${ran} ${messageOf(error)}` }
  }
}

/** The tool's own words for the model. They are a convenience: when they fail the model gets the result itself. */
async function wordsFor(call: Call, tool: AgentTool, output: unknown, limit: number): Promise<JsonText | null> {
  if (!tool.toModelOutput) return null
  try {
    const words = await tool.toModelOutput({
      toolCallId: call.proposed.callId,
      input: readJsonObject(argumentsOf(call)),
      output,
    })
    const text = toJsonText(words)
    return byteLength(text) <= limit ? text : null
  } catch {
    return null
  }
}

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
