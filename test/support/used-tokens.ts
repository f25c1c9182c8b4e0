import type { ScriptedPart } from '../../src/agents/scripted-part.ts'

/** Ends an answer of a scripted model as a provider does that counts tokens; what is undefined it does not report. */
export const usedTokens = (input: number | undefined, output: number | undefined): ScriptedPart => ({
  parts: {
    type: 'finish',
    finishReason: { unified: 'tool-calls', raw: undefined },
    usage: {
      inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: output, text: undefined, reasoning: undefined },
    },
  },
})
