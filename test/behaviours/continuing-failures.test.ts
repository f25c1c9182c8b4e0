import { APICallError } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  eventsOf,
  finished,
  readRun,
  restart,
  start,
  typesOf,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })

const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

forEachStore(({ serve }) => {
  describe('C12 a tool that throws', () => {
    const getter = Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('again')
      },
    })
    const thrown: Record<string, [unknown, string | RegExp]> = {
      'an Error': [new Error('The account is closed.'), 'The account is closed.'],
      'an Error with a cause': [new Error('Closed.', { cause: new Error('secret') }), 'Closed.'],
      'an Error without a message': [new TypeError(), 'TypeError'],
      'a string': ['Closed.', 'Closed.'],
      undefined: [undefined, 'undefined'],
      null: [null, 'null'],
      'a number': [42, '42'],
      'a cyclic object': [cyclic, /\[object Object\]/],
      'an object without a prototype': [Object.create(null), 'The tool failed without a message.'],
      'an Error whose message throws': [getter, 'The tool failed without a message.'],
      'an Error whose message is a number': [Object.assign(new Error(), { message: 42 }), /42|without a message/],
      'an Error whose message is an object': [Object.assign(new Error(), { message: { a: 1 } }), /./],
      'a lone surrogate': [new Error('a\ud800b'), 'a\ufffdb'],
      'a message of 1 MB': [new Error('x'.repeat(1024 * 1024)), /^x{1000,20000}$/],
    }
    test.each(Object.entries(thrown))(
      'C12 %s gives an error result to the model, and the run goes on',
      async (_, [what, said]) => {
        const fail = tool({ inputSchema, approval: 'required', execute: () => Promise.reject(what) })
        const look = tool({ inputSchema, execute: () => 'seen' })
        const { agent, prompts } = agentOf({ fail, look }, [[call('fail', 'a'), call('look', 'b')]])
        await using api = await serve({ agents: [agent] })
        const run = await start(api)
        await decide(api, approvalsOf(run)[0].id)
        const over = await finished(api, run.id)
        expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
        const [failed] = callsOf(over)
        const message = typeof said === 'string' ? said : expect.stringMatching(said)
        expect(failed).toMatchObject({ status: 'FAILED', result: null, error: message })
        const told = heard(prompts[1]).map(({ output }) => output)
        expect(told).toEqual([
          { type: 'error-text', value: failed.error },
          { type: 'text', value: 'seen' },
        ])
        // No stack, no place in our files, no cause.
        expect(JSON.stringify(prompts[1])).not.toMatch(/ at .*:\d+|\.ts|secret/)
      },
    )

    test('C12 at once, and not as a promise', async () => {
      const fail = tool({ inputSchema, execute: () => JSON.parse('{') })
      const { agent, prompts } = agentOf({ fail }, [[call('fail', 'a')]])
      await using api = await serve({ agents: [agent] })
      expect(await start(api)).toMatchObject({ status: 'COMPLETED' })
      expect(heard(prompts[1])).toMatchObject([
        { output: { type: 'error-text', value: expect.stringContaining('JSON') } },
      ])
    })
  })

  describe('C13 a model call that fails', () => {
    const overloaded = (isRetryable = true) =>
      new APICallError({
        message: 'Overloaded.',
        url: 'http://127.0.0.1/',
        requestBodyValues: {},
        isRetryable,
        responseHeaders: { 'retry-after-ms': '1' },
      })

    /** Looks, erases (gated), and then the model fails as often as `failures` says. */
    function scene(failures: unknown[], maxRetries = 2) {
      const kept = ledger()
      const asked: number[] = []
      const look = tool({ inputSchema, execute: kept.enter })
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const model = scriptedModel((prompt) => {
        const turn = turnOf(prompt)
        asked.push(turn)
        if (turn === 0) return [call('look', 'a'), call('erase', 'b')]
        if (failures.length > 0) throw failures.shift()
        return [{ text: 'At last.' }]
      })
      return { kept, asked, failures, agent: defineAgent({ name: 'agent', model, tools: { look, erase }, maxRetries }) }
    }

    test('C13 is tried again as configured, and nobody notices', async () => {
      const { kept, asked, agent } = scene([overloaded(), overloaded()])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'At last.' })
      expect([asked, kept.inputs()]).toEqual([
        [0, 1, 1, 1],
        [{ id: 'a' }, { id: 'b' }],
      ])
    })

    test('C13 then fails the run with the model’s error; continuing it, also over restarts, runs no tool again', async () => {
      const failures = Array.from({ length: 6 }, () => overloaded())
      const { kept, asked, agent } = scene(failures)
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id)
      const failed = await finished(api, run.id)
      expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_ERROR', message: 'Overloaded.' } })
      expect(callsOf(failed).map(({ status, result }) => [status, result])).toEqual([
        ['SUCCEEDED', 'done'],
        ['SUCCEEDED', 'done'],
      ])
      expect(asked).toEqual([0, 1, 1, 1])

      const answers = [{ callId: callsOf(failed)[0].id, decision: { approve: {} } }]
      expect(await continueRun(api, run.id, { answers })).toMatchObject({ __typename: 'InvalidInputError' })
      expect(await readRun(api, run.id)).toEqual(failed)
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { status: 'FAILED' },
      })
      await restart(api)
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { status: 'COMPLETED', output: 'At last.', error: null },
      })
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
      expect(asked).toEqual([0, 1, 1, 1, 1, 1, 1, 1])
      expect(typesOf(await eventsOf(api, run.id)).slice(-6)).toEqual([
        'RunFailed',
        'RunResumed',
        'RunFailed',
        'RunResumed',
        'ModelResponded',
        'RunCompleted',
      ])
    })

    test('C13 for good is not tried again', async () => {
      const { asked, agent } = scene([overloaded(false)])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_ERROR' } })
      expect(asked).toEqual([0, 1])
    })

    const odd = {
      undefined: undefined,
      'a string': 'Overloaded.',
      'a BigInt': 1n,
      'a cyclic object': cyclic,
      'a symbol': Symbol('x'),
    }
    test.each(Object.entries(odd))('C13 with %s is MODEL_ERROR too, and can be continued', async (_, failure) => {
      const { kept, agent } = scene([failure], 0)
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_ERROR' } })
      expect(await continueRun(api, run.id)).toMatchObject({ run: { status: 'COMPLETED' } })
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    })
  })
})
