import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'

/** For tests of the server itself: `echo` answers at once, `gated` proposes a call that needs approval, `slow` takes 500 ms for a call, `endless` never ends. */
export const agents = [
  defineAgent({ name: 'echo', model: scriptedModel([[{ text: 'Hello.' }]]) }),
  defineAgent({
    name: 'gated',
    model: scriptedModel([[{ call: 'erase', input: { id: 'a' } }], [{ text: 'Done.' }]]),
    tools: {
      erase: tool({
        inputSchema: z.object({ id: z.string() }),
        approval: 'required',
        execute: ({ id }) => ({ erased: id }),
      }),
    },
  }),
  defineAgent({
    name: 'slow',
    model: scriptedModel([[{ call: 'wait', input: {} }], [{ text: 'Waited.' }]]),
    tools: { wait: tool({ inputSchema: z.object({}), execute: async () => delay(500, { waited: true }) }) },
  }),
  defineAgent({
    name: 'endless',
    model: scriptedModel([[{ call: 'wait', input: {} }]]),
    tools: { wait: tool({ inputSchema: z.object({}), execute: () => new Promise<null>(() => {}) }) },
  }),
]
