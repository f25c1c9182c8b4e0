import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { defaultSettings } from '../../src/engine.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import { turns } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})

test('while models that never answer hold all places, cancels and decisions of other runs still go through', async () => {
  const { mark, made } = tally()
  const guarded = { inputSchema, approval: 'required' as const, execute: mark }
  let hanging = 0
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () => {
      hanging += 1
      return new Promise(() => {})
    },
  }
  const asked = agentOf({ guarded }, [[{ call: 'guarded' }]])
  const asking = agentOf({ ask: asTool(asked) }, [[{ call: 'ask', input: { message: 'Do it' } }]], { name: 'asking' })
  const agents = [asked, asking, agentOf({}, [], { name: 'hung', model })]
  await using shop = await openShop({ agents, settings: { maxConcurrentRuns: 3 } })
  const cancelled = await shop.start({ waitMs: 20_000 })
  const decided = await shop.start({ waitMs: 20_000 })
  const nested = await shop.start({ agentName: 'asking' })
  await shop.until(nested.id, isPaused)
  const hung = await Promise.all([1, 2, 3, 4].map(() => shop.start({ agentName: 'hung' })))
  while (hanging < 3) await turns(1)
  // Those for runs that are woken as well.
  for (const { id } of hung) await shop.engine.worker.wake(id)
  expect(await cancelRun(shop.engine, rita, { runId: cancelled.id })).toMatchObject({
    __typename: 'CancelRunSuccess',
    run: { status: 'CANCELLED' },
  })
  expect(await cancelRun(shop.engine, rita, { runId: nested.id })).toMatchObject({ run: { status: 'CANCELLED' } })
  const [approval] = await shop.pending(decided.id)
  if (!approval) throw new Error('An approval was expected.')
  await shop.decide(approval)
  expect(await shop.until(decided.id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect([...made.values()]).toEqual([1])
  // The hung ones too, also the one that never had a place.
  const ends = await Promise.all(hung.map(({ id }) => cancelRun(shop.engine, rita, { runId: id })))
  expect(ends).toMatchObject(hung.map(() => ({ run: { status: 'CANCELLED' } })))
})

test('while calls that never end hold all places, runs that wait are cancelled; once those are cancelled too, others have their places', async () => {
  const { mark, made } = tally()
  let hanging = 0
  const hang = () => {
    hanging += 1
    return new Promise(() => {})
  }
  const guarded = { inputSchema, approval: 'required' as const, execute: mark }
  const agents = [
    agentOf({ guarded }, [[{ call: 'guarded' }]]),
    agentOf({ hang: { inputSchema, execute: hang } }, [[{ call: 'hang' }]], { name: 'hung' }),
  ]
  await using shop = await openShop({ agents, settings: { maxConcurrentRuns: 2 } })
  const waiting = await shop.start({ waitMs: 20_000 })
  // More than there are places, with those for runs that are woken: all are begun by waking them.
  const hung = await Promise.all(Array.from({ length: 12 }, () => shop.start({ agentName: 'hung' })))
  while (hanging < 2) await turns(1)
  for (const { id } of hung) await shop.engine.worker.wake(id)
  while (hanging < 10) await turns(1)
  expect(await cancelRun(shop.engine, rita, { runId: waiting.id })).toMatchObject({ run: { status: 'CANCELLED' } })
  // They stay in their calls, and are on record as being cancelled.
  await Promise.all(hung.map(({ id }) => shop.engine.store.runs.signal(id, { by: rita.id, at: 0, reason: null })))
  const { id } = await shop.start({ waitMs: 20_000 })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  await shop.decide(approval)
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect([...made.values()]).toEqual([1])
})

/** A model that begins to speak and never ends, whatever its signal says; `more` is what it says next. */
function endlessModel(more: () => LanguageModelV4StreamPart) {
  const dropped = Promise.withResolvers<void>()
  const said = { pieces: 0, streams: 0 }
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    async doStream() {
      said.streams += 1
      const stream = new ReadableStream<LanguageModelV4StreamPart>({
        start: (controller) => controller.enqueue({ type: 'text-start', id: '1' }),
        async pull(controller) {
          await turns(1)
          said.pieces += 1
          controller.enqueue(more())
        },
        cancel: () => dropped.resolve(),
      })
      return { stream }
    },
  }
  return { model, said, dropped: dropped.promise }
}

describe('a model that never stops', () => {
  test('and ignores its signal is not listened to after the cancel', async () => {
    const { model, said, dropped } = endlessModel(() => ({ type: 'text-delta', id: '1', delta: 'x' }))
    await using shop = await openShop({ agents: [agentOf({}, [], { model })] })
    const { id } = await shop.start()
    let heard = 0
    shop.engine.hub.listenToText(id, () => void heard++)
    while (heard < 5) await turns(1)
    const answer = await cancelRun(shop.engine, rita, { runId: id })
    expect(answer).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
    await dropped
    const { pieces } = said
    const before = heard
    await turns(200)
    // One may have been on its way.
    expect(said.pieces).toBeLessThanOrEqual(pieces + 1)
    expect(heard).toBe(before)
  })

  test.each<[string, () => LanguageModelV4StreamPart]>([
    ['text', () => ({ type: 'text-delta', id: '1', delta: 'x'.repeat(1_000) })],
    ['sources', () => ({ type: 'source', sourceType: 'url', id: '1', url: `https://x.example/${'x'.repeat(1_000)}` })],
    ['files', () => ({ type: 'file', mediaType: 'image/png', data: { type: 'data', data: new Uint8Array(1_000) } })],
    ['blocks', () => ({ type: 'text-start', id: '2' })],
    ['calls', () => ({ type: 'tool-call', toolCallId: '1', toolName: 'x', input: 'x'.repeat(1_000) })],
  ])(
    'and fills more than a transcript with %s fails its run, is asked once, and nothing of it is kept',
    async (_, more) => {
      const { model, said, dropped } = endlessModel(more)
      const limits = { ...defaultSettings.limits, transcript: 20_000 }
      await using shop = await openShop({ agents: [agentOf({}, [], { model, maxRetries: 2 })], settings: { limits } })
      const { id } = await shop.start()
      expect(await shop.until(id, isDone)).toMatchObject({
        status: 'FAILED',
        error: { code: 'MODEL_ERROR', message: "The model's answer is longer than 20000 bytes." },
      })
      await dropped
      expect(said.streams).toBe(1)
      expect(typesOf(await shop.journal(id))).toEqual(['started', 'failed'])
    },
  )
})

test('an answer that is whole, and longer than a transcript, fails its run and is not journaled', async () => {
  const limits = { ...defaultSettings.limits, transcript: 20_000 }
  const agent = agentOf({}, [[{ text: 'x'.repeat(60_000) }]])
  await using shop = await openShop({ agents: [agent], settings: { limits } })
  const run = await shop.start({ waitMs: 20_000 })
  expect(run).toMatchObject({ status: 'FAILED', output: null, error: { code: 'MODEL_ERROR' } })
  const entries = await shop.journal(run.id)
  expect(typesOf(entries)).toEqual(['started', 'failed'])
  expect(JSON.stringify(entries).length).toBeLessThan(5_000)
})
