import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf } from './support/agents.ts'
import { approvalsOf, callsOf, cancel, continueRun, decide, readRun, start, until } from './support/api.ts'
import * as documents from './support/documents.ts'
import { startAny } from './support/start-any.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const allRuns = '{ runs(first: 100) { edges { node { id } } } }'

forEachStore(({ serve }) => {
  describe('C15 waitMs', () => {
    test('C15 returns as soon as the run is paused or over, and not before', async () => {
      const gates = { a: Promise.withResolvers<null>(), b: Promise.withResolvers<null>() }
      const entered: string[] = []
      const hold = tool({
        inputSchema: z.object({ id: z.enum(['a', 'b']) }),
        execute({ id }) {
          entered.push(id)
          return gates[id].promise
        },
      })
      const erase = tool({ inputSchema, approval: 'required', execute: () => null })
      const { agent } = agentOf({ hold, erase }, [[call('hold', 'a')], [call('erase', 'x')], [call('hold', 'b')]])
      await using api = await serve({ agents: [agent] })
      const key = { idempotencyKey: 'one' }
      let answered = 0
      const count = <Value>(value: Value) => {
        answered += 1
        return value
      }
      const waiting = startAny(api, { ...key, waitMs: 30_000 }).then(count)
      // Whoever does not wait, or not so long, is told that it runs.
      const now = await startAny(api, key)
      expect(now.run).toMatchObject({ status: 'RUNNING' })
      const began = performance.now()
      expect((await startAny(api, { ...key, waitMs: 60 })).run).toMatchObject({ id: now.run.id, status: 'RUNNING' })
      expect(performance.now() - began).toBeGreaterThanOrEqual(55)
      expect([answered, entered]).toEqual([0, ['a']])
      gates.a.resolve(null)
      expect((await waiting).run).toMatchObject({ id: now.run.id, status: 'PAUSED' })

      const approval = approvalsOf(await readRun(api, now.run.id))[0]
      await decide(api, approval.id)
      await until(api, now.run.id, 'ToolCallStarted', 3)
      const over = startAny(api, { ...key, waitMs: 30_000 }).then(count)
      expect((await startAny(api, { ...key, waitMs: 30 })).run).toMatchObject({ status: 'RUNNING' })
      expect(answered).toBe(1)
      gates.b.resolve(null)
      expect((await over).run).toMatchObject({ status: 'COMPLETED' })
    })

    test('C15 of a continued run too, and when it is cancelled or fails', async () => {
      const gate = Promise.withResolvers<null>()
      const send = tool({
        inputSchema,
        pause: 'confirmation',
        execute: (_, { abortSignal }) => {
          abortSignal?.addEventListener('abort', () => gate.resolve(null))
          return gate.promise
        },
      })
      const { agent } = agentOf({ send }, [[call('send', 'a')]])
      const failing = defineAgent({
        name: 'failing',
        maxRetries: 0,
        model: scriptedModel(() => Promise.reject(new Error('No.'))),
      })
      await using api = await serve({ agents: [agent, failing] })
      const run = await start(api)
      const answers = callsOf(run).map(({ id }) => ({ callId: id, decision: { approve: {} } }))
      const waiting = continueRun(api, run.id, { answers })
      await until(api, run.id, 'ToolCallStarted')
      await cancel(api, run.id)
      expect(await waiting).toMatchObject({ run: { status: 'CANCELLED' } })
      expect(await start(api, { agentName: 'failing' })).toMatchObject({ status: 'FAILED' })
    })

    test('C15 is from 0 to 30,000', async () => {
      const { agent } = agentOf({}, [])
      await using api = await serve({ agents: [agent] })
      for (const waitMs of [-1, 30_001, 2 ** 31 - 1]) {
        expect(await startAny(api, { waitMs })).toMatchObject({ __typename: 'InvalidInputError' })
      }
      const { errors } = await api.graphql(documents.startRun, {
        input: { agentName: 'agent', message: 'x', waitMs: 0.5 },
      })
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      expect((await api.data(allRuns)).runs.edges).toEqual([])
    })
  })
})
