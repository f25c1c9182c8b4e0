import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'

const execute = () => new Date().toISOString()

/** For tests of clocks: `hasty`'s call must be decided within two seconds, `busy`'s goes on for good, `clock` tells its process's time of day. */
export const agents = [
  defineAgent({
    name: 'hasty',
    model: scriptedModel([[{ call: 'act', input: {} }], [{ text: 'Done.' }]]),
    tools: { act: tool({ inputSchema: z.object({}), approval: { type: 'required', expiresIn: '2s' }, execute }) },
  }),
  defineAgent({
    name: 'busy',
    model: scriptedModel([[{ call: 'work', input: {} }]]),
    tools: { work: tool({ inputSchema: z.object({}), execute: () => new Promise<null>(() => {}) }) },
  }),
  defineAgent({
    name: 'clock',
    model: scriptedModel([[{ call: 'look', input: {} }], [{ text: 'Done.' }]]),
    tools: { look: tool({ inputSchema: z.object({}), execute }) },
  }),
]
