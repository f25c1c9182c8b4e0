import type { LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { ScriptedPart } from '../../src/agents/scripted-model.ts'
import { agentOf, openShop, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const parts = (...given: object[]): ScriptedPart => ({ parts: given as LanguageModelV4StreamPart[] })

/** Runs of one session, one after the other: the model gives these answers in order. Gives the prompts it was sent and the runs. */
async function answering(answers: readonly (readonly ScriptedPart[])[], runs = 1) {
  const { mark, made } = tally()
  const prompts: LanguageModelV4Prompt[] = []
  const agent = agentOf(
    { look: { inputSchema, execute: mark } },
    (prompt) => answers[prompts.push(structuredClone(prompt)) - 1] ?? [{ text: 'Done.' }],
    { maxRetries: 2 },
  )
  await using shop = await openShop({ agents: [agent] })
  const ended = []
  for (let count = 0; count < runs; count++) ended.push(await shop.start({ sessionId: 'talk', waitMs: 20_000 }))
  const journals = await Promise.all(ended.map(({ id }) => shop.journal(id)))
  return { made, prompts, runs: ended, journals }
}
const rolesIn = (prompt: LanguageModelV4Prompt | undefined) => prompt?.map(({ role }) => role)
const saidIn = (prompt: LanguageModelV4Prompt | undefined) =>
  (prompt ?? []).flatMap((message) => (message.role === 'assistant' ? message.content : []))
const outputsIn = (prompt: LanguageModelV4Prompt | undefined) =>
  (prompt ?? [])
    .flatMap((message) => (message.role === 'tool' ? message.content : []))
    .flatMap((part) => (part.type === 'tool-result' ? [part.output] : []))

describe('what a model said goes back to it as providers take it', () => {
  test('arguments that are no object go back as an empty one, and the result says what was wrong', async () => {
    const inputs = ['"abc"', '[1]', '7', 'null', '9007199254740993', '{"a":', '']
    const { prompts, runs, made } = await answering([inputs.map((input) => ({ call: 'look', input }))])
    expect(runs).toMatchObject([{ status: 'COMPLETED' }])
    const calls = saidIn(prompts[1])
    expect(calls.map((part) => part.type === 'tool-call' && part.input)).toEqual(inputs.map(() => ({})))
    const results = outputsIn(prompts[1]).map(({ type }) => type)
    // Nothing at all is what some providers send for a call without arguments.
    expect(results).toEqual([...Array(6).fill('error-text'), 'text'])
    expect(made.size).toBe(1)
  })

  test.each<[string, readonly ScriptedPart[]]>([
    ['an answer of nothing', []],
    ['an answer of empty text', [parts({ type: 'text-start', id: '1' }, { type: 'text-end', id: '1' })]],
    [
      'an answer of empty reasoning',
      [
        parts(
          { type: 'reasoning-start', id: '1' },
          { type: 'reasoning-end', id: '1' },
          { type: 'text-start', id: '2' },
        ),
      ],
    ],
  ])('%s is left out', async (_, answer) => {
    const { prompts, runs } = await answering([answer, [{ text: 'Hi.' }], [{ text: 'Hi.' }]], 3)
    expect(runs.map(({ status, output }) => [status, output])).toEqual([
      ['COMPLETED', ''],
      ['COMPLETED', 'Hi.'],
      ['COMPLETED', 'Hi.'],
    ])
    expect(rolesIn(prompts[2])).toEqual(['user', 'user', 'assistant', 'user'])
  })

  test('empty text beside a call is left out, and the call stays', async () => {
    const empty = parts({ type: 'text-start', id: '1' }, { type: 'text-end', id: '1' })
    const { prompts, runs } = await answering([[empty, { call: 'look' }]])
    expect(runs).toMatchObject([{ status: 'COMPLETED' }])
    expect(saidIn(prompts[1]).map(({ type }) => type)).toEqual(['tool-call'])
  })

  test('empty text that carries something of the provider stays', async () => {
    const providerMetadata = { google: { signature: 's' } }
    const signed = parts({ type: 'reasoning-start', id: '1' }, { type: 'reasoning-end', id: '1', providerMetadata })
    const { prompts } = await answering([[signed, { call: 'look' }]])
    expect(saidIn(prompts[1])[0]).toEqual({
      type: 'reasoning',
      text: '',
      providerOptions: providerMetadata,
    })
  })

  test('bytes of a file are journaled as base64, and sent back', async () => {
    const data = { type: 'data', data: new Uint8Array([1, 2, 255]) }
    const file = parts({ type: 'file', mediaType: 'image/png', data })
    const { prompts, runs, journals } = await answering([[file, { call: 'look' }]])
    expect(runs).toMatchObject([{ status: 'COMPLETED' }])
    const kept = { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AQL/' } }
    const [answered] = journals.flat().flatMap((entry) => (entry.type === 'model-responded' ? [entry.content] : []))
    expect(JSON.parse(answered ?? '[]')[0]).toEqual(kept)
    expect(saidIn(prompts[1])[0]).toEqual(kept)
  })
})

describe('a tool call that is none fails the run with MODEL_ERROR, and the model is not asked again', () => {
  test.each<[string, object]>([
    ['without an id', { toolName: 'look', input: '{}' }],
    ['without a name', { toolCallId: 'x', input: '{}' }],
    ['without input', { toolCallId: 'x', toolName: 'look' }],
    ['whose input is an object', { toolCallId: 'x', toolName: 'look', input: {} }],
    ['whose id is a number', { toolCallId: 7, toolName: 'look', input: '{}' }],
  ])('%s', async (_, call) => {
    const { prompts, runs, journals, made } = await answering([[parts({ type: 'tool-call', ...call })]])
    expect(runs).toMatchObject([{ status: 'FAILED', error: { code: 'MODEL_ERROR' } }])
    expect(runs[0]?.error?.message).toMatch(/tool call whose toolCallId, toolName or input is no text/)
    expect(prompts).toHaveLength(1)
    expect(journals.map(typesOf)).toEqual([['started', 'failed']])
    expect(made.size).toBe(0)
  })
})

test('of 200 calls in one answer the first 128 are made, the others are told why not, and the run goes on', async () => {
  const { prompts, runs, journals, made } = await answering([Array.from({ length: 200 }, () => ({ call: 'look' }))])
  expect(runs).toMatchObject([{ status: 'COMPLETED', output: 'Done.' }])
  const calls = journals.flat().flatMap((entry) => (entry.type === 'proposed' ? entry.calls : []))
  expect(calls.map(({ invalid }) => invalid === null)).toEqual(Array.from({ length: 200 }, (_, index) => index < 128))
  expect([...made.keys()].sort()).toEqual(
    calls
      .slice(0, 128)
      .map(({ callId }) => callId)
      .sort(),
  )
  const outputs = outputsIn(prompts[1])
  expect(outputs).toHaveLength(200)
  expect(outputs.slice(0, 128).every(({ type }) => type === 'text')).toBe(true)
  for (const output of outputs.slice(128))
    expect(output).toEqual({ type: 'error-text', value: expect.stringContaining('at most 128 calls at once') })
})
