import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import { scriptedDemoModel } from './scripted.ts'

/** What chooses the model: values that are empty count as not set. */
export type ModelSettings = {
  readonly OPENAI_API_KEY?: string | undefined
  /** Any server that speaks OpenAI's chat completions, such as Ollama or vLLM; enough without a key. */
  readonly OPENAI_BASE_URL?: string | undefined
  readonly ANTHROPIC_API_KEY?: string | undefined
  /** The model's name at the provider. */
  readonly MODEL?: string | undefined
}

const defaults = { openai: 'gpt-4.1-mini', anthropic: 'claude-sonnet-5' }

/** The demo's model, and one line that says which it is. */
export function chooseModel(env: ModelSettings): { readonly model: LanguageModelV4; readonly notice: string } {
  if (env.OPENAI_API_KEY || env.OPENAI_BASE_URL) {
    const baseURL = env.OPENAI_BASE_URL || 'https://api.openai.com/v1'
    const name = env.MODEL || defaults.openai
    const model = createOpenAI({ baseURL, apiKey: env.OPENAI_API_KEY || 'none' }).chat(name)
    return { model, notice: `${name} at ${new URL(baseURL).host}` }
  }
  if (env.ANTHROPIC_API_KEY) {
    const name = env.MODEL || defaults.anthropic
    return { model: createAnthropic({ apiKey: env.ANTHROPIC_API_KEY })(name), notice: `${name} at Anthropic` }
  }
  return {
    model: scriptedDemoModel,
    notice:
      'a script that follows simple rules, no language model (set OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL for one)',
  }
}
