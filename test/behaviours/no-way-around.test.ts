import { describe, expect, test } from 'vitest'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, cancel, continueRun, decide, finished, readRun, resolve, start } from './support/api.ts'
import { eachPause, input, inputSchema, type Pause, pauses } from './support/pauses.ts'
import { forEachStore } from './support/stores.ts'

// What got tools of others to run without the approval they need, tried on every kind of pause: here nothing runs.

/** An agent whose calls of `pay` need an approver, and those of `say` its requester's word. */
function scene(pause: Pause, turns = 1) {
  const kept = ledger()
  const pay = { inputSchema, execute: kept.enter, ...pauses[pause].fields, approval: 'required' }
  const say = { inputSchema, execute: kept.enter, ...pauses[pause].fields }
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

forEachStore(({ serve }) => {
  describe.each(eachPause)('a required call, %s', (pause) => {
    const { approve } = pauses[pause]
    const refused = { __typename: 'InvalidInputError' }

    async function paused(options: Record<string, unknown> = {}, turns = 1) {
      const { kept, agent } = scene(pause, turns)
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
      const ran = pause === 'external-execution' ? 0 : 2
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
  })
})
