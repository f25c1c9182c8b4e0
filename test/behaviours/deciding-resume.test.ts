import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, ledger, messageOf } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  eventsOf,
  finished,
  person,
  readRun,
  restart,
  start,
  typesOf,
  until,
} from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const _errands = join(import.meta.dirname, 'support/errands.ts')

/** An agent that erases what the message names, each word an id. */
function scene() {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, (prompt) =>
    prompt.at(-1)?.role === 'user'
      ? messageOf(prompt)
          .split(' ')
          .map((id) => ({ call: 'erase', input: { id } }))
      : [{ text: 'Done.' }],
  )
  return { kept, prompts, agents: [agent] }
}

forEachStore(({ serve, rounds }) => {
  describe('R10 AUTOMATIC: the run goes on once its last open call is decided', () => {
    test('R10 exactly once, when the last two decisions come at once, again and again', async () => {
      const { kept, prompts, agents } = scene()
      await using api = await serve({ agents })
      const times = rounds(50)
      await inBatches(times, 10, async (round) => {
        const run = await start(api, { message: 'a b', resumeMode: 'AUTOMATIC' })
        const decisions = approvalsOf(run).map(({ id }, index) =>
          round % 2 === 0
            ? decide(api, id, { as: `approver-${index}` })
            : api.server.approvals.resolve(person(`approver-${index}`), { approvalId: id, decision: { approve: {} } }),
        )
        await Promise.all(decisions)
        const types = typesOf(await eventsOf(api, run.id))
        const over = await readRun(api, run.id)
        expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
        expect(callsOf(over).map(({ id, status }) => [status, kept.times(id)])).toEqual([
          ['SUCCEEDED', 1],
          ['SUCCEEDED', 1],
        ])
        const count = (name: string) => types.filter((type) => type === name).length
        const found = ['RunPaused', 'RunResumed', 'ToolCallStarted', 'ToolCallFinished', 'ModelResponded'].map(count)
        expect(found).toEqual([1, 1, 2, 2, 2])
      })
      expect(prompts).toHaveLength(2 * times)
    })

    test('R10 exactly once, when the last two are an approval and an answer of the requester, again and again', async () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const mail = tool({ inputSchema, pause: 'confirmation', execute: kept.enter })
      const { agent } = agentOf({ erase, mail }, [
        ['erase', 'mail'].map((name) => ({ call: name, input: { id: name } })),
      ])
      await using api = await serve({ agents: [agent] })
      await inBatches(rounds(30), 10, async (round) => {
        const run = await start(api)
        const [first, second] = callsOf(run)
        const verdict = round % 3 === 0 ? 'reject' : 'approve'
        const answers = [{ callId: second.id, decision: { [verdict]: {} } }]
        const [, answer] = await Promise.all([
          decide(api, approvalsOf(run)[0].id),
          continueRun(api, run.id, { answers, waitMs: 0 }),
        ])
        expect(answer.__typename).toBe('ContinueRunSuccess')
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
        expect([kept.times(first.id), kept.times(second.id)]).toEqual([1, verdict === 'reject' ? 0 : 1])
      })
    })

    test('R10 with nobody calling continueRun, and not before: of ten calls the last one counts', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api, { message: '0 1 2 3 4 5 6 7 8 9' })
      const [last, ...others] = approvalsOf(run).toReversed()
      await Promise.all(others.map(({ id }, index) => decide(api, id, index % 2 ? {} : { decision: { reject: {} } })))
      // They are heard together or one by one; then the one that is left is all the run waits for.
      let left = others.length
      await eventsOf(api, run.id, ({ __typename, toolCalls }) => {
        if (__typename === 'ToolCallsDecided') left -= toolCalls.length
        return left === 0
      })
      expect(await readRun(api, run.id)).toMatchObject({ status: 'PAUSED', requirements: [{ callId: last.callId }] })
      expect(kept.made).toEqual([])
      await decide(api, last.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      // Rejected: 8, 6, 4, 2, 0.
      expect(kept.inputs()).toEqual(['1', '3', '5', '7', '9'].map((id) => ({ id })))
    })
  })

  describe('R11 MANUAL: the run stays PAUSED until continueRun', () => {
    test('R11 whatever is decided, whatever else runs, and after a restart', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api, { message: 'a b', resumeMode: 'MANUAL' })
      const [a, b] = approvalsOf(run)
      await decide(api, a.id)
      expect(await continueRun(api, run.id)).toMatchObject({
        ...{ __typename: 'ApprovalPendingError', pending: [{ id: b.id }], missing: [] },
      })
      await decide(api, b.id)
      const waits = { status: 'PAUSED', requirements: [] }
      expect(await until(api, run.id, 'ToolCallsDecided', 2)).toMatchObject(waits)
      const resumedBy = async (id: string) =>
        (await eventsOf(api, id)).filter(({ __typename }) => __typename === 'RunResumed').map(({ by }) => by)
      const stays = async () => {
        // Another run goes all its way through the same worker.
        const other = await start(api, { message: 'other' })
        await decide(api, approvalsOf(other)[0].id)
        expect(await finished(api, other.id)).toMatchObject({ status: 'COMPLETED' })
        expect(await resumedBy(other.id)).toEqual([null])
        expect(await readRun(api, run.id)).toMatchObject(waits)
        expect(kept.inputs()).not.toContainEqual({ id: 'a' })
      }
      await stays()
      await restart(api)
      await stays()
      const continued = await continueRun(api, run.id)
      expect(continued).toMatchObject({ __typename: 'ContinueRunSuccess', run: { status: 'COMPLETED' } })
      expect(callsOf(continued.run).map(({ id }) => kept.times(id))).toEqual([1, 1])
      expect(await resumedBy(run.id)).toEqual([{ id: 'prn_requester-1' }])
    })

    test('R11 and is continued at the very moment of the last decision', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      await inBatches(rounds(30), 10, async () => {
        const run = await start(api, { message: 'a', resumeMode: 'MANUAL' })
        const [approval] = approvalsOf(run)
        const [, early] = await Promise.all([decide(api, approval.id), continueRun(api, run.id, { waitMs: 0 })])
        if (early.__typename === 'ApprovalPendingError') {
          expect(await continueRun(api, run.id)).toMatchObject({ __typename: 'ContinueRunSuccess' })
        } else expect(early.__typename).toBe('ContinueRunSuccess')
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
        expect(kept.times(callsOf(run)[0]?.id)).toBe(1)
      })
    })
  })
})
