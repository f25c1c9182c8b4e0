import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import { messageOf } from './agents.ts'

// What is sensitive has the word `canary` in it, and numbers begin with 4929: neither may be seen anywhere. The message says what is called.

export const canary = /canary|4929\d/i
export const ssn = 'canary "078-05"\n1120'
export const card = { number: 'canary-4929-1', expires: '12/30' }
export const pin = 49_290_001
const cards = [
  { number: 'canary-4929-2', expires: '01/31' },
  { number: 'canary-4929-3', expires: '01/31' },
]
export const payment = { to: 'Riley', ssn, card, cards, pin, note: `It is for ${ssn}, the PIN is ${pin}.` }

const secret = z
  .string()
  .refine((text) => !text.includes('wrong'), { error: ({ input }) => `${input} is wrong, and ${input} stays wrong` })
  .meta({ sensitive: true })
const cardSchema = z.object({ number: z.string(), expires: z.string() })
const paymentSchema = z.object({
  to: z.string(),
  ssn: secret,
  card: cardSchema,
  cards: z.array(cardSchema).default([]),
  pin: z.number(),
  note: z.string().default(''),
})
const sensitive = ['card.number', 'cards.*.number', 'pin']

type Payment = z.infer<typeof paymentSchema>
/** What the tools were given. */
export const given: unknown[] = []

async function execute(input: Payment) {
  given.push(input)
  const { EFFECTS, GATE } = process.env
  if (EFFECTS) appendFileSync(EFFECTS, 'begun\n')
  if (GATE) await (await fetch(GATE)).text()
  if (input.to === 'Nobody') throw new Error(`Nobody has ${input.ssn}: ${JSON.stringify(input)}`)
  return { paid: input.to, by: [input.ssn], [input.card.number]: input.pin }
}

const fill = z.object({ to: z.string(), ssn: secret })
const filled = {
  inputSchema: fill,
  pause: 'user-input' as const,
  userInput: ['ssn'],
  execute: (input: unknown) => given.push(input),
}

const answers: Record<string, readonly { call: string; input: unknown }[]> = {
  gated: [{ call: 'pay', input: payment }],
  throws: [{ call: 'pay_at_once', input: { ...payment, to: 'Nobody' } }],
  plain: [{ call: 'pay_if_asked', input: payment }],
  elsewhere: [{ call: 'pay_elsewhere', input: payment }],
  fill: [{ call: 'fill', input: { to: 'Riley' } }],
  'fill for approver': [{ call: 'fill_for_approver', input: { to: 'Riley' } }],
  fails: [{ call: 'pay_at_once', input: payment }],
  invalid: [
    { call: 'pay', input: { ...payment, ssn: 'wrong canary' } },
    { call: 'pay', input: { ...payment, card: 'canary', canary: 1 } },
    { call: 'pay', input: '{"ssn":"canary' },
    { call: 'pay', input: '{"pin":4929000000000000001}' },
  ],
}

export const agents = [
  defineAgent({
    name: 'agent',
    maxRetries: 0,
    model: scriptedModel((prompt) => {
      const message = messageOf(prompt)
      if (turnOf(prompt) === 0) return answers[message] ?? []
      // As a provider may that does not like what it was sent.
      if (message === 'fails') throw new Error(`400: ${JSON.stringify(prompt)}`)
      return [{ text: 'Done.' }]
    }),
    tools: {
      pay: tool({ inputSchema: paymentSchema, sensitive, approval: 'required', execute }),
      pay_at_once: tool({ inputSchema: paymentSchema, sensitive, execute }),
      pay_if_asked: tool({ inputSchema: paymentSchema, sensitive, pause: 'confirmation', execute }),
      pay_elsewhere: tool({ inputSchema: paymentSchema, sensitive, approval: 'audit', pause: 'external-execution' }),
      fill: tool(filled),
      fill_for_approver: tool({ ...filled, approval: 'required' }),
    },
  }),
]
