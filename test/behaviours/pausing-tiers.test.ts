import { describe, expect, test } from 'vitest'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  finished,
  listApprovals,
  readRun,
  resolve,
  start,
  until,
} from './support/api.ts'
import { eachPause, input, inputSchema, kindOf, type Pause, pauses } from './support/pauses.ts'
import { forEachStore } from './support/stores.ts'

function scene(pause: Pause) {
  const kept = ledger()
  const fields = { inputSchema, execute: kept.enter, ...pauses[pause].fields }
  const tools = { pay: { ...fields, approval: 'required' }, note: { ...fields, approval: 'audit' } }
  return { kept, ...agentOf(tools, [['pay', 'note'].map((call) => ({ call, input }))]) }
}

forEachStore(({ serve }) => {
  describe.each(eachPause)('P5 one turn with a required and an audit tool, %s', (pause) => {
    const { approve } = pauses[pause]
    const ran = pause === 'external-execution' ? 0 : 1
    const refused = { __typename: 'InvalidInputError' }

    async function paused() {
      const { kept, agent, prompts } = scene(pause)
      const api = await serve({ agents: [agent] })
      const run = await start(api)
      const [pay, note] = callsOf(run)
      const answer = (callId: string, decision: object) =>
        continueRun(api, run.id, { answers: [{ callId, decision }], waitMs: 0 })
      return { kept, prompts, api, run, pay, note, answer, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
    }

    test('P5 the required one waits for an approver, the audit one for the requester, and neither decides the other', async () => {
      await using s = await paused()
      const kind = kindOf(pause)
      expect(s.run.requirements).toMatchObject([
        { callId: s.pay.id, kind, decider: 'APPROVER', approvalType: 'REQUIRED', approval: { status: 'PENDING' } },
        { callId: s.note.id, kind, decider: 'REQUESTER', approvalType: 'AUDIT', approval: null },
      ])
      // Of the audit there is nothing yet that an approver could decide.
      expect(await listApprovals(s.api, {})).toMatchObject([{ callId: s.pay.id, type: 'REQUIRED' }])
      const auditId = `apr_${s.note.id.slice(5)}`
      for (const as of ['approver-1', 'admin-1'])
        expect(await resolve(s.api, auditId, { as, decision: { approve } })).toMatchObject({
          __typename: 'NotFoundError',
        })
      for (const decision of [{ approve }, { reject: {} }])
        expect(await s.answer(s.pay.id, decision)).toMatchObject(refused)
      expect(await continueRun(s.api, s.run.id)).toMatchObject({ __typename: 'ApprovalPendingError' })
      expect(await readRun(s.api, s.run.id)).toEqual(s.run)
      expect(s.kept.made).toEqual([])
    })

    test('P5 answered first, the audit is on record and the run waits for the approver; rejected, the answer stands', async () => {
      await using s = await paused()
      expect(await s.answer(s.note.id, { approve })).toMatchObject({ __typename: 'ContinueRunSuccess' })
      const between = await readRun(s.api, s.run.id)
      expect(between).toMatchObject({ status: 'PAUSED', requirements: [{ callId: s.pay.id, decider: 'APPROVER' }] })
      expect(approvalsOf(between)).toMatchObject([
        { callId: s.pay.id, status: 'PENDING', revision: 1, resolution: null },
        { callId: s.note.id, type: 'AUDIT', status: 'APPROVED', resolution: { resolvedBy: { id: 'prn_requester-1' } } },
      ])
      expect(s.kept.made).toEqual([])
      await decide(s.api, s.pay.approval.id, { decision: { reject: {} } })
      const over = await finished(s.api, s.run.id)
      expect(callsOf(over)).toMatchObject([{ status: 'REJECTED' }, { status: 'SUCCEEDED' }])
      expect([s.kept.times(s.pay.id), s.kept.times(s.note.id)]).toEqual([0, ran])
      expect(heard(s.prompts[1]).map(({ tool }) => tool)).toEqual(['pay', 'note'])
    })

    test('P5 approved first, the run waits for its requester; rejected by them, the approval stands', async () => {
      await using s = await paused()
      await decide(s.api, s.pay.approval.id, { decision: { approve } })
      const between = await until(s.api, s.run.id, 'ToolCallsDecided')
      expect(between).toMatchObject({ status: 'PAUSED', requirements: [{ callId: s.note.id, decider: 'REQUESTER' }] })
      expect(await continueRun(s.api, s.run.id)).toMatchObject({ __typename: 'AnswerRequiredError' })
      expect(s.kept.made).toEqual([])
      expect(await s.answer(s.note.id, { reject: {} })).toMatchObject({ __typename: 'ContinueRunSuccess' })
      const over = await finished(s.api, s.run.id)
      expect(callsOf(over)).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'REJECTED' }])
      expect(approvalsOf(over)).toMatchObject([
        { type: 'REQUIRED', status: 'APPROVED', resolution: { resolvedBy: { id: 'prn_approver-1' } } },
        { type: 'AUDIT', status: 'REJECTED', resolution: { resolvedBy: { id: 'prn_requester-1' } } },
      ])
      expect([s.kept.times(s.pay.id), s.kept.times(s.note.id)]).toEqual([ran, 0])
    })
  })
})
