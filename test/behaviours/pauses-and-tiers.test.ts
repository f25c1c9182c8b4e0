import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  finished,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

// Three pauses, three tiers: what each combination asks for, who may answer, what runs and what is written down.

type Pause = 'confirmation' | 'user-input' | 'external-execution'
type Tier = 'plain' | 'audit' | 'required'

const inputSchema = z.object({ to: z.string(), euros: z.number().int().max(100) })
const gates = { plain: {}, audit: { approval: 'audit' }, required: { approval: 'required' } } as const

/** What the model sets, an answer that fits, one that does not, and what then runs here. */
const pauses = {
  confirmation: {
    fields: { pause: 'confirmation' },
    input: { to: 'Riley', euros: 5 },
    approve: {},
    wrong: { values: { euros: 5 } },
    runsWith: [{ to: 'Riley', euros: 5 }],
    result: 'done',
    recorded: { values: null, result: null },
    answerSchema: { type: 'object', properties: {}, additionalProperties: false },
  },
  'user-input': {
    fields: { pause: 'user-input', userInput: ['euros'] },
    input: { to: 'Riley' },
    approve: { values: { euros: 50 } },
    wrong: { values: { euros: 500 } },
    runsWith: [{ to: 'Riley', euros: 50 }],
    result: 'done',
    recorded: { values: { euros: 50 }, result: null },
    answerSchema: { required: ['euros'], properties: { euros: { type: 'integer', maximum: 100 } } },
  },
  'external-execution': {
    fields: { pause: 'external-execution', execute: undefined },
    input: { to: 'Riley', euros: 5 },
    approve: { outcome: { success: { result: { paid: true } } } },
    wrong: {},
    runsWith: [],
    result: { paid: true },
    recorded: { values: null, result: { paid: true } },
    answerSchema: {},
  },
} as const

const combinations = (Object.keys(pauses) as Pause[]).flatMap((pause) =>
  (Object.keys(gates) as Tier[]).map((tier): [Pause, Tier] => [pause, tier]),
)
const kindOf = (pause: Pause) => pause.replace('-', '_').toUpperCase()

function scene(pause: Pause, tier: Tier) {
  const kept = ledger()
  const { fields, input } = pauses[pause]
  const pay = { inputSchema, execute: kept.enter, ...fields, ...gates[tier] }
  return { kept, ...agentOf({ pay }, [[{ call: 'pay', input }]]) }
}

forEachStore(({ serve }) => {
  describe.each(combinations)('%s, %s', (pause, tier) => {
    const { approve, wrong, runsWith, result, recorded, answerSchema, input } = pauses[pause]
    const isRequired = tier === 'required'

    async function paused() {
      const { kept, agent, prompts } = scene(pause, tier)
      const api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ callId, approval }] = run.requirements
      /** Answers the way this tier is answered. */
      const answer = (decision: object, note = 'as agreed') =>
        isRequired
          ? resolve(api, approval.id, { decision, note })
          : continueRun(api, run.id, { answers: [{ callId, decision, note }] })
      return { kept, prompts, api, run, callId, answer, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
    }
    const accepted = { __typename: isRequired ? 'ResolveApprovalSuccess' : 'ContinueRunSuccess' }
    const refused = { __typename: 'InvalidInputError' }

    test('P9 it pauses, and says who decides and what the answer must hold', async () => {
      await using scene = await paused()
      expect(scene.run).toMatchObject({ status: 'PAUSED', requirements: [expect.anything()] })
      expect(scene.run.requirements[0]).toMatchObject({
        kind: kindOf(pause),
        decider: isRequired ? 'APPROVER' : 'REQUESTER',
        approvalType: tier === 'plain' ? null : tier.toUpperCase(),
        answerSchema,
        toolCall: { arguments: input, status: 'WAITING' },
      })
      const records = await listApprovals(scene.api, { runId: scene.run.id })
      expect(records).toHaveLength(isRequired ? 1 : 0)
      expect(scene.kept.made).toEqual([])
    })

    test('C4 C6 R7 R8 approved, it runs once with what was approved, and the record says so', async () => {
      await using scene = await paused()
      expect(await scene.answer({ approve })).toMatchObject(accepted)
      const run = await finished(scene.api, scene.run.id)
      expect(run).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(run)).toMatchObject([{ status: 'SUCCEEDED', result, arguments: { ...input, ...runsWith[0] } }])
      expect(scene.kept.inputs()).toEqual(runsWith)
      const records = approvalsOf(run)
      if (tier === 'plain') return expect(records).toEqual([])
      const approval = await readApproval(scene.api, records[0].id)
      expect(approval).toMatchObject({
        type: tier.toUpperCase(),
        kind: kindOf(pause),
        status: 'APPROVED',
        revision: 2,
        arguments: input,
        resolution: {
          ...recorded,
          note: 'as agreed',
          resolvedBy: { id: isRequired ? 'prn_approver-1' : 'prn_requester-1' },
        },
      })
    })

    test('R9 rejected, it never runs, and the model hears why', async () => {
      await using scene = await paused()
      expect(await scene.answer({ reject: { message: 'Not to Riley.' } })).toMatchObject(accepted)
      const run = await finished(scene.api, scene.run.id)
      expect(run).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(run)).toMatchObject([{ status: 'REJECTED', result: null }])
      expect(scene.kept.made).toEqual([])
      expect(JSON.stringify(heard(scene.prompts[1]))).toContain('Not to Riley.')
      if (tier !== 'plain') expect(approvalsOf(run)).toMatchObject([{ status: 'REJECTED', type: tier.toUpperCase() }])
    })

    test('C4 R7 R8 an answer that does not fit is refused, and nothing has changed', async () => {
      await using scene = await paused()
      for (const decision of [
        { approve: wrong },
        { approve: { ...approve, outcome: { failure: { message: '' } }, values: {} } },
      ]) {
        expect(await scene.answer(decision)).toMatchObject(refused)
      }
      const run = await readRun(scene.api, scene.run.id)
      expect(run).toMatchObject({ status: 'PAUSED', requirements: [{ callId: scene.callId }] })
      expect(scene.kept.made).toEqual([])
      expect(await scene.answer({ approve })).toMatchObject(accepted)
    })

    test('C1 C4 without an answer it is not continued', async () => {
      await using scene = await paused()
      expect(await continueRun(scene.api, scene.run.id)).toMatchObject({
        __typename: isRequired ? 'ApprovalPendingError' : 'AnswerRequiredError',
      })
      expect(scene.kept.made).toEqual([])
    })

    test('R3 C8 a second answer is refused with what stands', async () => {
      await using scene = await paused()
      await scene.answer({ approve })
      await finished(scene.api, scene.run.id)
      expect(await scene.answer({ reject: {} })).toMatchObject({
        __typename: isRequired ? 'ApprovalConflictError' : 'RunStateError',
      })
      expect(scene.kept.inputs()).toEqual(runsWith)
    })

    test('P6 is answered after a restart as well', async () => {
      await using scene = await paused()
      await restart(scene.api)
      expect(await scene.answer({ approve })).toMatchObject(accepted)
      expect(await finished(scene.api, scene.run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(scene.kept.inputs()).toEqual(runsWith)
    })
  })
})
