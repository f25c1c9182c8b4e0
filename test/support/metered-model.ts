import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { type Script, scriptedModel } from '../../src/agents/scripted-model.ts'

/** A scripted model whose provider counts tokens: so many for each answer. What is undefined it does not report. */
export function meteredModel(script: Script, used: { input: number | undefined; output: number | undefined }) {
  const model = scriptedModel(script)
  const usage = {
    inputTokens: { total: used.input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: used.output, text: undefined, reasoning: undefined },
  }
  const meter = () =>
    new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
      transform: (part, controller) => controller.enqueue(part.type === 'finish' ? { ...part, usage } : part),
    })
  return {
    ...model,
    doStream: async (options) => ({ stream: (await model.doStream(options)).stream.pipeThrough(meter()) }),
  } satisfies LanguageModelV4
}
