import type { LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { type Script, type ScriptedPart, scriptedModel } from '../../src/agents/scripted-model.ts'
import { readStream } from '../support/read-stream.ts'

const user = (text: string): LanguageModelV4Prompt[number] => ({ role: 'user', content: [{ type: 'text', text }] })
const assistant: LanguageModelV4Prompt[number] = { role: 'assistant', content: [{ type: 'text', text: 'so far' }] }

async function ask(script: Script, prompt: LanguageModelV4Prompt = [user('hello')], abortSignal?: AbortSignal) {
  const { stream } = await scriptedModel(script).doStream({ prompt, ...(abortSignal && { abortSignal }) })
  return readStream(stream)
}
const textOf = (parts: readonly LanguageModelV4StreamPart[]) =>
  parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')

test('text comes in pieces, none of which parts a character', async () => {
  const parts = await ask([[{ text: '😀😀😀😀😀😀😀' }]])
  const deltas = parts.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []))
  expect(deltas.length).toBeGreaterThan(2)
  expect(deltas.every((delta) => delta.isWellFormed())).toBe(true)
  expect(deltas.join('')).toBe('😀😀😀😀😀😀😀')
  expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'stop' } })
})

test('calls have ids of their own, unless they are given, and input as it is given', async () => {
  const parts = await ask([
    [
      { call: 'a', input: { x: 1 } },
      { call: 'b', input: '{not json' },
      { call: 'c', id: 'mine' },
    ],
  ])
  expect(parts.filter(({ type }) => type === 'tool-call')).toEqual([
    { type: 'tool-call', toolCallId: 'call_0_0', toolName: 'a', input: '{"x":1}' },
    { type: 'tool-call', toolCallId: 'call_0_1', toolName: 'b', input: '{not json' },
    { type: 'tool-call', toolCallId: 'mine', toolName: 'c', input: '{}' },
  ])
  expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'tool-calls' } })
})

test('reasoning carries its metadata', async () => {
  const parts = await ask([[{ reasoning: 'hm', providerMetadata: { some: { signature: 's' } } }, { text: 'yes' }]])
  expect(parts.find(({ type }) => type === 'reasoning-end')).toEqual({
    type: 'reasoning-end',
    id: '0',
    providerMetadata: { some: { signature: 's' } },
  })
})

test('an error part ends the answer with an error', async () => {
  const parts = await ask([[{ text: 'half' }, { error: new Error('gone') }]])
  expect(parts.slice(-2)).toMatchObject([{ type: 'error' }, { type: 'finish', finishReason: { unified: 'error' } }])
})

test('raw parts pass as they are, a finish among them included', async () => {
  const usage = { inputTokens: { total: 5 }, outputTokens: { total: 3 } } as Extract<
    LanguageModelV4StreamPart,
    { type: 'finish' }
  >['usage']
  const finish = { type: 'finish', usage, finishReason: { unified: 'length', raw: 'max' } } as const
  expect((await ask([[{ parts: finish }]])).filter(({ type }) => type === 'finish')).toEqual([finish])
})

test('which answer it is follows from the prompt: answers since the last user message', async () => {
  const script = [{ text: 'first' }, [{ text: 'second' }]]
  expect(textOf(await ask(script, [user('a')]))).toBe('first')
  expect(textOf(await ask(script, [user('a'), assistant]))).toBe('second')
  expect(textOf(await ask(script, [user('a'), assistant, assistant, user('b')]))).toBe('first')
  await expect(ask(script, [user('a'), assistant, assistant])).rejects.toThrow(
    'The script has 2 answers, and the model was asked for number 3.',
  )
})

test('a function sees the prompt and may yield as it goes', async () => {
  const parts = await ask(async function* (prompt): AsyncGenerator<ScriptedPart> {
    yield { text: 'one ' }
    yield { text: `of ${prompt.length}` }
  })
  expect(textOf(parts)).toBe('one of 1')
})

test('an abort breaks a stream that is waiting, and a call that begins', async () => {
  const abort = new AbortController()
  const reading = ask(
    async function* (): AsyncGenerator<ScriptedPart> {
      yield { text: 'never finished' }
      await new Promise(() => abort.abort(new Error('stop')))
    },
    undefined,
    abort.signal,
  )
  await expect(reading).rejects.toThrow('stop')
  await expect(ask([[{ text: 'x' }]], undefined, abort.signal)).rejects.toThrow('stop')
})
