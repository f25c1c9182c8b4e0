import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, continueRun, eventsOf, finished, person, readRun, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ to: z.string(), euros: z.number().int().max(100), note: z.string().default('Thanks.') })

/** An agent that asks its requester to fill in what is missing, and to do something elsewhere. */
function scene() {
  const kept = ledger()
  const pay = { inputSchema, pause: 'user-input', userInput: ['euros', 'note'], execute: kept.enter }
  const ship = { inputSchema: z.object({ to: z.string() }), pause: 'external-execution' }
  return { kept, ...agentOf({ pay, ship }, [['pay', 'ship'].map((call) => ({ call, input: { to: 'Riley' } }))]) }
}
const approve = (given: object) => ({ approve: given })
const values = { euros: 50 }
const outcome = { success: { result: { parcel: 'P-7' } } }

forEachStore(({ serve }) => {
  describe('C4 plain pauses for values and for an outcome', () => {
    test('C4 values and an outcome are taken from the requester, and nothing is recorded beside the journal', async () => {
      const { kept, agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [pay, ship] = callsOf(run)
      expect(run.requirements).toMatchObject([
        { callId: pay.id, kind: 'USER_INPUT', decider: 'REQUESTER', approvalType: null, approval: null },
        { callId: ship.id, kind: 'EXTERNAL_EXECUTION', decider: 'REQUESTER', approvalType: null, approval: null },
      ])
      const answers = [
        { callId: ship.id, decision: approve({ outcome }) },
        { callId: pay.id, decision: approve({ values }), note: 'As agreed.' },
      ]
      expect(await continueRun(api, run.id, { answers })).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { status: 'COMPLETED' },
      })
      const over = await readRun(api, run.id)
      const filled = { to: 'Riley', euros: 50, note: 'Thanks.' }
      expect(callsOf(over)).toMatchObject([
        { status: 'SUCCEEDED', arguments: filled },
        { status: 'SUCCEEDED', arguments: { to: 'Riley' }, result: { parcel: 'P-7' } },
      ])
      expect([kept.inputs(), approvalsOf(over)]).toEqual([[filled], []])
      expect(heard(prompts[1]).map(({ tool }) => tool)).toEqual(['pay', 'ship'])
      expect(JSON.stringify(prompts[1]?.at(-1))).toContain('P-7')
    })

    test('C4 who answered stands in the run’s events, and what: the requester, or an ADMIN in their place', async () => {
      const { agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [pay, ship] = callsOf(run)
      const reject = { callId: pay.id, decision: { reject: { message: 'Not a cent.' } }, note: 'Too late.' }
      await continueRun(api, run.id, { answers: [reject], waitMs: 0 })
      const answers = [{ callId: ship.id, decision: approve({ outcome }) }]
      await continueRun(api, run.id, { answers }, 'admin-1')
      const answered = (await eventsOf(api, run.id)).filter(({ __typename }) => __typename === 'RunAnswered')
      const nothing = { note: null, message: null, values: null, result: null, error: null }
      const said = [
        { ...nothing, toolCall: { id: pay.id }, status: 'REJECTED', note: 'Too late.', message: 'Not a cent.' },
        { ...nothing, toolCall: { id: ship.id }, status: 'APPROVED', result: { parcel: 'P-7' } },
      ]
      expect(answered).toMatchObject([
        { by: { id: 'prn_requester-1' }, via: null, answers: [said[0]] },
        { by: { id: 'prn_admin-1' }, via: null, answers: [said[1]] },
      ])
    })

    test('C4 a failure is the call’s error, and a rejection is none of the two', async () => {
      const { kept, agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [pay, ship] = callsOf(run)
      const answers = [
        { callId: pay.id, decision: { reject: { message: 'Not a cent.' } } },
        { callId: ship.id, decision: approve({ outcome: { failure: { message: 'Out of stock.' } } }) },
      ]
      await continueRun(api, run.id, { answers })
      expect(callsOf(await finished(api, run.id))).toMatchObject([
        { status: 'REJECTED', result: null },
        { status: 'FAILED', error: 'Out of stock.' },
      ])
      expect(kept.made).toEqual([])
      expect(heard(prompts[1])).toMatchObject([
        { output: { type: 'error-text', value: expect.stringContaining('Not a cent.') } },
        { output: { type: 'error-text', value: 'Out of stock.' } },
      ])
    })

    test('C4 what does not fit is refused with its place, and nothing is applied, not even what fits beside it', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [pay, ship] = callsOf(run)
      const wrong: [callId: string, given: object, path: string[]][] = [
        [pay.id, {}, ['values']],
        [pay.id, { values: {} }, ['values', 'euros']],
        [pay.id, { values: { euros: '50' } }, ['values', 'euros']],
        [pay.id, { values: { euros: 101 } }, ['values', 'euros']],
        [pay.id, { values: { ...values, iban: 'x' } }, ['values', 'iban']],
        [pay.id, { values: { ...values, to: 'Eve' } }, ['values', 'to']],
        [pay.id, { values: { ...values, to: 'Riley' } }, ['values', 'to']],
        [pay.id, { values, outcome }, ['outcome']],
        [pay.id, { outcome }, ['outcome']],
        [ship.id, {}, ['outcome']],
        [ship.id, { values }, ['values']],
        [ship.id, { outcome, values }, ['values']],
        [ship.id, { outcome: { success: { result: 'x'.repeat(1024 * 1024) } } }, ['outcome', 'success', 'result']],
      ]
      const right = [
        { callId: pay.id, decision: approve({ values }) },
        { callId: ship.id, decision: approve({ outcome }) },
      ]
      for (const [callId, given, path] of wrong) {
        const beside = right.filter((answer) => answer.callId !== callId)
        const refused = await continueRun(api, run.id, { answers: [...beside, { callId, decision: approve(given) }] })
        expect(refused.__typename).toBe('InvalidInputError')
        const paths = refused.issues.map((issue: { path: string[] }) => issue.path)
        expect(paths).toContainEqual(['answers', '1', 'approve', ...path])
      }
      // What GraphQL's types refuse already is refused to the library too.
      for (const given of [{}, { success: {}, failure: { message: 'x' } }, { failure: {} }, 'done']) {
        const answers = [{ callId: ship.id, decision: approve({ outcome: given }) as never }]
        expect(await api.server.runs.continue(person('requester-1'), { runId: run.id, answers })).toMatchObject({
          __typename: 'InvalidInputError',
        })
      }
      expect(await readRun(api, run.id)).toEqual(run)
      expect(kept.made).toEqual([])
      expect(await continueRun(api, run.id, { answers: right })).toMatchObject({ run: { status: 'COMPLETED' } })
    })

    test('C4 without answers it is AnswerRequiredError with both calls', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'AnswerRequiredError',
        requirements: callsOf(run).map(({ id }) => ({ callId: id })),
      })
      expect(await readRun(api, run.id)).toEqual(run)
      expect(kept.made).toEqual([])
    })
  })
})
