import { describe, expect, test } from 'vitest'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  finished,
  readRun,
  resolve,
  restart,
  start,
} from './support/api.ts'
import { eachPause, input, inputSchema, type Pause, pausedRun, pauses } from './support/pauses.ts'
import { forEachStore } from './support/stores.ts'

// What got tools of others to run without the approval they need, tried on every kind of pause: here nothing runs.

/** An agent whose only call the requester answers, and that is written down. */
function noting(pause: Pause) {
  const kept = ledger()
  const note = { inputSchema, execute: kept.enter, ...pauses[pause].fields, approval: 'audit' }
  return { kept, ...agentOf({ note }, [[{ call: 'note', input }]], { name: 'noting' }) }
}

forEachStore(({ serve }) => {
  describe.each(eachPause)('a required call, %s', (pause) => {
    const { approve } = pauses[pause]
    const refused = { __typename: 'InvalidInputError' }

    const paused = (options: object = {}, turns = 1) => pausedRun(serve, pause, options, turns)
    /** How often a call that is approved is made here. */
    const ran = pause === 'external-execution' ? 0 : 1
    const conflict = (status: string) => ({ __typename: 'ApprovalConflictError', approval: { status } })
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
      const [pay, say] = callsOf(other).map(({ id }) => id)
      for (const callId of [pay, say, scene.pay, scene.id, `${scene.say}0`, 'call_1', '']) {
        expect(await continueRun(scene.api, scene.run.id, answerTo(callId))).toMatchObject(refused)
      }
      for (const callId of [scene.pay, scene.say]) {
        expect(await continueRun(scene.api, other.id, answerTo(callId))).toMatchObject(refused)
      }
      expect([await readRun(scene.api, scene.run.id), await readRun(scene.api, other.id)]).toEqual([scene.run, other])
      expect(scene.kept.made).toEqual([])
    })

    test('is not run with arguments of an answer, nor is a call that the requester answers', async () => {
      await using scene = await paused()
      const { kept, agent } = noting(pause)
      await restart(scene.api, { agents: [scene.agent, agent] })
      const run = await start(scene.api, { agentName: 'noting' })
      const [audit] = callsOf(run)
      for (const given of [{ to: 'Eve', euros: 1_000_000 }, input, { to: 'Eve' }, {}]) {
        const changed = { approve: { ...approve, arguments: given } }
        for (const [runId, callId] of [
          [scene.run.id, scene.say],
          [scene.run.id, scene.pay],
          [run.id, audit.id],
        ]) {
          const path = ['answers', '0', ...(callId === scene.pay ? [] : ['approve', 'arguments'])]
          const answer = await continueRun(scene.api, runId, answerTo(callId, changed))
          expect(answer).toMatchObject({ ...refused, issues: [{ path }] })
        }
      }
      expect([await readRun(scene.api, scene.run.id), await readRun(scene.api, run.id)]).toEqual([scene.run, run])
      expect([scene.kept.made, kept.made]).toEqual([[], []])
    })

    test('is not covered by the decision on an equal call of an earlier turn', async () => {
      await using scene = await paused({}, 2)
      await decide(scene.api, scene.id, { decision: { approve } })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say))
      const again = await readRun(scene.api, scene.run.id)
      expect([again.status, scene.kept.made.length]).toEqual(['PAUSED', 2 * ran])
      const [first, second] = approvalsOf(again)
      expect([first.status, second.status, second.id === first.id]).toEqual(['APPROVED', 'PENDING', false])
      expect(await resolve(scene.api, first.id, { decision: { approve } })).toMatchObject(conflict('APPROVED'))
      expect(scene.kept.made).toHaveLength(2 * ran)
    })

    test('is decided once, however often its run is started with the same key; with another key it is another call', async () => {
      await using scene = await paused({ idempotencyKey: 'k' })
      expect(await start(scene.api, { idempotencyKey: 'k' })).toEqual(scene.run)
      await decide(scene.api, scene.id, { decision: { approve } })
      await start(scene.api, { idempotencyKey: 'k', waitMs: 0 })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say, { reject: {} }))
      const over = await finished(scene.api, scene.run.id)
      expect(await start(scene.api, { idempotencyKey: 'k' })).toEqual(over)
      expect(approvalsOf(over)).toMatchObject([{ id: scene.id, status: 'APPROVED' }])
      expect(await resolve(scene.api, scene.id, { decision: { approve } })).toMatchObject(conflict('APPROVED'))
      expect(scene.kept.made).toHaveLength(ran)

      const other = await start(scene.api, { idempotencyKey: 'l' })
      expect(approvalsOf(other)).toMatchObject([{ status: 'PENDING', revision: 1 }])
      expect(await continueRun(scene.api, other.id, answerTo(callsOf(other)[1].id, { reject: {} }))).toMatchObject({
        run: { status: 'PAUSED' },
      })
      expect(scene.kept.made).toHaveLength(ran)
    })

    test('does not run by starting its run again once it is rejected', async () => {
      await using scene = await paused({ idempotencyKey: 'k' })
      await decide(scene.api, scene.id, { decision: { reject: {} } })
      await continueRun(scene.api, scene.run.id, answerTo(scene.say, { reject: {} }))
      const over = await finished(scene.api, scene.run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(await start(scene.api, { idempotencyKey: 'k' })).toEqual(over)
      expect(scene.kept.made).toEqual([])
    })

    test('runs once when it is approved, and never when it is rejected, with continueRun ten times at once', async () => {
      for (const [decision, times] of [
        [{ approve }, ran],
        [{ reject: {} }, 0],
      ] as const) {
        await using scene = await paused({ resumeMode: 'MANUAL' })
        await decide(scene.api, scene.id, { decision })
        const ten = Array.from({ length: 10 }, (_, n) =>
          continueRun(scene.api, scene.run.id, n % 2 ? {} : answerTo(scene.say)),
        )
        for (const { __typename } of await Promise.all(ten)) {
          expect(['ContinueRunSuccess', 'RunStateError', 'AnswerRequiredError', 'InvalidInputError']).toContain(
            __typename,
          )
        }
        await continueRun(scene.api, scene.run.id)
        expect(await finished(scene.api, scene.run.id)).toMatchObject({ status: 'COMPLETED' })
        expect([scene.kept.times(scene.pay), scene.kept.times(scene.say)]).toEqual([times, ran])
        expect(heard(scene.prompts[1])).toHaveLength(2)
        expect(scene.prompts).toHaveLength(2)
      }
    })

    test('never runs once it is rejected, whatever comes afterwards', async () => {
      await using scene = await paused({ resumeMode: 'MANUAL' })
      await decide(scene.api, scene.id, { decision: { reject: {} } })
      for (const other of Object.values(pauses)) {
        const answer = await resolve(scene.api, scene.id, { decision: { approve: other.approve } })
        expect(answer).toMatchObject(conflict('REJECTED'))
      }
      await continueRun(scene.api, scene.run.id, answerTo(scene.say, { reject: {} }))
      expect(callsOf(await finished(scene.api, scene.run.id))).toMatchObject([
        { status: 'REJECTED', result: null },
        { status: 'REJECTED' },
      ])
      expect(scene.kept.made).toEqual([])
    })

    test.each(['cancelled and then approved', 'approved and then cancelled'])(
      'never runs when it is %s',
      async (order) => {
        await using scene = await paused({ resumeMode: 'MANUAL' })
        const steps = [
          () => resolve(scene.api, scene.id, { decision: { approve } }),
          () => cancel(scene.api, scene.run.id),
        ]
        const isApproved = order.startsWith('approved')
        for (const step of isApproved ? steps : steps.toReversed()) await step()
        expect(await resolve(scene.api, scene.id, { decision: { approve } })).toMatchObject(
          conflict(isApproved ? 'APPROVED' : 'CANCELLED'),
        )
        for (const answers of [{}, answerTo(scene.say), answerTo(scene.pay)]) {
          expect(await continueRun(scene.api, scene.run.id, answers)).toMatchObject({ __typename: 'RunStateError' })
        }
        await restart(scene.api)
        const over = await readRun(scene.api, scene.run.id)
        expect(over).toMatchObject({ status: 'CANCELLED' })
        expect(callsOf(over)).toMatchObject([{ result: null }, { result: null }])
        expect(scene.kept.made).toEqual([])
      },
    )
  })
})
