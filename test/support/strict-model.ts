import type { LanguageModelV4, LanguageModelV4Prompt } from '@ai-sdk/provider'
import { lastUserIndex, type ScriptedPart, scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import { sha256 } from '../../src/json.ts'

/**
 * A provider as strict as those that sign their reasoning: every answer begins with a signed reasoning part, and a prompt in which an
 * earlier answer lacks it, in its place and with its signature, is refused. It keeps nothing between calls.
 */
export function strictModel(turns: readonly (readonly ScriptedPart[])[]): LanguageModelV4 {
  return scriptedModel((prompt) => {
    const turn = turnOf(prompt)
    answersSince(prompt).forEach(requireReasoning)
    const parts = turns[turn]
    if (!parts) throw new Error(`The strict model has ${turns.length} answers.`)
    return [{ reasoning: thought(turn), providerMetadata: { strict: { signature: sign(turn) } } }, ...parts]
  })
}

const thought = (turn: number) => `This is thought number ${turn + 1}.`
const sign = (turn: number) => sha256(`strict ${turn}`)

const answersSince = (prompt: LanguageModelV4Prompt) =>
  prompt.slice(lastUserIndex(prompt) + 1).filter(({ role }) => role === 'assistant')

function requireReasoning(message: LanguageModelV4Prompt[number], turn: number) {
  const first = message.role === 'assistant' ? message.content[0] : undefined
  if (first?.type !== 'reasoning' || first.text !== thought(turn))
    throw new Error(`Answer ${turn + 1} does not begin with its reasoning.`)
  if (first.providerOptions?.strict?.signature !== sign(turn))
    throw new Error(`Answer ${turn + 1} has not its reasoning's signature.`)
}
