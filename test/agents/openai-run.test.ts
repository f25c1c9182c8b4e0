import { createOpenAI } from '@ai-sdk/openai'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { tool } from '../../src/agents/tool.ts'
import { openAiServer, type Reply } from '../support/openai-server.ts'
import { testServer } from '../support/test-server.ts'

// The provider path through the whole server: real HTTP to a model server, real HTTP to ours.

const tools = {
  lookup_user: tool({
    description: 'Look a user up.',
    inputSchema: z.object({ userId: z.string() }),
    execute: ({ userId }) => ({ userId, name: 'Dana' }),
  }),
  refund_order: tool({
    description: 'Refund an order.',
    inputSchema: z.object({ orderId: z.string(), reason: z.string().default('none given') }),
    approval: 'required',
    execute: ({ orderId, reason }) => `refunded ${orderId}: ${reason}`,
  }),
}

async function serve(replies: readonly Reply[]) {
  const provider = await openAiServer(replies)
  onTestFinished(() => provider[Symbol.asyncDispose]())
  const model = createOpenAI({ baseURL: provider.baseURL, apiKey: 'none' }).chat('local')
  const agent = defineAgent({ name: 'support', model, instructions: 'Be kind.', tools })
  const api = await testServer({ agents: [agent] })
  onTestFinished(() => api[Symbol.asyncDispose]())
  return { api, requests: provider.requests }
}

const start = `mutation ($waitMs: Int!) {
  startRun(input: { agentName: "support", message: "Refund o_1 to u_42", waitMs: $waitMs }) {
    ... on StartRunSuccess { run { id status output error { code message } requirements { approval { id arguments } } } }
  }
}`
const approve = `mutation ($id: ID!) {
  resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { ... on ResolveApprovalSuccess { approval { status } } }
}`
const watch = `subscription ($id: ID!) {
  runEvents(runId: $id) { __typename ... on TextDelta { step offset delta } ... on RunCompleted { output } ... on RunFailed { error { code message } } }
}`
const calls = [
  { id: 'call_b', name: 'refund_order', arguments: '{"orderId":"o_1"}' },
  { id: 'call_a', name: 'lookup_user', arguments: '{"userId":"u_42"}' },
]

test('text streams, parallel calls are gated one by one, and their results go back in order', async () => {
  const watching = Promise.withResolvers<void>()
  const { api, requests } = await serve([
    { text: 'Let me see to that.', calls, after: watching.promise },
    { text: 'It is refunded.' },
  ])
  const { startRun } = await api.data(start, { waitMs: 0 })
  const events = api.subscribe(watch, { id: startRun.run.id })
  expect(await events.data()).toMatchObject({ runEvents: { __typename: 'RunStarted' } })
  watching.resolve()

  const spoken = ['', '']
  for await (const { data } of events) {
    const event = data.runEvents
    if (event.__typename === 'TextDelta') {
      expect(event.offset).toBe(spoken[event.step]?.length)
      spoken[event.step] += event.delta
    }
    if (event.__typename === 'RunPaused') {
      const { run } = await api.data(
        'query ($id: ID!) { run(id: $id) { requirements { approval { id arguments } } } }',
        { id: startRun.run.id },
      )
      expect(run.requirements).toEqual([
        { approval: { id: expect.any(String), arguments: { orderId: 'o_1', reason: 'none given' } } },
      ])
      await api.data(approve, { id: run.requirements[0].approval.id }, 'approver-1')
    }
    if (event.__typename === 'RunFailed') throw new Error(event.error.message)
    if (event.__typename === 'RunCompleted') expect(event.output).toBe('It is refunded.')
  }
  expect(spoken).toEqual(['Let me see to that.', 'It is refunded.'])

  expect(requests[0]?.tools?.map(({ function: { name, description } }) => [name, description])).toEqual([
    ['lookup_user', 'Look a user up.'],
    ['refund_order', 'Refund an order.'],
  ])
  expect(requests[1]?.messages).toEqual([
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Refund o_1 to u_42' },
    {
      role: 'assistant',
      content: 'Let me see to that.',
      tool_calls: calls.map(({ id, name, arguments: input }) => ({
        id,
        type: 'function',
        function: { name, arguments: input },
      })),
    },
    { role: 'tool', tool_call_id: 'call_b', content: 'refunded o_1: none given' },
    { role: 'tool', tool_call_id: 'call_a', content: '{"name":"Dana","userId":"u_42"}' },
  ])
})

test.each<[string, Reply]>([
  ['a 429', { status: 429, message: 'Slow down.', retryAfter: 0 }],
  ['an error in mid-stream', { text: 'Half of', streamError: 'The server had an error.' }],
  ['an error before the first word', { text: '', streamError: 'The server had an error.' }],
  ['a connection that breaks in mid-stream', { text: 'Half of', cut: 'reset' }],
  ['a stream that ends without an end', { text: 'Half of', cut: 'end' }],
  ['a 500', { status: 500, message: 'Oops.' }],
])('%s is tried again', async (_, failure) => {
  const { api, requests } = await serve([failure, { text: 'Good morning.' }])
  const { startRun } = await api.data(start, { waitMs: 10_000 })
  expect(startRun.run).toMatchObject({ status: 'COMPLETED', output: 'Good morning.' })
  expect(requests).toHaveLength(2)
  expect(requests[1]).toEqual(requests[0])
})

test('what the provider refuses for good fails the run with its message, at once', async () => {
  const { api, requests } = await serve([{ status: 401, message: 'Incorrect API key.' }])
  const { startRun } = await api.data(start, { waitMs: 10_000 })
  expect(startRun.run).toMatchObject({
    status: 'FAILED',
    error: { code: 'MODEL_ERROR', message: expect.stringContaining('Incorrect API key.') },
  })
  expect(requests).toHaveLength(1)
})
