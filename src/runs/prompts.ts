import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import type { Store } from '../store/store.ts'
import type { RunState } from './fold.ts'
import { loadState } from './load.ts'
import { buildPrompt } from './prompt.ts'

/** The prompts of one run while it is worked on: the session's earlier runs are read once. */
export type Prompts = {
  /** For the next model call. */
  forModel(agent: Agent, state: RunState): Promise<LanguageModelV4Prompt>
  /** What the model had been sent when it asked for the present calls: what the AI SDK gives to a tool as `messages`. */
  forCalls(agent: Agent, state: RunState): Promise<LanguageModelV4Prompt>
}

export function createPrompts(store: Store): Prompts {
  let history: Promise<readonly RunState[]> | null = null
  let last: { readonly turns: number; readonly prompt: LanguageModelV4Prompt } | null = null

  async function promptOf(agent: Agent, state: RunState) {
    if (last?.turns === state.turns.length) return last.prompt
    history ??= Promise.all((state.input?.history ?? []).map(({ runId, seq }) => loadState(store, runId, seq)))
    const earlier = await history.catch((error) => {
      history = null
      throw error
    })
    last = { turns: state.turns.length, prompt: buildPrompt(agent, earlier, state) }
    return last.prompt
  }
  return {
    forModel: promptOf,
    forCalls: (agent, state) => promptOf(agent, { ...state, turns: state.turns.slice(0, -1) }),
  }
}
