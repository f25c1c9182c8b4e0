import { setTimeout as delay } from 'node:timers/promises'
import { APICallError, type LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import { collectAnswer, type ModelAnswer, ModelFailed, messageOf } from './collect-answer.ts'
import { orAborted } from './or-aborted.ts'

/** A model that sends nothing for so long will not send any more: it holds a place that other runs wait for. */
const longestSilence = 300_000
const longestWait = 60_000

export type AskOptions = {
  readonly abortSignal: AbortSignal
  /** The text as it comes: `offset` 0 begins anew after a failure. */
  readonly onText: (offset: number, delta: string) => void
  /** How long the answer may be, in bytes. */
  readonly limit: number
}

/**
 * Asks the model, and again after a passing failure (network, 429, 5xx, a broken or silent stream), with growing waits.
 *
 * @throws ModelFailed with the model's error; what `abortSignal` gives as its reason when aborted.
 */
export async function askModel(agent: Agent, prompt: LanguageModelV4Prompt, options: AskOptions): Promise<ModelAnswer> {
  const { abortSignal } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return await askOnce(agent, prompt, options)
    } catch (error) {
      abortSignal.throwIfAborted()
      if (error instanceof ModelFailed) throw error
      if (attempt >= agent.maxRetries || !mayPass(error)) throw new ModelFailed(messageOf(error), { cause: error })
      await delay(waitAfter(error, attempt), undefined, { signal: abortSignal })
    }
  }
}

async function askOnce(agent: Agent, prompt: LanguageModelV4Prompt, options: AskOptions): Promise<ModelAnswer> {
  const silence = new AbortController()
  const fallSilent = () => silence.abort(new Error(`The model sent nothing for ${longestSilence / 1_000} seconds.`))
  const timer = setTimeout(fallSilent, longestSilence)
  const signal = AbortSignal.any([options.abortSignal, silence.signal])
  try {
    const tools = toolsOf(agent)
    const asked = agent.model.doStream({ prompt, abortSignal: signal, ...(tools.length > 0 ? { tools } : {}) })
    const { stream } = await orAborted(asked, signal)
    return await collectAnswer(
      partsOf(stream, signal, () => timer.refresh()),
      options,
    )
  } finally {
    clearTimeout(timer)
  }
}

const toolsOf = (agent: Agent) =>
  [...agent.tools.values()].map(({ name, description, modelSchema }) => ({
    type: 'function' as const,
    name,
    ...(description === null ? {} : { description }),
    inputSchema: structuredClone(modelSchema.json),
  }))

/** A stream's parts until the signal aborts: not every model listens to it. */
async function* partsOf<Part>(
  stream: ReadableStream<Part>,
  signal: AbortSignal,
  onPart: () => void,
): AsyncGenerator<Part> {
  const reader = stream.getReader()
  const cancel = () => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) return
      onPart()
      yield value
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

/** What a provider refuses for good is not asked again; a broken connection or stream is. */
const mayPass = (error: unknown) => !APICallError.isInstance(error) || error.isRetryable

/** In ms: the provider's own wish, or twice as long each time; a minute at most, because the run keeps its place meanwhile. */
export function waitAfter(error: unknown, attempt: number): number {
  const headers = APICallError.isInstance(error) ? error.responseHeaders : undefined
  const wish = Number(headers?.['retry-after-ms'] ?? Number(headers?.['retry-after']) * 1_000)
  return Math.min(wish >= 0 ? wish : 500 * 2 ** attempt, longestWait)
}
