import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import { sensitiveOf } from '../approvals/shown.ts'
import { toJsonText } from '../json.ts'
import { hidingOf } from '../sensitive.ts'
import type { RunRecord } from '../store/records.ts'
import { argumentsOf, type RunState } from './fold.ts'

/** Hides in a text about a run what is sensitive in its calls, and in those of the prompt: earlier runs of its session are there too. */
export function hidingTextOf(
  agents: ReadonlyMap<string, Agent>,
  { agentName }: RunRecord,
  { turns }: RunState,
  prompt: LanguageModelV4Prompt,
): (text: string) => string {
  const own = turns.flatMap(({ calls }) =>
    calls.map((call) => {
      const { toolName, sensitive } = call.proposed
      return hidingOf(
        sensitiveOf(agents, { agentName, toolName, sensitive }),
        call.proposed.arguments,
        argumentsOf(call),
      )
    }),
  )
  const parts = prompt.flatMap(({ role, content }) => (role === 'assistant' ? content : []))
  const earlier = parts.flatMap((part) =>
    part.type === 'tool-call'
      ? [hidingOf(sensitiveOf(agents, { agentName, toolName: part.toolName, sensitive: [] }), toJsonText(part.input))]
      : [],
  )
  return (text) => [...own, ...earlier].reduce((before, { message }) => message(before), text)
}
