import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'

// For servers in a process of their own: what their tools do is written to the file EFFECTS, a line each.

const effect = (line: string) => appendFileSync(process.env.EFFECTS ?? '', `${line}\n`)
const inputSchema = z.object({ id: z.string() })
const erase = tool({
  inputSchema,
  approval: 'required',
  execute: ({ id }, { toolCallId }) => effect(`erase ${id} ${toolCallId}`),
})
/** Begins and never ends. */
const hang = tool({
  inputSchema,
  execute({ id }) {
    effect(`hang ${id}`)
    return new Promise<null>(() => {})
  },
})

export const agents = [
  defineAgent({
    name: 'two',
    model: scriptedModel([
      [
        { call: 'erase', input: { id: 'a' } },
        { call: 'erase', input: { id: 'b' } },
      ],
      [{ text: 'Done.' }],
    ]),
    tools: { erase },
  }),
  defineAgent({
    name: 'beside',
    model: scriptedModel([
      [
        { call: 'hang', input: { id: 'a' } },
        { call: 'erase', input: { id: 'b' } },
      ],
    ]),
    tools: { hang, erase },
  }),
]
