// Your own agents for the started program: AGENTS=examples/agents.ts npm start
import { defineAgent, scriptedModel, tool } from 'countersign'
import { z } from 'zod'

const vouchers: string[] = []

const createVoucher = tool({
  description: 'Creates a voucher that a customer can spend.',
  inputSchema: z.object({ customer: z.string(), euros: z.number().positive().max(1_000) }),
  // Small ones need nobody; the condition is asked once, when the call is proposed.
  approval: 'required',
  when: ({ euros }) => euros > 20,
  idempotent: true,
  execute: async ({ customer, euros }, { toolCallId }) => {
    if (!vouchers.includes(toolCallId)) vouchers.push(toolCallId)
    return { voucher: `V-${toolCallId.slice(-6)}`, customer, euros }
  },
})

// A script instead of a model, so that this runs without a key: put openai('…') or anthropic('…') here.
const model = scriptedModel([
  [{ call: 'create_voucher', input: { customer: 'Riley', euros: 50 } }],
  [{ text: 'It is made.' }],
])

export const shop = defineAgent({ name: 'shop', model, tools: { create_voucher: createVoucher } })
