import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger, messageOf } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readRun,
  start,
  typesOf,
  until,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })

function erasing() {
  const kept = ledger()
  return { kept, erase: tool({ description: 'Erases.', inputSchema, approval: 'required', execute: kept.enter }) }
}

forEachStore(({ serve }) => {
  test('P1 a call that requires approval pauses the run, and its whole record is there before the run reports PAUSED', async () => {
    const kept = ledger()
    const input = { id: 'u_42', deep: [{ 'ключ "x"': '\u0000 e\u0301 \u{1f642}' }, null, 1.5e-7, -0], empty: {} }
    const erase = tool({
      description: 'Erases.',
      inputSchema: z.looseObject({ id: z.string() }),
      approval: 'required',
      execute: kept.enter,
    })
    const { agent } = agentOf({ erase }, [[{ call: 'erase', input }]], { name: 'support' })
    await using api = await serve({ agents: [agent] })
    const before = Date.now()
    const runs = await Promise.all(
      Array.from({ length: 25 }, () => start(api, { agentName: 'support', as: 'requester-7', waitMs: 0 })),
    )
    for (const { id } of runs) {
      // What a RunPaused event shows is read when it is sent.
      const events = await eventsOf(api, id, ({ __typename }) => __typename === 'RunPaused')
      expect(typesOf(events)).toEqual(['RunStarted', 'ModelResponded', 'ToolCallsProposed', 'RunPaused'])
      for (const { toolCalls = [] } of events.slice(2)) {
        for (const proposed of toolCalls) expect(proposed).toMatchObject({ approval: { status: 'PENDING' } })
      }
      const [requirement] = events[3].requirements
      expect(requirement).toMatchObject({ approval: { status: 'PENDING' } })
      const found = await listApprovals(api, { runId: id })
      expect(found).toHaveLength(1)
      expect(found[0]).toMatchObject({
        id: requirement.approval.id,
        status: 'PENDING',
        revision: 1,
        run: { id },
        callId: requirement.callId,
        agentName: 'support',
        toolName: 'erase',
        toolDescription: 'Erases.',
        requestedBy: { id: 'prn_requester-7' },
        kind: 'CONFIRMATION',
        type: 'REQUIRED',
        resolution: null,
      })
      expect(found[0].arguments).toEqual(JSON.parse(JSON.stringify(input)))
      expect(Date.parse(found[0].createdAt)).toBeGreaterThanOrEqual(before)
      expect((await readRun(api, id)).status).toBe('PAUSED')
    }
    expect(kept.made).toEqual([])
  })

  describe('P2 two gated calls of one turn are two approvals, each decided alone, in any order:', () => {
    const orders = [
      [0, 1],
      [1, 0],
    ] as const
    const verdicts = ['approve', 'reject'] as const
    const ways = orders.flatMap((order) => verdicts.flatMap((one) => verdicts.map((two) => [order, one, two] as const)))
    test.each(ways)('P2 order %j, %s and %s', async (order, ...chosen) => {
      const { kept, erase } = erasing()
      const { agent, prompts } = agentOf({ erase }, [[call('erase', 'a'), call('erase', 'b')]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const approvals = approvalsOf(run)
      expect(approvals.map(({ arguments: { id } }) => id)).toEqual(['a', 'b'])
      const [first, second] = order.map((index) => approvals[index])
      await decide(api, first.id, { decision: { [chosen[0]]: {} } })
      const between = await until(api, run.id, 'ToolCallsDecided')
      expect(between).toMatchObject({ status: 'PAUSED', requirements: [{ callId: second.callId }] })
      expect(approvalsOf(between).find(({ id }) => id === second.id)).toEqual(second)
      expect(kept.made).toEqual([])
      await decide(api, second.id, { decision: { [chosen[1]]: {} } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      const approved = order.filter((_, place) => chosen[place] === 'approve').toSorted()
      expect(kept.inputs()).toEqual(approved.map((index) => ({ id: 'ab'[index] })))
      expect(heard(prompts[1]).map(({ output }) => output.type)).toEqual(
        [0, 1].map((index) => (approved.includes(index as 0 | 1) ? 'text' : 'error-text')),
      )
    })
  })

  test('P4 a gated call in a later turn makes a new approval, also for the same tool and the same arguments', async () => {
    const { kept, erase } = erasing()
    const same = [{ ...call('erase', 'a'), id: 'same' }]
    const { agent } = agentOf({ erase }, [same, same, same])
    await using api = await serve({ agents: [agent] })
    const { id } = await start(api)
    const seen = new Set<string>()
    for (const turn of [1, 2, 3]) {
      const run = await until(api, id, 'RunPaused', turn)
      expect(kept.made).toHaveLength(turn - 1)
      const pending = approvalsOf(run).filter(({ status }) => status === 'PENDING')
      expect(pending).toHaveLength(1)
      seen.add(pending[0].id)
      await decide(api, pending[0].id)
    }
    expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
    expect([seen.size, kept.made.length, new Set(kept.made.map((made) => made.id)).size]).toEqual([3, 3, 3])
  })

  test('P4 nor does a rejection or an edit of an equal call before it', async () => {
    const { kept, erase } = erasing()
    const { agent, prompts } = agentOf({ erase }, [[call('erase', 'a')], [call('erase', 'a')], [call('erase', 'b')]])
    await using api = await serve({ agents: [agent] })
    const { id } = await start(api)
    const pending = async (turn: number) => {
      const run = await until(api, id, 'RunPaused', turn)
      expect(run.requirements).toMatchObject([{ approval: { status: 'PENDING' } }])
      return run.requirements[0].approval.id
    }
    await decide(api, await pending(1), { decision: { reject: {} } })
    // Not rejected by that rejection; and edited, it is the very call that comes next.
    await decide(api, await pending(2), { decision: { approve: { arguments: { id: 'b' } } } })
    const last = await pending(3)
    expect(kept.inputs()).toEqual([{ id: 'b' }])
    await decide(api, last)
    expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
    expect([kept.inputs(), prompts.length]).toEqual([[{ id: 'b' }, { id: 'b' }], 4])
  })

  test('P4 nor does a decision in another run of the session', async () => {
    const { kept, erase } = erasing()
    const { agent } = agentOf({ erase }, (prompt) =>
      prompt.at(-1)?.role === 'user' ? [call('erase', 'a')] : [{ text: messageOf(prompt) }],
    )
    await using api = await serve({ agents: [agent] })
    const first = await start(api, { sessionId: 's', message: 'One.' })
    await decide(api, approvalsOf(first)[0].id)
    await finished(api, first.id)
    const second = await start(api, { sessionId: 's', message: 'Two.' })
    expect(second.status).toBe('PAUSED')
    expect(approvalsOf(second)).toMatchObject([{ status: 'PENDING', run: { id: second.id } }])
    expect(kept.made).toHaveLength(1)
  })

  test('P9 requirements of a paused run list every open call, with a JSON Schema of the answer', async () => {
    const { kept, erase } = erasing()
    const mail = tool({ inputSchema, pause: 'confirmation', execute: kept.enter })
    const note = tool({ ...mail, inputSchema, approval: 'audit' })
    const look = tool({ inputSchema, execute: kept.enter })
    const asked = [call('erase', '0'), call('look', '1'), call('mail', '2'), call('erase', '3'), call('note', '4')]
    const { agent } = agentOf({ erase, mail, note, look }, [asked])
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const [erase0, , mail2, erase3, note4] = callsOf(run)
    const byApprover = { decider: 'APPROVER', approvalType: 'REQUIRED', kind: 'CONFIRMATION' }
    const byRequester = { decider: 'REQUESTER', approvalType: null, kind: 'CONFIRMATION', approval: null }
    const answerSchema = expect.objectContaining({ type: 'object' })
    const expected = [
      { ...byApprover, callId: erase0.id, toolCall: { arguments: { id: '0' } }, approval: { status: 'PENDING' } },
      { ...byRequester, callId: mail2.id, toolCall: { arguments: { id: '2' } } },
      { ...byApprover, callId: erase3.id, toolCall: { arguments: { id: '3' } }, approval: { status: 'PENDING' } },
      { ...byRequester, approvalType: 'AUDIT', callId: note4.id, toolCall: { arguments: { id: '4' } } },
    ].map((requirement) => ({ ...requirement, answerSchema }))
    expect(run.requirements).toMatchObject(expected)
    const paused = await eventsOf(api, run.id, ({ __typename }) => __typename === 'RunPaused')
    expect(paused.at(-1).requirements).toMatchObject(expected)
    for (const { answerSchema } of run.requirements) expect(() => z.fromJSONSchema(answerSchema)).not.toThrow()

    const [approval0, approval3] = approvalsOf(run)
    await decide(api, approval0.id, { decision: { reject: {} } })
    expect((await until(api, run.id, 'ToolCallsDecided')).requirements).toMatchObject(expected.slice(1))
    const answers = [{ callId: mail2.id, decision: { approve: {} } }]
    const continued = await continueRun(api, run.id, { answers })
    expect(continued.run).toMatchObject({ status: 'PAUSED', requirements: expected.slice(2) })
    await decide(api, approval3.id)
    expect((await until(api, run.id, 'ToolCallsDecided', 2)).requirements).toMatchObject(expected.slice(3))
    expect(kept.inputs()).toEqual([{ id: '1' }])
    await continueRun(api, run.id, { answers: [{ callId: note4.id, decision: { approve: {} } }] })
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', requirements: [] })
    expect(kept.inputs()).toEqual([{ id: '1' }, { id: '2' }, { id: '3' }, { id: '4' }])
  })
})
