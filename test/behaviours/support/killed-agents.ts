import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import { messageOf } from './agents.ts'

// For servers that are killed while they call: the message says which tools are called, `once:a again:b`, in one turn. Each attempt is
// a line in the file EFFECTS, and then waits at the GATE for its id.

const { EFFECTS = '', GATE = '' } = process.env
const inputSchema = z.object({ id: z.string() })

async function execute({ id }: { id: string }, { toolCallId }: { toolCallId: string }) {
  appendFileSync(EFFECTS, `${id} ${toolCallId}\n`)
  await (await fetch(`${GATE}${id}`)).text()
  return { done: id }
}
/** What the other side says of `happened`, `not` and anything else. */
function reconcile({ id }: { id: string }) {
  if (id === 'happened') return { happened: true as const, result: { found: id } }
  return id === 'not' ? { happened: false as const } : null
}

export const agents = [
  defineAgent({
    name: 'agent',
    model: scriptedModel((prompt) => {
      if (turnOf(prompt) > 0) return [{ text: 'Done.' }]
      return messageOf(prompt)
        .split(' ')
        .map((call) => {
          const [name = '', id = ''] = call.split(':')
          return { call: name, input: { id } }
        })
    }),
    tools: {
      once: tool({ inputSchema, execute }),
      approved: tool({ inputSchema, execute, approval: 'required' }),
      again: tool({ inputSchema, execute, idempotent: true }),
      asked: tool({ inputSchema, execute, reconcile }),
    },
  }),
]
