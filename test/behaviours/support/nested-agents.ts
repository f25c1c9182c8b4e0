import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { asTool } from '../../../src/agents/as-tool.ts'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import { messageOf } from './agents.ts'

// For servers in a process of their own: `outer` asks `middle`, which asks `inner`, whose message says what it does. Each of its calls is a
// line in the file EFFECTS; the tool `wait` and the model, when it hears `think`, then wait at the GATE (gate.ts).

const { EFFECTS = '', GATE = '' } = process.env
const inputSchema = z.object({ id: z.string() })
const passGate = async (name: string) => (await fetch(`${GATE}${name}`)).text()
const execute = async ({ id }: { id: string }) => {
  appendFileSync(EFFECTS, `${id}\n`)
  return id
}
const tools = {
  look: tool({ inputSchema, execute }),
  pay: tool({ inputSchema, approval: 'required', execute }),
  wait: tool({
    inputSchema,
    async execute({ id }, { abortSignal }) {
      await execute({ id })
      abortSignal?.addEventListener('abort', () => void execute({ id: 'aborted' }))
      return passGate(id)
    },
  }),
}

const inner = defineAgent({
  name: 'inner',
  tools,
  model: scriptedModel(async (prompt) => {
    const call = messageOf(prompt).split(' ')[turnOf(prompt)]
    if (call === 'think') await passGate('think')
    if (call === undefined || call === 'think') return [{ text: 'Done within.' }]
    return [{ call, input: { id: `${call}${turnOf(prompt)}` } }]
  }),
})

/** Hands on what it is told. */
const handing = (name: string, agent: typeof inner) =>
  defineAgent({
    name,
    tools: { ask: asTool(agent) },
    model: scriptedModel((prompt) =>
      turnOf(prompt) === 0 ? [{ call: 'ask', input: { message: messageOf(prompt) } }] : [{ text: 'Done.' }],
    ),
  })

export const agents = [handing('outer', handing('middle', inner))]
