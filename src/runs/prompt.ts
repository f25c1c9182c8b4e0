import type {
  LanguageModelV4Content,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import { isJsonObject, parseJson, readJson } from '../json.ts'
import type { Call, RunState, Turn } from './fold.ts'

type AssistantPart = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'][number]
type Output = LanguageModelV4ToolResultPart['output']

/** The prompt of the next model call: instructions, the finished runs of the session, then this run so far. */
export function buildPrompt(agent: Agent, history: readonly RunState[], state: RunState): LanguageModelV4Prompt {
  const system: LanguageModelV4Prompt =
    agent.instructions === null ? [] : [{ role: 'system', content: agent.instructions }]
  const ids = promptIds()
  return [...system, ...[...history, state].flatMap((run) => messagesOf(run, ids))]
}

/** How many messages a run takes in a prompt. */
export const countMessages = (state: RunState): number => messagesOf(state, promptIds()).length

type PromptIds = (call: Call) => string

function messagesOf(state: RunState, idOf: PromptIds): LanguageModelV4Message[] {
  const text = state.input?.message ?? ''
  return [
    { role: 'user', content: [{ type: 'text', text }] },
    ...state.turns.flatMap((turn) => turnMessages(turn, idOf)),
  ]
}

function turnMessages(turn: Turn, idOf: PromptIds): LanguageModelV4Message[] {
  const ids = new Map<Call | undefined, string>(turn.calls.map((call) => [call, idOf(call)]))
  const calls = turn.calls.values()
  const content = contentOf(turn).flatMap((part) => partOf(part, () => ids.get(calls.next().value)))
  const assistant: LanguageModelV4Message = { role: 'assistant', content }
  if (turn.calls.length === 0) return content.length > 0 ? [assistant] : []
  const results = turn.calls.map(
    (call): LanguageModelV4ToolResultPart => ({
      type: 'tool-result',
      toolCallId: ids.get(call) ?? '',
      toolName: call.proposed.toolName,
      output: outputOf(call),
    }),
  )
  return [assistant, { role: 'tool', content: results }]
}

/** The journal keeps what a provider streamed, which is what this type says. */
export const contentOf = (turn: Turn) => JSON.parse(turn.content) as LanguageModelV4Content[]

/** The providers' own ids, but ours where one is missing or stands in the prompt already: results would be mixed up. */
function promptIds(): PromptIds {
  const seen = new Set<string>()
  return ({ proposed: { providerCallId, callId } }) => {
    const id = providerCallId === '' || seen.has(providerCallId) ? callId : providerCallId
    seen.add(id)
    return id
  }
}

function partOf(part: LanguageModelV4Content, nextCallId: () => string | undefined): AssistantPart[] {
  const { providerMetadata } = part as { providerMetadata?: AssistantPart['providerOptions'] }
  const options = providerMetadata ? { providerOptions: providerMetadata } : {}
  switch (part.type) {
    case 'text':
    case 'reasoning':
      // Providers refuse empty text; reasoning without text carries its signature.
      if (part.text === '' && !providerMetadata) return []
      return [{ type: part.type, text: part.text, ...options }]
    case 'tool-call':
      return [
        {
          type: 'tool-call',
          toolCallId: nextCallId() ?? part.toolCallId,
          toolName: part.toolName,
          input: inputOf(part.input),
          ...options,
        },
      ]
    case 'file':
    case 'reasoning-file':
      return [{ type: part.type, data: part.data, mediaType: part.mediaType, ...options } as AssistantPart]
    case 'custom':
      return [{ type: 'custom', kind: part.kind, ...options }]
    // Sources are for readers; approval requests and results of provider-executed tools never get here (such a stream fails the run).
    case 'source':
    case 'tool-approval-request':
    case 'tool-result':
      return []
  }
}

/** Providers want an object; for input that cannot be read (or is nested without end), the result says what was wrong with it. */
function inputOf(input: string): unknown {
  try {
    const value = parseJson(input)
    return isJsonObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** What the model hears of a call. */
function outputOf(call: Call): Output {
  const { decision, outcome, modelOutput } = call
  if (outcome && 'error' in outcome) return { type: 'error-text', value: outcome.error }
  if (outcome) {
    const edited = decision?.arguments ?? null
    if (edited !== null) {
      const note = 'The reviewer changed the arguments before approving. The tool ran with these.'
      // Without what a person filled in: that is hidden from the model.
      return { type: 'json', value: { note, arguments: readJson(edited), result: readJson(outcome.result) } }
    }
    if (modelOutput !== null) return JSON.parse(modelOutput) as Output
    const result = readJson(outcome.result)
    return typeof result === 'string' ? { type: 'text', value: result } : { type: 'json', value: result }
  }
  switch (decision?.verdict) {
    case 'REJECTED':
      return {
        type: 'error-text',
        value: `A reviewer rejected this call; it did not run.${decision.message === null ? '' : ` Message: ${decision.message}`}`,
      }
    case 'EXPIRED':
      return { type: 'error-text', value: 'The approval of this call expired before anybody decided; it did not run.' }
    default:
      return { type: 'error-text', value: 'This call was cancelled; it did not run.' }
  }
}
