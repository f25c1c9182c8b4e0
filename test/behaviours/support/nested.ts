import { z } from 'zod'
import type { Agent } from '../../../src/agents/agent.ts'
import { asTool } from '../../../src/agents/as-tool.ts'
import type { ToolRecord } from '../../../src/agents/define-agent.ts'
import type { ScriptedPart } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import type { AnyData, Client } from '../../support/client.ts'
import { agentOf, ledger, messageOf, type Watched } from './agents.ts'
import * as documents from './documents.ts'

// Agents that ask agents.

const inputSchema = z.object({ id: z.string() })
const fillSchema = z.object({ id: z.string(), euros: z.number().max(500) })

/** A tool for each way in which a call may wait, and one that waits for nobody, with what was made of them. */
export function toolbox() {
  const kept = ledger()
  const enter = kept.enter
  return {
    kept,
    tools: {
      look: tool({ inputSchema, execute: enter }),
      pay: tool({ inputSchema, approval: 'required', execute: enter }),
      say: tool({ inputSchema, pause: 'confirmation', execute: enter }),
      note: tool({ inputSchema, pause: 'confirmation', approval: 'audit', execute: enter }),
      fill: tool({ inputSchema: fillSchema, pause: 'user-input', userInput: ['euros'], execute: enter }),
      send: tool({ inputSchema, pause: 'external-execution' }),
    },
  }
}

/** What a model says to a message such as `look:a / pay:b say:c`: turns, parted by `/`, of calls; then that it is done. */
export function sayings(prompt: Parameters<typeof messageOf>[0]): readonly ScriptedPart[] {
  const message = messageOf(prompt)
  const turn = prompt.filter(({ role }) => role === 'assistant').length
  const calls = message.split(' / ')[turn]
  if (!calls) return [{ text: `Done: ${message}` }]
  return calls.split(' ').map((call) => {
    const [name = '', id = ''] = call.split(':')
    return { call: name, input: { id } }
  })
}

/** The inner agent of these tests: its message says what it does. */
export function worker(tools: ToolRecord, name = 'inner'): Watched {
  return agentOf(tools, sayings, { name })
}

export const ask = (message: string, call = 'ask'): ScriptedPart => ({ call, input: { message } })

/** Asks `inner` for these things in one turn, beside other calls of its own. */
export function asking(
  inner: Agent,
  messages: readonly string[],
  { name = 'agent', gate = {}, tools = {}, beside = [] as readonly ScriptedPart[] } = {},
): Watched {
  const turn = [...messages.map((message) => ask(message)), ...beside]
  return agentOf({ ask: { ...asTool(inner), ...gate }, ...tools }, [turn], { name })
}

/** A run with the runs of the agents that it asked. */
export const runsWithin = async (api: Client, id: string, as = 'admin-1'): Promise<AnyData> =>
  (await api.data(documents.runsWithin, { id }, as)).run

export const childrenOf = async (api: Client, id: string, as?: string): Promise<AnyData[]> =>
  (await runsWithin(api, id, as)).children.edges.map(({ node }: AnyData) => node)

/** The one run that it asked for. */
export async function childOf(api: Client, id: string): Promise<AnyData> {
  const [child, ...others] = await childrenOf(api, id)
  if (!child || others.length > 0) throw new Error(`${id} has ${others.length + Number(Boolean(child))} runs within.`)
  return child
}
