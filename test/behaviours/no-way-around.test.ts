import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  cancel,
  continueRun,
  decide,
  finished,
  readRun,
  resolve,
  restart,
  start,
  until,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

// What got tools of others to run without the approval they need, tried on every kind of pause: here nothing runs.

const inputSchema = z.object({ to: z.string(), euros: z.number() })
const input = { to: 'Riley', euros: 5 }

const kinds = {
  confirmation: { fields: {}, approve: {}, forged: {} },
  'user-input': {
    fields: { pause: 'user-input', userInput: ['euros'] },
    approve: { values: { euros: 50 } },
    forged: { values: '{"euros":1000000}' },
  },
  'external-execution': {
    fields: { pause: 'external-execution', execute: undefined },
    approve: { outcome: { success: { result: 'paid' } } },
    forged: { outcome: { result: '"forged"' } },
  },
} as const
type Kind = keyof typeof kinds
const each = Object.keys(kinds) as Kind[]

/** An agent whose calls of `pay` need an approver, and those of `say` its requester's word. */
function scene(kind: Kind, turns = 1) {
  const kept = ledger()
  const pay = { inputSchema, execute: kept.enter, ...kinds[kind].fields, approval: 'required' }
  const say = { inputSchema, execute: kept.enter, pause: 'confirmation', ...kinds[kind].fields }
  const both = [
    { call: 'pay', input },
    { call: 'say', input },
  ]
  return {
    kept,
    ...agentOf(
      { pay, say },
      Array.from({ length: turns }, () => both),
    ),
  }
}

forEachStore(({ serve, editApproval }) => {
  describe.each(each)('a required call, %s', (kind) => {
    const { approve, forged } = kinds[kind]
    const refused = { __typename: 'InvalidInputError' }

    async function paused(options: Record<string, unknown> = {}, turns = 1) {
      const { kept, agent } = scene(kind, turns)
      const api = await serve({ agents: [agent] })
      const run = await start(api, options)
      const [pay, say] = run.requirements.map(({ callId }: { callId: string }) => callId)
      const [{ id }] = approvalsOf(run)
      return { kept, api, run, pay, say, id, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
    }
    const answerTo = (callId: string, decision: object = { approve }) => ({ answers: [{ callId, decision }] })

    test('is not decided by its requester’s answer, pending, approved or rejected', async () => {
      for (const decision of [null, { approve }, { reject: {} }]) {
        await using scene = await paused({ resumeMode: 'MANUAL' })
        if (decision) await decide(scene.api, scene.id, { decision })
        expect(await continueRun(scene.api, scene.run.id, answerTo(scene.pay))).toMatchObject(refused)
        // Not even beside an answer that is right.
        const answers = [...answerTo(scene.say).answers, ...answerTo(scene.pay).answers]
        expect(await continueRun(scene.api, scene.run.id, { answers })).toMatchObject(refused)
        expect(scene.kept.made).toEqual([])
        expect(await readRun(scene.api, scene.run.id)).toMatchObject({ status: 'PAUSED' })
      }
    })

    test('is not reached by an answer that names it under another run, or names another run’s call', async () => {
      await using scene = await paused()
      const other = await start(scene.api)
      const [, say] = other.requirements.map(({ callId }: { callId: string }) => callId)
      for (const callId of [say, scene.pay, `${scene.say}0`, 'call_1', '']) {
        expect(await continueRun(scene.api, scene.run.id, answerTo(callId))).toMatchObject(refused)
      }
      expect(await continueRun(scene.api, other.id, answerTo(scene.say))).toMatchObject(refused)
      expect(scene.kept.made).toEqual([])
    })

    test('and no answer changes arguments', async () => {
      await using scene = await paused()
      const changed = { approve: { ...approve, arguments: { to: 'Eve', euros: 1_000_000 } } }
      expect(await continueRun(scene.api, scene.run.id, answerTo(scene.say, changed))).toMatchObject({
        ...refused,
        issues: [{ path: ['answers', '0', 'approve', 'arguments'] }],
      })
      expect(scene.kept.made).toEqual([])
    })

    test('is not covered by the decision on an equal call of an earlier turn', async () => {
      await using scene = await paused({}, 2)
      await decide(scene.api, scene.id, { decision: { approve } })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say))
      const again = await readRun(scene.api, scene.run.id)
      const ran = kind === 'external-execution' ? 0 : 2
      expect([again.status, scene.kept.made.length]).toEqual(['PAUSED', ran])
      const [first, second] = approvalsOf(again)
      expect([first.status, second.status, second.id === first.id]).toEqual(['APPROVED', 'PENDING', false])
      expect(await resolve(scene.api, first.id, { decision: { approve } })).toMatchObject({
        __typename: 'ApprovalConflictError',
      })
      expect(scene.kept.made).toHaveLength(ran)
    })

    test('is not asked for anew by starting the run again with its key', async () => {
      await using scene = await paused({ idempotencyKey: 'k' })
      await decide(scene.api, scene.id, { decision: { reject: {} } })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say, { reject: {} }))
      await finished(scene.api, scene.run.id)
      const again = await start(scene.api, { idempotencyKey: 'k' })
      expect([again.id, again.status]).toEqual([scene.run.id, 'COMPLETED'])
      expect(scene.kept.made).toEqual([])
    })

    test('never runs once it is rejected or its run is cancelled, whatever comes afterwards', async () => {
      await using rejected = await paused({ resumeMode: 'MANUAL' })
      await decide(rejected.api, rejected.id, { decision: { reject: {} } })
      expect(await resolve(rejected.api, rejected.id, { decision: { approve } })).toMatchObject({
        __typename: 'ApprovalConflictError',
        approval: { status: 'REJECTED' },
      })
      await continueRun(rejected.api, rejected.run.id, answerTo(rejected.say, { reject: {} }))
      expect(rejected.kept.made).toEqual([])

      await using cancelled = await paused({ resumeMode: 'MANUAL' })
      await decide(cancelled.api, cancelled.id, { decision: { approve } })
      await cancel(cancelled.api, cancelled.run.id)
      expect(await continueRun(cancelled.api, cancelled.run.id, answerTo(cancelled.say))).toMatchObject({
        __typename: 'RunStateError',
      })
      expect(cancelled.kept.made).toEqual([])
    })

    test('does not run when what was decided is changed in the database afterwards', async () => {
      await using scene = await paused({ resumeMode: 'MANUAL' })
      await decide(scene.api, scene.id, { decision: { approve } })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say, { reject: {} }))
      const run = await readRun(scene.api, scene.run.id)
      if (kind === 'confirmation') return expect(run.status).toBe('COMPLETED')
      // Another run of the same: decided, not continued yet, and then changed.
      const other = await start(scene.api, { resumeMode: 'MANUAL' })
      const [{ id }] = approvalsOf(other)
      const before = scene.kept.made.length
      const record = await decide(scene.api, id, { decision: { approve } })
      await until(scene.api, other.id, 'ToolCallsDecided')
      await scene.api.server.close()
      await editApproval(String(scene.api.database), id, { resolution: forgedResolution(record, forged) })
      await restart(scene.api)
      await continueRun(scene.api, other.id, answerTo(other.requirements[1].callId, { reject: {} }))
      const after = await finished(scene.api, other.id)
      expect(scene.kept.made).toHaveLength(before)
      expect(after).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
    })
  })
})

/** The resolution as somebody would leave it who changes what was filled in or brought, and nothing else. */
function forgedResolution(
  { resolution, fingerprint }: { resolution: { resolvedAt: string; note: string | null }; fingerprint: string },
  forged: object,
): ApprovalRecord['resolution'] {
  return {
    status: 'APPROVED',
    cause: 'DECISION',
    by: 'prn_approver-1' as never,
    at: Date.parse(resolution.resolvedAt),
    decisionId: 'd',
    note: null,
    message: null,
    arguments: null,
    fingerprint,
    values: null,
    outcome: null,
    ...forged,
  }
}
