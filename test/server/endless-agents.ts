import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'

const call = { inputSchema: z.object({}), execute: () => new Promise<null>(() => {}) }

/** Calls that never end: `hangs` makes one at once, `asks` as soon as its requester confirms. */
export const agents = [
  defineAgent({ name: 'hangs', model: scriptedModel([[{ call: 'wait', input: {} }]]), tools: { wait: tool(call) } }),
  defineAgent({
    name: 'asks',
    model: scriptedModel([[{ call: 'wait', input: {} }]]),
    tools: { wait: tool({ ...call, pause: 'confirmation' }) },
  }),
]
