import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import type { Store } from '../store/store.ts'
import { type RunState, transcriptSize } from './fold.ts'
import { loadState } from './load.ts'
import { buildPrompt, countMessages } from './prompt.ts'

/** The prompts of one run while it is worked on: the session's earlier runs are read once, up to `limit` bytes of them. */
export type Prompts = {
  /** For the next model call. */
  forModel(agent: Agent, state: RunState): Promise<LanguageModelV4Prompt>
  /** What the model had been sent when it asked for the present calls: what the AI SDK gives to a tool as `messages`. */
  forCalls(agent: Agent, state: RunState): Promise<LanguageModelV4Prompt>
}

export function createPrompts(store: Store, limit: number): Prompts {
  let history: Promise<readonly RunState[]> | null = null
  let last: { readonly turns: number; readonly prompt: LanguageModelV4Prompt } | null = null

  async function promptOf(agent: Agent, state: RunState) {
    if (last?.turns === state.turns.length) return last.prompt
    history ??= loadHistory(store, state.input, limit)
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

/**
 * The newest runs that fit into `limit` bytes and the run's number of messages together, oldest first: finished runs do not change, so a
 * later owner finds the same.
 */
async function loadHistory(store: Store, input: RunState['input'], limit: number): Promise<readonly RunState[]> {
  const loaded: RunState[] = []
  let left = limit
  let messagesLeft = input?.historyMessages ?? 0
  for (const { runId, seq } of input?.history.toReversed() ?? []) {
    if (messagesLeft === 0) break
    const state = await loadState(store, runId, seq)
    // It was deleted: who keeps the database sheds what is old.
    if (state.input === null) continue
    left -= transcriptSize(state)
    messagesLeft -= countMessages(state)
    if (left < 0 || messagesLeft < 0) break
    loaded.unshift(state)
  }
  return loaded
}
