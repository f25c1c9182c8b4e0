import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { z } from 'zod'
import type { Agent } from '../../../src/agents/agent.ts'
import { defineAgent, type ToolRecord } from '../../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'

type Turns = readonly (readonly ScriptedPart[])[]
export type Watched = {
  readonly agent: Agent
  /** Everything the model was sent, one prompt a call. */
  readonly prompts: readonly LanguageModelV4Prompt[]
}

/** An agent whose model says these things, one answer after the other, then 'Done.'; what it was sent is kept. */
export function agentOf(
  tools: ToolRecord,
  turns: Turns | ((prompt: LanguageModelV4Prompt) => readonly ScriptedPart[] | Promise<readonly ScriptedPart[]>),
  { name = 'agent' }: { name?: string } = {},
): Watched {
  const prompts: LanguageModelV4Prompt[] = []
  const model = scriptedModel((prompt) => {
    prompts.push(prompt)
    return typeof turns === 'function' ? turns(prompt) : (turns[turnOf(prompt)] ?? [{ text: 'Done.' }])
  })
  return { agent: defineAgent({ name, model, tools }), prompts }
}

/** What the user asked last. */
export function messageOf(prompt: LanguageModelV4Prompt): string {
  const last = prompt.findLast(({ role }) => role === 'user')
  const [part] = last?.role === 'user' ? last.content : []
  return part?.type === 'text' ? part.text : ''
}

/** What the model heard of its last calls, in the order in which it heard it. */
export function heard(prompt: LanguageModelV4Prompt | undefined) {
  const last = prompt?.at(-1)
  if (last?.role !== 'tool') throw new Error(`No tool has spoken last: ${JSON.stringify(last)}`)
  return last.content.flatMap((part) =>
    part.type === 'tool-result' ? { id: part.toolCallId, tool: part.toolName, output: part.output } : [],
  )
}

export type Made = { readonly id: string; readonly input: unknown }

/** Keeps each call that was made, with what it was made with. */
export function ledger() {
  const made: Made[] = []
  return {
    made,
    inputs: () => made.map(({ input }) => input),
    /** How often the call of this id was made. */
    times: (callId: string) => made.filter(({ id }) => id === callId).length,
    enter<Input>(input: Input, { toolCallId }: { toolCallId: string }) {
      made.push({ id: toolCallId, input })
      return 'done'
    },
  }
}

/** One agent that proposes one call of a tool under approval, `erase({ id: 'a' })`, and what became of it. */
export function oneErasure() {
  const kept = ledger()
  const erase = tool({ inputSchema: z.object({ id: z.string() }), approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, [[{ call: 'erase', input: { id: 'a' } }]])
  return { kept, prompts, agents: [agent] }
}
