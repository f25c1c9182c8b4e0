import type { LanguageModelV4Prompt, LanguageModelV4ToolResultPart } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { scriptedDemoModel } from '../../src/demo/scripted.ts'
import { readStream } from '../support/read-stream.ts'

type Output = LanguageModelV4ToolResultPart['output']
const error = (value: string): Output => ({ type: 'error-text', value })
const json = (value: Extract<Output, { type: 'json' }>['value']): Output => ({ type: 'json', value })

/** The model's answers to a request, its calls answered by `outputs` in order, until it calls no more. */
async function converse(request: string, outputs: readonly Output[]) {
  const prompt: LanguageModelV4Prompt = [{ role: 'user', content: [{ type: 'text', text: request }] }]
  const left = outputs.values()
  for (const turns: string[][] = []; ; ) {
    const parts = await readStream((await scriptedDemoModel.doStream({ prompt })).stream)
    const calls = parts.filter((part) => part.type === 'tool-call')
    const text = parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')
    if (calls.length === 0) return { turns, text }
    turns.push(calls.map(({ toolName }) => toolName))
    prompt.push({
      role: 'assistant',
      content: calls.map(({ toolCallId, toolName, input }) => ({
        type: 'tool-call',
        toolCallId,
        toolName,
        input: JSON.parse(input),
      })),
    })
    const results = calls.map(({ toolCallId, toolName }) => ({
      type: 'tool-result' as const,
      toolCallId,
      toolName,
      output: left.next().value ?? error('none'),
    }))
    prompt.push({ role: 'tool', content: results })
  }
}

const dana = json({ id: 'u_42', name: 'Dana', email: 'd@example.com', orders: [{}, {}] })
const deleted = { userId: 'u_42', name: 'Dana', deletedOrders: 2, deletedMessages: 0 }
const deletion = [['lookup_user'], ['delete_user_data']]

test.each<[what: string, request: string, outputs: Output[], turns: string[][], text: string]>([
  ['done', 'Delete u_42', [dana, json(deleted)], deletion, 'Done: Dana (u_42) is deleted, with 2 orders.'],
  [
    'rejected',
    'Delete u_42',
    [dana, error('A reviewer rejected this call: not today')],
    deletion,
    'Not done: delete_user_data. A reviewer rejected this call: not today',
  ],
  [
    'edited',
    'Delete u_41',
    [dana, json({ note: 'edited', arguments: {}, result: deleted })],
    deletion,
    'Done: Dana (u_42) is deleted, with 2 orders.',
  ],
  [
    'not there',
    'Delete u_99',
    [error("There is no user 'u_99'.")],
    [['lookup_user']],
    "Not done: lookup_user. There is no user 'u_99'.",
  ],
  [
    'one of two is not there',
    'Delete u_99 and delete u_42',
    [error('There is none.'), dana, json(deleted)],
    [['lookup_user', 'lookup_user'], ['delete_user_data']],
    'Not done: lookup_user. There is none. Done: Dana (u_42) is deleted, with 2 orders.',
  ],
  [
    'side by side',
    'Refund order o_1 and email u_42: hi',
    [json({ orderId: 'o_1', userId: 'u_42', refundedCents: 1250 }), json({ userId: 'u_42', sentTo: 'd@example.com' })],
    [['refund_order', 'send_email']],
    'Done: order o_1 is refunded, 12.50 to u_42. Done: the email to u_42 (d@example.com) is in the outbox.',
  ],
  [
    'a voucher',
    'Give u_42 a voucher',
    [json({ code: 'V-1', userId: 'u_42', cents: 2_000, validDays: 365 })],
    [['create_voucher']],
    'Done: voucher V-1 over 20.00 for u_42, valid for 365 days.',
  ],
  ['looked up', 'Look up u_42', [dana], [['lookup_user']], 'u_42 is Dana, d@example.com, with 2 orders.'],
])('the scripted demo model: %s', async (_, request, outputs, turns, text) => {
  expect(await converse(request, outputs)).toEqual({ turns, text: `${text} (scripted demo model)` })
})

test('what it does not understand it answers with what it does', async () => {
  const { turns, text } = await converse('Sing a song', [])
  expect(turns).toEqual([])
  expect(text).toContain('scripted demo model')
  expect(text).toContain('Delete all data for user u_42')
})
