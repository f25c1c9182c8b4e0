import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { cancelRun } from '../../src/runs/cancel.ts'
import { agentOf, isDone, openShop, rita, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const outputsIn = (prompt: LanguageModelV4Prompt | undefined) =>
  (prompt ?? []).flatMap(({ role, content }) =>
    role === 'tool' ? content.flatMap((part) => (part.type === 'tool-result' ? [part.output] : [])) : [],
  )

describe('toModelOutput that is no use', () => {
  test.each<[string, () => unknown]>([
    ['gives nothing', () => undefined],
    ['gives null', () => null],
    ['gives text', () => 'It went well.'],
    ['gives a number', () => 7],
    ['gives a list', () => [{ type: 'text', value: 'x' }]],
    ['gives an object of no known type', () => ({ type: 'words', value: 'x' })],
    ['gives an object without a type', () => ({ value: 'x' })],
    ['gives what is no JSON', () => ({ type: 'json', value: 1n })],
    ['gives more than a result may have', () => ({ type: 'text', value: 'x'.repeat(2_000_000) })],
    ['promises nothing', async () => undefined],
    [
      'throws',
      () => {
        throw new Error('No words.')
      },
    ],
    ['rejects', () => Promise.reject(new Error('No words.'))],
  ])('and %s: the model gets the result itself', async (_, toModelOutput) => {
    const prompts: LanguageModelV4Prompt[] = []
    const agent = agentOf({ look: { inputSchema, execute: () => 'seen', toModelOutput } as never }, (prompt) => {
      prompts.push(prompt)
      return prompts.length === 1 ? [{ call: 'look' }] : [{ text: 'Done.' }]
    })
    await using shop = await openShop({ agents: [agent] })
    const { id, status } = await shop.start({ waitMs: 20_000 })
    expect(status).toBe('COMPLETED')
    expect(outputsIn(prompts[1])).toEqual([{ type: 'text', value: 'seen' }])
    const finished = (await shop.journal(id)).find(({ type }) => type === 'call-finished')
    expect(finished).toMatchObject({ outcome: { result: '"seen"' }, modelOutput: null })
    expect(shop.errors).toEqual([])
  })

  test('and never comes does not hold up a cancel, and the result is on record', async () => {
    const asked = Promise.withResolvers<void>()
    const toModelOutput = () => {
      asked.resolve()
      return new Promise<never>(() => {})
    }
    const agent = agentOf({ look: { inputSchema, execute: () => 'seen', toModelOutput } }, [[{ call: 'look' }]])
    await using shop = await openShop({ agents: [agent] })
    const { id } = await shop.start()
    await asked.promise
    // It gives up waiting for the run's end before toModelOutput's time is over.
    const answer = await cancelRun(shop.engine, rita, { runId: id })
    expect(answer).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
    const entries = await shop.journal(id)
    expect(typesOf(entries).slice(-2)).toEqual(['call-finished', 'cancelled'])
    expect(entries.at(-2)).toMatchObject({ outcome: { result: '"seen"' }, modelOutput: null })
  })

  test('and never comes does not hold up the run for ever', async () => {
    const toModelOutput = () => new Promise<never>(() => {})
    const agent = agentOf({ look: { inputSchema, execute: () => 'seen', toModelOutput } }, [[{ call: 'look' }]])
    await using shop = await openShop({ agents: [agent] })
    const { id } = await shop.start({ waitMs: 20_000 })
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  })
})
