import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  APICallError,
  type LanguageModelV4Content,
  type LanguageModelV4Prompt,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import type { JsonText } from '../json.ts'
import { readJsonObject, toJsonText } from '../json.ts'

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
 * Asks the model, and again after a passing failure (network, 429, 5xx, a broken stream), with growing waits.
 *
 * @param onText The text as it comes: `offset` 0 begins anew after a failure.
 * @throws ModelFailed with the model's error; what `abortSignal` gives as its reason when aborted.
 */
export async function askModel(
  agent: Agent,
  prompt: LanguageModelV4Prompt,
  { abortSignal, onText }: { abortSignal: AbortSignal; onText: (offset: number, delta: string) => void },
): Promise<ModelAnswer> {
  const tools = [...agent.tools.values()].map(({ name, description, schemaText }) => ({
    type: 'function' as const,
    name,
    ...(description === null ? {} : { description }),
    inputSchema: readJsonObject(schemaText),
  }))
  for (let attempt = 0; ; attempt++) {
    try {
      const { stream } = await agent.model.doStream({ prompt, abortSignal, ...(tools.length > 0 ? { tools } : {}) })
      return await collect(stream, onText)
    } catch (error) {
      abortSignal.throwIfAborted()
      if (error instanceof ModelFailed) throw error
      if (attempt >= agent.maxRetries || !mayPass(error)) throw new ModelFailed(messageOf(error), { cause: error })
      await delay(retryAfter(error) ?? 500 * 2 ** attempt, undefined, { signal: abortSignal })
    }
  }
}

/** What a provider refuses for good is not asked again; a broken connection or stream is. */
const mayPass = (error: unknown) => !APICallError.isInstance(error) || error.isRetryable

/** The provider's own wish, in ms; at most a minute. */
function retryAfter(error: unknown): number | null {
  const headers = APICallError.isInstance(error) ? error.responseHeaders : undefined
  const ms = Number(headers?.['retry-after-ms'] ?? Number(headers?.['retry-after']) * 1_000)
  return ms >= 0 && ms <= 60_000 ? ms : null
}

async function collect(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  onText: (offset: number, delta: string) => void,
): Promise<ModelAnswer> {
  const content: LanguageModelV4Content[] = []
  const open = new Map<string, TextBlock>()
  let text = ''
  let finished = false
  let usage: ModelAnswer['usage'] = { inputTokens: null, outputTokens: null }
  for await (const part of stream) {
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
        content.push(part)
        break
      case 'tool-result':
      case 'tool-approval-request':
        throw executedElsewhere('toolName' in part ? part.toolName : part.type)
      case 'file':
      case 'reasoning-file':
      case 'source':
      case 'custom':
        content.push(part)
        break
      case 'finish':
        finished = true
        usage = {
          inputTokens: part.usage.inputTokens.total ?? null,
          outputTokens: part.usage.outputTokens.total ?? null,
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
  return { content: toJsonText(content), text: text === '' ? null : text.toWellFormed(), toolCalls, usage }
}

type TextBlock = Extract<LanguageModelV4Content, { type: 'text' | 'reasoning' }>
type Metadata = Pick<TextBlock, 'providerMetadata'>
const metadata = ({ providerMetadata }: Metadata): Metadata => (providerMetadata ? { providerMetadata } : {})

const executedElsewhere = (what: string) =>
  new ModelFailed(
    `The model provider ran a tool of its own (${what}), which no approval can guard. Take provider-executed tools from the model's settings.`,
  )

/** Providers throw all sorts of things. */
function messageOf(error: unknown): string {
  if (error instanceof Error) return String(error.message)
  return typeof error === 'string' ? error : inspect(error, { depth: 3, breakLength: Number.POSITIVE_INFINITY })
}
