import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  finished,
  person,
  readApproval,
  readRun,
  restart,
  start,
  until,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })

/** Two calls that an approver decides and one that the requester does, in one turn. */
function scene(turn = [call('erase', 'a'), call('erase', 'b')]) {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const send = tool({ inputSchema, pause: 'confirmation', execute: kept.enter })
  return { kept, ...agentOf({ erase, send }, [turn]) }
}

const approve = (callId: string) => ({ callId, decision: { approve: {} } })
const reject = (callId: string) => ({ callId, decision: { reject: { message: 'No.' } } })

forEachStore(({ serve, deleteApproval, editApproval }) => {
  describe('C1 continueRun while an approval is pending', () => {
    test.each(['AUTOMATIC', 'MANUAL'])(
      'C1 says ApprovalPendingError, lists them, and nothing runs: %s',
      async (mode) => {
        const { kept, agent, prompts } = scene()
        await using api = await serve({ agents: [agent] })
        const run = await start(api, { resumeMode: mode })
        const [a, b] = approvalsOf(run)
        for (const as of ['requester-1', 'admin-1']) {
          expect(await continueRun(api, run.id, {}, as)).toMatchObject({
            __typename: 'ApprovalPendingError',
            pending: [{ id: a.id }, { id: b.id }],
            missing: [],
          })
        }
        expect(await continueRun(api, run.id, { answers: [] })).toMatchObject({ __typename: 'ApprovalPendingError' })
        expect(await continueRun(api, run.id, {}, 'approver-1')).toMatchObject({ __typename: 'ForbiddenError' })
        expect(await readRun(api, run.id)).toEqual(run)

        await decide(api, b.id)
        const heardOne = await until(api, run.id, 'ToolCallsDecided')
        expect(await continueRun(api, run.id)).toMatchObject({
          __typename: 'ApprovalPendingError',
          pending: [{ id: a.id }],
          missing: [],
        })
        expect(await readRun(api, run.id)).toEqual(heardOne)
        expect([kept.made.length, prompts.length]).toEqual([0, 1])
      },
    )

    test('C1 the same through server.runs.continue', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [a, b] = approvalsOf(run)
      const requester = person('requester-1')
      expect(await api.server.runs.continue(requester, { runId: run.id })).toMatchObject({
        __typename: 'ApprovalPendingError',
        message: expect.stringContaining('2 approvals are pending'),
        run: { id: run.id, status: 'PAUSED', seq: run.lastSeq },
        pending: [{ id: a.id, status: 'PENDING' }, { id: b.id }],
        missing: [],
      })
      const approver = person('approver-1')
      await api.server.approvals.resolve(approver, { approvalId: a.id, decision: { approve: {} } })
      const answer = await api.server.runs.continue(requester, { runId: run.id })
      expect(answer).toMatchObject({ __typename: 'ApprovalPendingError', pending: [{ id: b.id }] })
      expect(kept.made).toEqual([])
      await api.server.approvals.resolve(approver, { approvalId: b.id, decision: { reject: {} } })
      expect(await api.server.runs.continue(requester, { runId: run.id, waitMs: 30_000 })).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { id: run.id, status: 'COMPLETED' },
      })
      expect(kept.inputs()).toEqual([{ id: 'a' }])
    })
  })

  describe('C2 continueRun when an approval record is missing', () => {
    test.each(['AUTOMATIC', 'MANUAL'])('C2 never lets the requester decide in its place: %s', async (mode) => {
      const { kept, agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api, { resumeMode: mode })
      const [a, b] = approvalsOf(run)
      await deleteApproval(api.database, a.id)
      expect(await readApproval(api, a.id)).toBeNull()
      const both = { __typename: 'ApprovalPendingError', pending: [{ id: b.id }], missing: [a.callId] }
      expect(await continueRun(api, run.id)).toMatchObject(both)
      await restart(api)
      expect(await continueRun(api, run.id)).toMatchObject(both)
      for (const answer of [approve(a.callId), reject(a.callId)]) {
        expect(await continueRun(api, run.id, { answers: [answer] })).toMatchObject({ __typename: 'InvalidInputError' })
      }

      await decide(api, b.id)
      const waiting = await until(api, run.id, 'ToolCallsDecided')
      expect(waiting.requirements).toMatchObject([{ callId: a.callId, decider: 'APPROVER', approval: null }])
      const missing = { __typename: 'ApprovalPendingError', pending: [], missing: [a.callId] }
      expect(await continueRun(api, run.id)).toMatchObject(missing)
      expect(await continueRun(api, run.id, {}, 'admin-1')).toMatchObject(missing)
      expect(await readRun(api, run.id)).toEqual(waiting)
      expect([kept.made.length, prompts.length]).toEqual([0, 1])
      expect(await cancel(api, run.id)).toMatchObject({ __typename: 'CancelRunSuccess' })
      expect(kept.made).toEqual([])
    })

    test('C2 a record that goes missing after it was approved and heard of does not run its call either', async () => {
      const { kept, agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [a, b] = approvalsOf(run)
      await decide(api, a.id)
      await decide(api, b.id)
      // Both are heard, together or one after the other, before either goes.
      while ((await readRun(api, run.id)).requirements.length > 0) await until(api, run.id, 'ToolCallsDecided')
      await deleteApproval(api.database, a.id)
      await continueRun(api, run.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'b' }])
      const [first, second] = heard(prompts[1])
      expect(first?.output).toMatchObject({ type: 'error-text', value: expect.stringContaining('record is missing') })
      expect(second?.output).toEqual({ type: 'text', value: 'done' })
    })
  })

  describe('C3 answers for a call that an approver decides', () => {
    test('C3 are InvalidInputError while it is pending, approved and rejected, and nothing of the input is applied', async () => {
      const { kept, agent, prompts } = scene([call('erase', 'a'), call('send', 'b')])
      await using api = await serve({ agents: [agent] })
      for (const verdict of ['pending', 'approved', 'rejected']) {
        const run = await start(api, { resumeMode: 'MANUAL' })
        const [erase, send] = callsOf(run)
        const asked = prompts.length
        if (verdict !== 'pending') {
          await decide(api, erase.approval.id, verdict === 'approved' ? {} : { decision: { reject: {} } })
          await until(api, run.id, 'ToolCallsDecided')
        }
        const before = await readRun(api, run.id)
        for (const answer of [approve(erase.id), reject(erase.id)]) {
          for (const answers of [[answer], [approve(send.id), answer], [answer, approve(send.id)]]) {
            for (const as of ['requester-1', 'admin-1']) {
              expect(await continueRun(api, run.id, { answers }, as)).toMatchObject({
                __typename: 'InvalidInputError',
                issues: [{ path: ['answers', String(answers.indexOf(answer))] }],
              })
            }
          }
        }
        expect(await readRun(api, run.id)).toEqual(before)
        expect([kept.made.length, prompts.length - asked]).toEqual([0, 0])
      }
    })
  })

  describe('C8 a run that cannot be continued', () => {
    test('C8 because it is completed, cancelled, failed for good or running is a RunStateError, and nothing changes', async () => {
      const gate = Promise.withResolvers<string>()
      const hold = tool({ inputSchema, execute: () => gate.promise })
      const { agent: holding } = agentOf({ hold }, [[call('hold', 'a')]], { name: 'holding' })
      const { agent: plain } = agentOf({}, [], { name: 'plain' })
      const { kept, agent } = scene([call('erase', 'a')])
      await using api = await serve({ agents: [agent, holding, plain] })
      const tampered = await start(api)
      await editApproval(api.database, approvalsOf(tampered)[0].id, { arguments: '{"id":"z"}' })
      await decide(api, approvalsOf(tampered)[0].id)
      const cancelled = await start(api)
      await cancel(api, cancelled.id)
      const running = await start(api, { agentName: 'holding', waitMs: 0 })
      await until(api, running.id, 'ToolCallStarted')
      const runs = {
        COMPLETED: (await start(api, { agentName: 'plain' })).id,
        FAILED: (await finished(api, tampered.id)).id,
        CANCELLED: cancelled.id,
        RUNNING: running.id,
      }
      for (const [status, id] of Object.entries(runs)) {
        const before = await readRun(api, id)
        expect(before.status).toBe(status)
        for (const answers of [null, [approve(callsOf(tampered)[0].id)]]) {
          expect(await continueRun(api, id, { answers })).toMatchObject({ __typename: 'RunStateError' })
        }
        expect(await readRun(api, id)).toEqual(before)
      }
      gate.resolve('open')
      expect(await finished(api, running.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toEqual([])
    })

    test('C8 because it is unknown, malformed, or one may not see it is the same NotFoundError', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const { id } = await start(api)
      const nowhere = [
        continueRun(api, `run_${'0'.repeat(32)}`),
        continueRun(api, 'run_1'),
        continueRun(api, "'; DROP TABLE runs; --"),
        continueRun(api, approvalsOf(await readRun(api, id))[0].id),
        continueRun(api, id, {}, 'requester-2'),
        continueRun(api, id, {}, 'requester-1@two'),
        continueRun(api, id, {}, 'admin-1@two'),
      ]
      const [first, ...rest] = await Promise.all(nowhere)
      expect(first).toMatchObject({ __typename: 'NotFoundError' })
      for (const answer of rest) expect(answer).toEqual(first)
      expect(kept.made).toEqual([])
    })
  })
})
