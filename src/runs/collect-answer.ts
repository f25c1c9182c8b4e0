import { inspect } from 'node:util'
import type {
  LanguageModelV4Content,
  LanguageModelV4File,
  LanguageModelV4ReasoningFile,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
} from '@ai-sdk/provider'
import { byteLength, type JsonText, toJsonText } from '../json.ts'

/** The model's whole answer. */
export type ModelAnswer = {
  readonly content: JsonText
  readonly text: string | null
  readonly toolCalls: readonly { readonly toolCallId: string; readonly toolName: string; readonly input: string }[]
  readonly usage: { readonly inputTokens: number | null; readonly outputTokens: number | null }
}

/** The model failed for good, or spoke what this program refuses. */
export class ModelFailed extends Error {}

/**
 * Collects a stream into the answer, the parts in the order in which they began.
 *
 * @param limit In bytes, about: a model that never stops must not fill the memory.
 * @throws ModelFailed for what would be no better when asked again; Error for a stream that broke.
 */
export async function collectAnswer(
  parts: AsyncIterable<LanguageModelV4StreamPart>,
  { onText, limit }: { onText: (offset: number, delta: string) => void; limit: number },
): Promise<ModelAnswer> {
  const content: LanguageModelV4Content[] = []
  const open = new Map<string, TextBlock>()
  let text = ''
  let finished = false
  let usage: ModelAnswer['usage'] = { inputTokens: null, outputTokens: null }
  let size = 0
  for await (const part of parts) {
    size += sizeOf(part)
    if (size > limit) throw new ModelFailed(`The model's answer is longer than ${limit} bytes.`)
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start': {
        const type = part.type === 'text-start' ? 'text' : 'reasoning'
        const block: TextBlock = { type, text: '', ...metadata(part) }
        content.push(block)
        open.set(`${type}:${part.id}`, block)
        break
      }
      case 'text-delta':
      case 'reasoning-delta': {
        const type = part.type === 'text-delta' ? 'text' : 'reasoning'
        const block = open.get(`${type}:${part.id}`)
        if (!block) throw new Error(`The model's stream has a ${part.type} before its start.`)
        block.text += part.delta
        Object.assign(block, metadata(part))
        if (type === 'text' && part.delta !== '') {
          onText(text.length, part.delta)
          text += part.delta
        }
        break
      }
      case 'text-end':
      case 'reasoning-end': {
        const block = open.get(`${part.type === 'text-end' ? 'text' : 'reasoning'}:${part.id}`)
        if (block) Object.assign(block, metadata(part))
        break
      }
      case 'tool-call':
        if (part.providerExecuted) throw executedElsewhere(part.toolName)
        content.push(checkedCall(part))
        break
      case 'tool-result':
      case 'tool-approval-request':
        throw executedElsewhere('toolName' in part ? part.toolName : part.type)
      case 'file':
      case 'reasoning-file':
        content.push(withTextData(part))
        break
      case 'source':
      case 'custom':
        content.push(part)
        break
      case 'finish':
        finished = true
        usage = {
          inputTokens: counted(part.usage.inputTokens.total),
          outputTokens: counted(part.usage.outputTokens.total),
        }
        if (part.finishReason.unified === 'error') throw new Error('The model ended its answer with an error.')
        // The stream broke: half an answer is none.
        if (part.finishReason.unified === 'interrupted') throw new Error("The model's stream ended in the middle.")
        break
      case 'error':
        throw part.error instanceof Error ? part.error : new Error(messageOf(part.error))
    }
  }
  if (!finished) throw new Error("The model's stream ended in the middle.")
  const toolCalls = content.filter((part) => part.type === 'tool-call')
  const whole = asText(content)
  // Files have no deltas, and escapes make text longer.
  if (byteLength(whole) > 2 * limit) throw new ModelFailed(`The model's answer is longer than ${limit} bytes.`)
  return { content: whole, text: text === '' ? null : text.toWellFormed(), toolCalls, usage }
}

type TextBlock = Extract<LanguageModelV4Content, { type: 'text' | 'reasoning' }>
type Metadata = Pick<TextBlock, 'providerMetadata'>
const metadata = ({ providerMetadata }: Metadata): Metadata => (providerMetadata ? { providerMetadata } : {})

/** Whatever is kept of it; parts without end must not be free either. */
function sizeOf(part: LanguageModelV4StreamPart): number {
  if ('delta' in part) return part.delta.length
  if ((part.type === 'file' || part.type === 'reasoning-file') && part.data.type === 'data')
    return part.data.data.length
  try {
    return JSON.stringify(part).length
  } catch {
    // What cannot be recorded is refused in the end.
    return 1
  }
}

/** Some providers report NaN, or nothing. */
const counted = (tokens: unknown): number | null =>
  typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : null

/** A provider of one's own may forget what the types demand. */
function checkedCall(part: LanguageModelV4ToolCall): LanguageModelV4ToolCall {
  const { toolCallId, toolName, input } = part
  if ([toolCallId, toolName, input].every((text) => typeof text === 'string')) return part
  throw new ModelFailed('The model sent a tool call whose toolCallId, toolName or input is no text: mend its provider.')
}

/** Bytes as base64, which providers take as well, and JSON can carry. */
function withTextData<Part extends LanguageModelV4File | LanguageModelV4ReasoningFile>(part: Part): Part {
  const { data } = part
  if (data.type !== 'data' || typeof data.data === 'string') return part
  return { ...part, data: { type: 'data', data: Buffer.from(data.data).toString('base64') } }
}

function asText(content: readonly LanguageModelV4Content[]): JsonText {
  try {
    return toJsonText(content)
  } catch (cause) {
    throw new ModelFailed(`The model's answer cannot be recorded. ${messageOf(cause)}`, { cause })
  }
}

const executedElsewhere = (what: string) =>
  new ModelFailed(
    `The model provider ran a tool of its own (${what}), which no approval can guard. Take provider-executed tools from the model's settings.`,
  )

/** Providers throw all sorts of things. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return String(error.message)
  return typeof error === 'string' ? error : inspect(error, { depth: 3, breakLength: Number.POSITIVE_INFINITY })
}
