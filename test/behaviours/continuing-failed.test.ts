import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { testServer } from '../support/test-server.ts'
import { ledger, messageOf } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  eventsOf,
  finished,
  readRun,
  start,
  typesOf,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })

/** Looks, erases when its message says so (gated), and then says what it was told; its model fails while `broken`. */
function scene() {
  const kept = ledger()
  const state = { broken: true, asked: 0, prompts: [] as string[] }
  const look = tool({ inputSchema, execute: kept.enter })
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const model = scriptedModel((prompt) => {
    const message = messageOf(prompt)
    state.asked += 1
    if (turnOf(prompt) === 0) {
      const calls = message.startsWith('erase') ? ['look', 'erase'] : ['look']
      return calls.map((call) => ({ call, input: { id: `${call} ${message}` } }))
    }
    state.prompts.push(JSON.stringify(prompt))
    if (state.broken) throw new Error('Overloaded.')
    return [{ text: `Re: ${message}` }]
  })
  const agent = defineAgent({ name: 'agent', model, tools: { look, erase }, maxRetries: 0 })
  return { kept, state, agents: [agent] }
}
const modelError = { status: 'FAILED', error: { code: 'MODEL_ERROR' } }

/** What two who continue a run at once are told: both may see it going on, one of them at least has done it. */
function expectOneAtLeast(answers: readonly { __typename: string }[]) {
  const names = answers.map(({ __typename }) => __typename)
  expect(names).toContain('ContinueRunSuccess')
  for (const name of names) expect(['ContinueRunSuccess', 'RunStateError']).toContain(name)
}

forEachStore(({ serve, editEntry, rounds }) => {
  describe('C13 continuing a failed run', () => {
    test('C13 twice at once, again and again: it goes on once, and no tool runs again', async () => {
      const { kept, state, agents } = scene()
      await using api = await serve({ agents })
      for (let round = 0; round < rounds(4); round++) {
        state.broken = true
        const run = await start(api)
        expect(run).toMatchObject(modelError)
        state.broken = false
        const asked = state.asked
        expectOneAtLeast(await Promise.all([continueRun(api, run.id), continueRun(api, run.id)]))
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', error: null })
        expect(typesOf(await eventsOf(api, run.id)).filter((type) => type === 'RunResumed')).toHaveLength(1)
        expect([state.asked - asked, kept.made.length]).toEqual([1, round + 1])
      }
    })

    test('C13 whose session has gone on: it goes on with what it had been shown, and later runs see both', async () => {
      const { kept, state, agents } = scene()
      await using api = await serve({ agents })
      const within = { sessionId: 'ses_c13' }
      const failed = await start(api, { ...within, message: 'first' })
      expect(failed).toMatchObject(modelError)
      // It is over: a cancel changes nothing about it.
      expect(await cancel(api, failed.id)).toMatchObject({ __typename: 'RunStateError', run: { status: 'FAILED' } })
      state.broken = false
      expect(await start(api, { ...within, message: 'second' })).toMatchObject({ output: 'Re: second' })
      expect(await continueRun(api, failed.id)).toMatchObject({ run: { status: 'COMPLETED', output: 'Re: first' } })
      expect(await start(api, { ...within, message: 'third' })).toMatchObject({ output: 'Re: third' })
      const [, second, first, third] = state.prompts
      expect([second, first].map((prompt) => prompt?.match(/first|second/g)?.at(0))).toEqual(['second', 'first'])
      expect(first).not.toContain('second')
      expect(second).not.toContain('first')
      expect(third).toMatch(/Re: first.*Re: second.*third/)
      expect(kept.made).toHaveLength(3)
    })

    test('C13 through what the database has and cannot be read: STORE_ERROR, and once that is mended it goes on', async () => {
      const { kept, state, agents } = scene()
      state.broken = false
      await using api = await serve({ agents })
      const within = { sessionId: 'ses_store' }
      const earlier = await start(api, { ...within, message: 'earlier' })
      const run = await start(api, { ...within, message: 'erase it' })
      const [from, to] = ['"earlier"', '"changed"']
      await editEntry(api.database, earlier.id, 1, (text) => text.replace(from, to))
      await decide(api, approvalsOf(run)[0].id)
      const failed = await finished(api, run.id)
      expect(failed).toMatchObject({
        status: 'FAILED',
        error: { code: 'STORE_ERROR', message: expect.stringContaining('The database has what cannot be read') },
      })
      expect(callsOf(failed).map(({ status }) => status)).toEqual(['SUCCEEDED', 'CANCELLED'])
      expect(await continueRun(api, run.id)).toMatchObject({ run: { error: { code: 'STORE_ERROR' } } })
      await editEntry(api.database, earlier.id, 1, (text) => text.replace(to, from))
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { status: 'COMPLETED', output: 'Re: erase it' },
      })
      expect(kept.inputs()).toEqual([{ id: 'look earlier' }, { id: 'look erase it' }, { id: 'erase erase it' }])
      expect(callsOf(await readRun(api, run.id)).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED'])
    })
  })
})

describe.skipIf(mongodbIsOff())('on two servers with one MongoDB database', { timeout: 120_000 }, () => {
  test('C13 a run that failed on one is continued on the other, and on both at once: it goes on once', async () => {
    const { kept, state, agents } = scene()
    await using database = mongoDatabase()
    await using a = await testServer({ agents, database: database.url })
    const run = await start(a)
    expect(run).toMatchObject(modelError)
    await using b = await testServer({ agents, database: database.url })
    expect(await continueRun(b, run.id)).toMatchObject({ __typename: 'ContinueRunSuccess', run: modelError })
    state.broken = false
    expectOneAtLeast(await Promise.all([a, b].map((api) => continueRun(api, run.id))))
    expect(await finished(a, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Re: Do it.' })
    expect(typesOf(await eventsOf(a, run.id)).filter((type) => type === 'RunResumed')).toHaveLength(2)
    expect([kept.made.length, state.asked]).toEqual([1, 4])
  })
})
