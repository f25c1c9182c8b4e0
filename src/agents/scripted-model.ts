import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { PartWriter, type ScriptedPart } from './scripted-part.ts'

export type { ScriptedPart } from './scripted-part.ts'

/** What a script may look at beside the prompt. */
export type ScriptedCall = Pick<LanguageModelV4CallOptions, 'abortSignal'> & {
  readonly tools: NonNullable<LanguageModelV4CallOptions['tools']>
}
export type ScriptedAnswer = readonly ScriptedPart[] | AsyncIterable<ScriptedPart>
/** A function of the prompt, or the answers in order: the first to a user's message, the second once tools have run, and so on. */
export type Script =
  | ((prompt: LanguageModelV4Prompt, call: ScriptedCall) => ScriptedAnswer | PromiseLike<ScriptedAnswer>)
  | readonly (ScriptedPart | readonly ScriptedPart[])[]

/**
 * A language model that answers from a script: for tests and demonstrations without a provider.
 * It keeps nothing between calls. What it answers follows from the prompt alone, also after a restart and in another process.
 *
 * @param script Answers in order, each one part or a list of parts, chosen by how often the model has answered since the last user message; or a function,
 * whose exception is the failure of the call.
 * @example
 * const model = scriptedModel([{ call: 'delete_user', input: { userId: 'u_42' } }, { text: 'Done.' }])
 */
export function scriptedModel(script: Script): LanguageModelV4 {
  const answer = typeof script === 'function' ? script : inOrder(script)
  return {
    specificationVersion: 'v4',
    provider: 'countersign',
    modelId: 'scripted',
    supportedUrls: {},
    async doGenerate() {
      throw new Error('A scripted model only streams: call doStream (or streamText of the AI SDK).')
    },
    async doStream({ prompt, abortSignal, tools = [] }) {
      abortSignal?.throwIfAborted()
      const parts = await answer(prompt, { abortSignal, tools })
      // Ids that no earlier answer in this prompt has.
      const writer = new PartWriter(`call_${countAssistants(prompt, 0)}`)
      return { stream: 'length' in parts ? streamList(parts, writer) : streamIterable(parts, writer, abortSignal) }
    },
  }
}

/** The user message that is being answered. */
export const lastUserIndex = (prompt: LanguageModelV4Prompt): number =>
  prompt.findLastIndex(({ role }) => role === 'user')

/** How often the model has answered since the last user message. */
export const turnOf = (prompt: LanguageModelV4Prompt): number => countAssistants(prompt, lastUserIndex(prompt) + 1)

function countAssistants(prompt: LanguageModelV4Prompt, from: number): number {
  let count = 0
  for (let index = from; index < prompt.length; index += 1) if (prompt[index]?.role === 'assistant') count += 1
  return count
}

function inOrder(turns: Exclude<Script, (...input: never) => unknown>) {
  const answers = turns.map((turn): readonly ScriptedPart[] => ('length' in turn ? turn : [turn]))
  return (prompt: LanguageModelV4Prompt) => {
    const turn = turnOf(prompt)
    const parts = answers[turn]
    if (!parts)
      throw new Error(`The script has ${answers.length} answers, and the model was asked for number ${turn + 1}.`)
    return parts
  }
}

// The pieces are all there: one `start` without a promise for each is what makes a call cheap.
const streamList = (parts: readonly ScriptedPart[], writer: PartWriter): ReadableStream<LanguageModelV4StreamPart> =>
  new ReadableStream({
    start(controller) {
      for (const piece of writer.begin()) controller.enqueue(piece)
      for (const part of parts) for (const piece of writer.read(part)) controller.enqueue(piece)
      for (const piece of writer.end()) controller.enqueue(piece)
      controller.close()
    },
  })

function streamIterable(
  parts: AsyncIterable<ScriptedPart>,
  writer: PartWriter,
  signal: AbortSignal | undefined,
): ReadableStream<LanguageModelV4StreamPart> {
  const iterator = parts[Symbol.asyncIterator]()
  return new ReadableStream({
    start(controller) {
      for (const piece of writer.begin()) controller.enqueue(piece)
      // An error comes at once, and not only when the script next yields.
      signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true })
    },
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (signal?.aborted) return
      for (const piece of done ? writer.end() : writer.read(value)) controller.enqueue(piece)
      if (done) controller.close()
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
