import type { LanguageModelV4 } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { testServer } from '../support/test-server.ts'
import { agentOf, ledger } from './support/agents.ts'
import { callsOf, cancel, continueRun, eventsOf, readRun, restart, start, typesOf } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const cancelled = { __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } }

/** Tools that end as they say once they are told to stop, called together. */
function attentive(ends: Record<string, (signal: AbortSignal) => unknown>) {
  const kept = ledger()
  const entered = Promise.withResolvers<void>()
  const toolOf = (end: (signal: AbortSignal) => unknown) =>
    tool({
      inputSchema,
      async execute(input, options: { toolCallId: string; abortSignal?: AbortSignal }) {
        kept.enter(input, options)
        const { abortSignal } = options
        if (!abortSignal) throw new Error('There is no signal.')
        const aborted = new Promise((resolve) => abortSignal.addEventListener('abort', resolve))
        if (kept.made.length === Object.keys(ends).length) entered.resolve()
        await aborted
        return end(abortSignal)
      },
    })
  const tools = Object.fromEntries(Object.entries(ends).map(([name, end]) => [name, toolOf(end)]))
  const { agent, prompts } = agentOf(tools, [Object.keys(ends).map((name) => ({ call: name, input: { id: name } }))])
  return { agents: [agent], kept, prompts, entered: entered.promise }
}
const half = { hold: () => 'half' }

forEachStore(({ serve }) => {
  describe('R16 cancelling a run that is under way', () => {
    test('R16 while its model thinks and ignores its signal: nothing is kept of what it says later', async () => {
      const asked = Promise.withResolvers<AbortSignal | undefined>()
      const speak = Promise.withResolvers<void>()
      const saying = scriptedModel([[{ text: 'Too late.' }]])
      const model: LanguageModelV4 = {
        ...saying,
        async doStream({ abortSignal, ...options }) {
          asked.resolve(abortSignal)
          await speak.promise
          return saying.doStream(options)
        },
      }
      await using api = await serve({ agents: [defineAgent({ name: 'agent', model })] })
      const { id } = await start(api, { waitMs: 0 })
      const signal = await asked.promise
      expect(await cancel(api, id, { reason: 'Enough.' })).toMatchObject(cancelled)
      expect(signal?.aborted).toBe(true)
      speak.resolve()
      await restart(api)
      expect(typesOf(await eventsOf(api, id))).toEqual(['RunStarted', 'RunCancelled'])
      expect(await readRun(api, id)).toMatchObject({ status: 'CANCELLED', output: null })
    })

    test('R16 while tools run that hear their signal: how each ended is on record, and nothing follows it', async () => {
      const { agents, kept, prompts, entered } = attentive({
        passes: (signal) => Promise.reject(signal.reason),
        undoes: () => Promise.reject(new Error('Rolled back.')),
        ...half,
      })
      await using api = await serve({ agents })
      const { id } = await start(api, { waitMs: 0 })
      await entered
      expect(await cancel(api, id)).toMatchObject(cancelled)
      expect(callsOf(await readRun(api, id))).toMatchObject([
        { status: 'FAILED', error: 'The run was cancelled. It was told to stop, and the call may have happened.' },
        { status: 'FAILED', error: 'Rolled back.' },
        { status: 'SUCCEEDED', result: 'half' },
      ])
      expect(typesOf(await eventsOf(api, id)).slice(-2)).toEqual(['ToolCallFinished', 'RunCancelled'])
      expect([kept.made.length, prompts.length]).toEqual([3, 1])
    })

    test('R16 several times at once, and again: one cancel counts, all succeed, and it is not continued', async () => {
      const { agents, entered } = attentive(half)
      await using api = await serve({ agents })
      const { id } = await start(api, { waitMs: 0 })
      await entered
      const reasons = ['One.', 'Two.', 'Three.', 'Four.']
      for (const answer of await Promise.all(reasons.map((reason) => cancel(api, id, { reason }))))
        expect(answer).toMatchObject(cancelled)
      const events = await eventsOf(api, id)
      expect(reasons).toContain(events.at(-1)?.reason)
      expect(typesOf(events).filter((type) => type === 'RunCancelled')).toHaveLength(1)
      const run = await readRun(api, id)
      expect(await cancel(api, id, { reason: 'Five.' })).toMatchObject(cancelled)
      expect((await continueRun(api, id)).__typename).toBe('RunStateError')
      expect(await readRun(api, id)).toEqual(run)
      expect(await eventsOf(api, id)).toEqual(events)
    })
  })
})

describe.skipIf(mongodbIsOff())('on two servers with one MongoDB database', { timeout: 120_000 }, () => {
  test('R16 cancelling on one while the other makes a call: it is told to stop, and how it ended is on record', async () => {
    const { agents, kept, entered } = attentive(half)
    await using database = mongoDatabase()
    await using a = await testServer({ agents, database: database.url })
    // Has the agent as well, and is not the one that works.
    await using b = await testServer({ agents, database: database.url })
    const { id } = await start(a, { waitMs: 0 })
    await entered
    expect(await cancel(b, id)).toMatchObject(cancelled)
    expect(typesOf(await eventsOf(b, id)).slice(-2)).toEqual(['ToolCallFinished', 'RunCancelled'])
    expect(kept.made).toHaveLength(1)
  })
})
