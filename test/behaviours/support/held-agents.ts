import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'

// For servers in a process of their own: each call is a line in the file EFFECTS, and then waits at the GATE (gate.ts).

const { EFFECTS = '', GATE = '' } = process.env
const inputSchema = z.object({ id: z.string() })

async function execute({ id }: { id: string }) {
  appendFileSync(EFFECTS, `${id}\n`)
  await (await fetch(`${GATE}${id}`)).text()
  return { done: id }
}
const look = tool({ inputSchema, execute })
const erase = tool({ inputSchema, approval: 'required', execute })
const note = tool({
  inputSchema,
  approval: 'required',
  execute: ({ id }, { toolCallId }) => appendFileSync(EFFECTS, `${id} ${toolCallId}\n`),
})
const call = (name: string, id: string) => ({ call: name, input: { id } })

export const agents = [
  defineAgent({
    name: 'looks',
    model: scriptedModel([[call('look', 'look')], [{ text: 'Looked.' }]]),
    tools: { look },
  }),
  defineAgent({
    name: 'erases',
    model: scriptedModel([[call('erase', 'erase'), call('note', 'note')], [{ text: 'Erased.' }]]),
    tools: { erase, note },
  }),
  defineAgent({
    name: 'looks-beside',
    model: scriptedModel([[call('look', 'beside'), call('note', 'never')], [{ text: 'Looked.' }]]),
    tools: { look, note },
  }),
  defineAgent({
    name: 'pauses',
    model: scriptedModel([[call('note', 'note')], [{ text: 'Noted.' }]]),
    tools: { note },
  }),
  // What it proposes is small, twenty calls at once; a subscriber may ask for it many times over.
  defineAgent({
    name: 'bulky',
    model: scriptedModel([Array(20).fill({ call: 'erase', input: { text: 'x'.repeat(4_000) } }), [{ text: 'Done.' }]]),
    tools: { erase: tool({ inputSchema: z.object({ text: z.string() }), approval: 'required', execute: () => null }) },
  }),
]
