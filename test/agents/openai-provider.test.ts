import { createOpenAI } from '@ai-sdk/openai'
import { APICallError, type LanguageModelV4Prompt, type LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { openAiServer, type Reply } from '../support/openai-server.ts'
import { readStream } from '../support/read-stream.ts'

// What the provider path is built on: the AI SDK's OpenAI provider against a local server that speaks the protocol.

const question: LanguageModelV4Prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]

async function ask(replies: readonly Reply[], prompt = question) {
  await using server = await openAiServer(replies)
  const model = createOpenAI({ baseURL: server.baseURL, apiKey: 'none' }).chat('local')
  const { stream } = await model.doStream({ prompt })
  return { parts: await readStream(stream), requests: server.requests }
}
const ofType = <Type extends LanguageModelV4StreamPart['type']>(
  parts: readonly LanguageModelV4StreamPart[],
  type: Type,
) => parts.filter((part): part is Extract<LanguageModelV4StreamPart, { type: Type }> => part.type === type)

test('text streams in pieces', async () => {
  const { parts, requests } = await ask([{ text: 'Good morning to you.' }])
  const deltas = ofType(parts, 'text-delta').map(({ delta }) => delta)
  expect(deltas.length).toBeGreaterThan(2)
  expect(deltas.join('')).toBe('Good morning to you.')
  expect(ofType(parts, 'finish')).toMatchObject([
    { finishReason: { unified: 'stop' }, usage: { inputTokens: { total: 11 } } },
  ])
  expect(requests).toMatchObject([{ model: 'local', stream: true, messages: [{ role: 'user', content: 'Hello' }] }])
})

test('parallel tool calls whose arguments come in interleaved pieces are put together', async () => {
  const calls = [
    { id: 'call_a', name: 'lookup_user', arguments: '{"userId":"u_42"}' },
    { id: 'call_b', name: 'refund_order', arguments: '{"orderId":"o_1001","reason":"broken"}' },
  ]
  const { parts } = await ask([{ calls }])
  expect(
    ofType(parts, 'tool-call').map(({ toolCallId, toolName, input }) => ({
      id: toolCallId,
      name: toolName,
      arguments: input,
    })),
  ).toEqual(calls)
})

test('an error in mid-stream is an error part after the text', async () => {
  const { parts } = await ask([{ text: 'Half of', streamError: 'The server had an error.' }])
  const kinds = parts.map(({ type }) => type)
  expect(kinds.indexOf('error')).toBeGreaterThan(kinds.indexOf('text-delta'))
  expect(ofType(parts, 'finish')).toMatchObject([{ finishReason: { unified: 'error' } }])
})

test("a stream that ends without an end finishes as 'interrupted'", async () => {
  const { parts } = await ask([{ text: 'Half of', cut: 'end' }])
  expect(ofType(parts, 'finish')).toMatchObject([{ finishReason: { unified: 'interrupted' } }])
})

test('a connection that breaks in mid-stream breaks the stream', async () => {
  await expect(ask([{ text: 'Half of', cut: 'reset' }])).rejects.toMatchObject({ isRetryable: true })
})

test('429 is an error that may be retried and says when', async () => {
  const error = await ask([{ status: 429, message: 'Slow down.', retryAfter: 1 }]).catch((caught: unknown) => caught)
  if (!APICallError.isInstance(error)) throw error
  expect(error).toMatchObject({ statusCode: 429, isRetryable: true, message: 'Slow down.' })
  expect(error.responseHeaders?.['retry-after']).toBe('1')
})
