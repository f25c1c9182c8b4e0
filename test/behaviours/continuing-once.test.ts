import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, continueRun, decide, finished, readRun, restart, start } from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { startAny } from './support/start-any.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const times = (count: number) => Array.from({ length: count }, (_, index) => index)

const allRuns = '{ runs(first: 100) { edges { node { id } } } }'

forEachStore(({ serve, rounds }) => {
  const many = rounds(50)

  describe('C7 two continueRuns at once, again and again', () => {
    const scene = () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const send = tool({ inputSchema, pause: 'confirmation', execute: kept.enter })
      return { kept, erase, send }
    }
    /** One took it, and the other was told so, or got the same run going on. */
    function expectOneWinner(answers: AnyData[], runId: string) {
      const successes = answers.filter(({ __typename }) => __typename === 'ContinueRunSuccess')
      expect(successes.length).toBeGreaterThan(0)
      for (const answer of answers) expect(['ContinueRunSuccess', 'RunStateError']).toContain(answer.__typename)
      for (const { run } of successes) expect(run).toMatchObject({ id: runId, status: 'COMPLETED' })
    }

    test('C7 of an approved call: it runs once', async () => {
      const { kept, erase, send } = scene()
      const { agent } = agentOf({ erase, send }, [[call('erase', 'a')]])
      await using api = await serve({ agents: [agent] })
      await inBatches(many, 10, async () => {
        const run = await start(api, { resumeMode: 'MANUAL' })
        await decide(api, approvalsOf(run)[0].id)
        expectOneWinner(await Promise.all([continueRun(api, run.id), continueRun(api, run.id)]), run.id)
        expect(await readRun(api, run.id)).toMatchObject({ status: 'COMPLETED' })
        expect(kept.times(callsOf(run)[0].id)).toBe(1)
      })
    })

    test('C7 with the same answer: the call runs once, and each run is continued once', async () => {
      const { kept, erase, send } = scene()
      const { agent, prompts } = agentOf({ erase, send }, [[call('send', 'a')]])
      await using api = await serve({ agents: [agent] })
      for (const _ of times(many)) {
        const run = await start(api)
        const answers = callsOf(run).map(({ id }) => ({ callId: id, decision: { approve: {} } }))
        expectOneWinner(
          await Promise.all([continueRun(api, run.id, { answers }), continueRun(api, run.id, { answers })]),
          run.id,
        )
        expect(kept.times(callsOf(run)[0].id)).toBe(1)
      }
      expect([kept.made.length, prompts.length]).toEqual([many, 2 * many])
    })

    test('C7 with contrary answers: one of them counts, and who gave it is told', async () => {
      const { kept, erase, send } = scene()
      const { agent } = agentOf({ erase, send }, [[call('send', 'a')]])
      await using api = await serve({ agents: [agent] })
      await inBatches(many, 10, async (n) => {
        const run = await start(api)
        const [{ id: callId }] = callsOf(run)
        const decisions = [{ approve: {} }, { reject: {} }]
        if (n % 2) decisions.reverse()
        const both = decisions.map((decision) => continueRun(api, run.id, { answers: [{ callId, decision }] }))
        const answers = await Promise.all(both)
        const winners = answers.flatMap(({ __typename }, i) =>
          __typename === 'ContinueRunSuccess' ? decisions[i] : [],
        )
        expect(winners).toHaveLength(1)
        const approved = 'approve' in (winners[0] ?? {})
        const over = await readRun(api, run.id)
        expect(callsOf(over)).toMatchObject([{ status: approved ? 'SUCCEEDED' : 'REJECTED' }])
        expect(kept.times(callId)).toBe(approved ? 1 : 0)
      })
    })
  })

  describe('C16 the same idempotencyKey', () => {
    test('C16 two at once, again and again: one run, worked on once', async () => {
      const kept = ledger()
      const look = tool({ inputSchema, execute: kept.enter })
      const { agent, prompts } = agentOf({ look }, [[call('look', 'a')]])
      await using api = await serve({ agents: [agent] })
      const pairs = times(many).map(async (n) => {
        const input = { idempotencyKey: `key ${n}`, waitMs: 30_000 }
        const [one, two] = await Promise.all([startAny(api, input), startAny(api, input)])
        expect([one.__typename, two.__typename]).toEqual(['StartRunSuccess', 'StartRunSuccess'])
        expect(one.run).toEqual(two.run)
        expect(one.run.status).toBe('COMPLETED')
        return one.run.id
      })
      const ids = await Promise.all(pairs)
      expect(new Set(ids).size).toBe(many)
      expect((await api.data(allRuns)).runs.edges).toHaveLength(many)
      expect([kept.made.length, new Set(kept.made.map(({ id }) => id)).size, prompts.length]).toEqual([
        many,
        many,
        2 * many,
      ])
    })

    test('C16 of another requester or tenant is another run; of the same one it is the first, also after a restart', async () => {
      const { agent } = agentOf({}, [])
      await using api = await serve({ agents: [agent] })
      const input = { idempotencyKey: 'k', metadata: { a: 1, b: { c: 2, d: 3 } }, waitMs: 30_000 }
      const people = ['requester-1', 'requester-2', 'requester-1@two', 'admin-1']
      const firsts = await Promise.all(people.map((as) => startAny(api, input, as)))
      expect(new Set(firsts.map(({ run }) => run.id)).size).toBe(people.length)
      await restart(api)
      // How long one waits, and how one writes the same JSON, are no other input.
      const again = { idempotencyKey: 'k', metadata: { b: { d: 3, c: 2 }, a: 1 }, waitMs: 0 }
      expect(await Promise.all(people.map((as) => startAny(api, again, as)))).toEqual(firsts)
    })

    test('C16 with another input is IdempotencyConflictError with the first run, also when both arrive at once', async () => {
      const { agent } = agentOf({}, [])
      const other = agentOf({}, [], { name: 'other' }).agent
      await using api = await serve({ agents: [agent, other] })
      const first = await startAny(api, { idempotencyKey: 'k' })
      const changes = [
        { message: 'Else.' },
        { agentName: 'other' },
        { sessionId: 's' },
        { metadata: {} },
        { resumeMode: 'MANUAL' },
      ]
      for (const change of changes) {
        expect(await startAny(api, { idempotencyKey: 'k', ...change })).toMatchObject({
          __typename: 'IdempotencyConflictError',
          run: { id: first.run.id },
        })
      }
      expect((await api.data(allRuns)).runs.edges).toHaveLength(1)
      for (const n of times(many)) {
        const both = ['One.', 'Two.'].map((message) => startAny(api, { idempotencyKey: `at once ${n}`, message }))
        const answers = await Promise.all(both)
        expect(answers.map(({ __typename }) => __typename).sort()).toEqual([
          'IdempotencyConflictError',
          'StartRunSuccess',
        ])
        expect(answers[0]?.run.id).toBe(answers[1]?.run.id)
        await finished(api, answers[0]?.run.id)
      }
    })
  })
})
