import pino from 'pino'
import { z } from 'zod'
import { defineAgent } from '../src/agents/define-agent.ts'
import { scriptedModel } from '../src/agents/scripted-model.ts'
import { tool } from '../src/agents/tool.ts'

/** The agent of every measurement: proposes one deletion, and ends when it has its result. */
export const benchAgent = (onDelete: (userId: string) => void = () => {}) =>
  defineAgent({
    name: 'bench',
    model: scriptedModel([[{ call: 'delete_user', input: { userId: 'u_42' } }], [{ text: 'Deleted.' }]]),
    tools: {
      delete_user: tool({
        description: 'Permanently delete all data for a user.',
        inputSchema: z.object({ userId: z.string() }),
        approval: 'required',
        execute: async ({ userId }) => {
          onDelete(userId)
          return { deleted: 1 }
        },
      }),
    },
  })

export const quiet = pino({ level: 'silent' })
