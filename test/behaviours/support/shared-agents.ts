import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { asTool } from '../../../src/agents/as-tool.ts'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import { messageOf } from './agents.ts'

// For several servers on one database. The message says what the model does: turns, parted by `/`, of calls such as `erase:a`.
// Each call is written to the file EFFECTS when it begins and when it ends, with the process that makes it.

const { EFFECTS = '', GATE = '', SERVES = 'agent,thinking' } = process.env
const inputSchema = z.object({ id: z.string() })

const write = (phase: 'begin' | 'end', id: string, callId: string) =>
  appendFileSync(EFFECTS, `${JSON.stringify({ phase, id, callId, pid: process.pid })}\n`)
const passGate = async (name: string) => (await fetch(`${GATE}${encodeURIComponent(name)}`)).text()

type Options = { toolCallId: string }
async function execute({ id }: { id: string }, { toolCallId }: Options, meanwhile?: () => Promise<unknown>) {
  write('begin', id, toolCallId)
  await meanwhile?.()
  write('end', id, toolCallId)
  return { done: id }
}
const look = tool({ inputSchema, execute: (input, options) => execute(input, options) })
const erase = tool({ ...look, inputSchema, approval: 'required' })
const tools = {
  look,
  erase,
  mail: tool({ ...look, inputSchema, pause: 'confirmation' }),
  /** Must be decided within a second. */
  brief: tool({ ...look, inputSchema, approval: { type: 'required', expiresIn: '1s' } }),
  /** Must be decided within three seconds, else its run is cancelled; there is a reminder at once. */
  haste: tool({
    ...{ ...look, inputSchema },
    approval: { type: 'required', expiresIn: '3s', remindAt: ['2900ms'], onExpiry: 'cancel-run' },
  }),
  /** Goes on when the gate opens for its id. */
  wait: tool({ inputSchema, execute: (input, options) => execute(input, options, () => passGate(input.id)) }),
}

function answer(message: string, turn: number) {
  const calls = message.split(' / ')[turn]?.split(' ')
  if (!calls) return [{ text: 'Done.' }]
  return calls.map((call) => {
    const [name = '', id = ''] = call.split(':')
    return { call: name, input: { id } }
  })
}

const agent = defineAgent({
  name: 'agent',
  model: scriptedModel((prompt) => answer(messageOf(prompt), turnOf(prompt))),
  tools,
})
const all = {
  agent,
  /** Asks `agent` for what it is asked for. Served where SERVES says so. */
  outer: defineAgent({
    name: 'outer',
    model: scriptedModel((prompt) =>
      turnOf(prompt) === 0 ? [{ call: 'ask', input: { message: messageOf(prompt) } }] : [{ text: 'Done.' }],
    ),
    tools: { ask: asTool(agent) },
  }),
  /** Its model goes on when the gate opens for `model`. */
  thinking: defineAgent({
    name: 'thinking',
    model: scriptedModel(async (prompt) => {
      await passGate('model')
      return answer(messageOf(prompt), turnOf(prompt))
    }),
    tools,
  }),
  /** Served where SERVES says so. */
  rare: defineAgent({
    name: 'rare',
    model: scriptedModel((prompt) => answer(messageOf(prompt), turnOf(prompt))),
    tools,
  }),
}
export const agents = Object.values(all).filter(({ name }) => SERVES.split(',').includes(name))
