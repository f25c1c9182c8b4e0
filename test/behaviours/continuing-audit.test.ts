import { describe, expect, test } from 'vitest'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  finished,
  listApprovals,
  person,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  watchPending,
} from './support/api.ts'
import { eachPause, input, inputSchema, kindOf, type Pause, pauses } from './support/pauses.ts'
import { forEachStore } from './support/stores.ts'

/** An agent that notes as often as it is told to in one turn, which the requester answers and a record tells of. */
function scene(pause: Pause, calls = 1, onCall = async (_: string) => {}) {
  const kept = ledger()
  const execute = async (made: unknown, options: { toolCallId: string }) => {
    await onCall(options.toolCallId)
    return kept.enter(made, options)
  }
  const note = { description: 'Notes.', inputSchema, execute, ...pauses[pause].fields, approval: 'audit' }
  return { kept, ...agentOf({ note }, [Array.from({ length: calls }, () => ({ call: 'note', input }))]) }
}
const auditIdOf = (callId: string) => `apr_${callId.slice(5)}`

forEachStore(({ serve, refuseApprovals, deleteApproval }) => {
  describe.each(eachPause)('C6 an audit, %s', (pause) => {
    const { approve } = pauses[pause]
    const ran = pause === 'external-execution' ? 0 : 1
    const given = pause === 'user-input' ? { to: 'Riley' } : input
    const answered = {
      values: pause === 'user-input' ? { euros: 50 } : null,
      result: pause === 'external-execution' ? 'paid' : null,
    }
    const nothing = { values: null, result: null }

    test.each([
      ['approves', 'APPROVED', { approve }, { ...answered, message: null }],
      ['rejects', 'REJECTED', { reject: { message: 'Not yet.' } }, { ...nothing, message: 'Not yet.' }],
    ])(
      'C6 its requester %s, the run goes on at once, and the record says who, when, what and why',
      async (_, status, decision, words) => {
        const { kept, agent } = scene(pause)
        await using api = await serve({ agents: [agent] })
        await using pending = watchPending(api)
        await pending.data()
        const run = await start(api)
        const [call] = callsOf(run)
        expect(await listApprovals(api, {})).toEqual([])
        const from = Date.now()
        const answers = [{ callId: call.id, decision, note: 'For the books. \u{1f4d6}' }]
        expect(await continueRun(api, run.id, { answers })).toMatchObject({
          __typename: 'ContinueRunSuccess',
          run: { status: 'COMPLETED' },
        })
        const [record, ...others] = await listApprovals(api, { type: ['AUDIT'] }, 'auditor-1')
        expect(others).toEqual([])
        const by = { id: 'prn_requester-1' }
        expect(record).toMatchObject({
          ...{ id: auditIdOf(call.id), type: 'AUDIT', kind: kindOf(pause), status, revision: 2, run: { id: run.id } },
          ...{ callId: call.id, agentName: 'agent', toolName: 'note', toolDescription: 'Notes.', requestedBy: by },
          ...{ arguments: given, expiresAt: null },
          resolution: {
            ...{
              status,
              cause: 'DECISION',
              resolvedBy: by,
              note: 'For the books. \u{1f4d6}',
              arguments: null,
              error: null,
            },
            ...words,
          },
          history: {
            edges: [
              { node: { revision: 1, action: 'PROPOSED', by } },
              { node: { revision: 2, action: status, by, note: 'For the books. \u{1f4d6}' } },
            ],
          },
        })
        expect(record.fingerprint).toMatch(/^[0-9a-f]{64}$/)
        const at = Date.parse(record.resolution.resolvedAt)
        expect(at >= from && at <= Date.now() && record.resolution.resolvedAt === record.updatedAt).toBe(true)
        expect(kept.times(call.id)).toBe(status === 'APPROVED' ? ran : 0)

        await restart(api)
        expect(await readApproval(api, record.id)).toEqual(record)
        expect((await readRun(api, run.id)).toolCalls.edges[0].node.approval).toEqual({ id: record.id, status })
        // It was never one to decide.
        expect(await resolve(api, record.id, { decision: { approve } })).toMatchObject({
          __typename: 'ApprovalConflictError',
          approval: record,
        })
        expect(kept.times(call.id)).toBe(status === 'APPROVED' ? ran : 0)
      },
    )

    test('C6 no console is told of it as pending', async () => {
      const { agent } = scene(pause)
      const { agent: guarded } = agentOf(
        { pay: { inputSchema, approval: 'required', execute: () => null } },
        [[{ call: 'pay', input }]],
        { name: 'guarded' },
      )
      await using api = await serve({ agents: [agent, guarded] })
      await using pending = watchPending(api)
      await pending.data()
      const run = await start(api)
      await continueRun(api, run.id, { answers: [{ callId: callsOf(run)[0].id, decision: { approve } }] })
      const next = await start(api, { agentName: 'guarded' })
      expect((await pending.data()).pendingApprovals).toMatchObject({
        __typename: 'PendingApprovalAdded',
        approval: { run: { id: next.id } },
      })
    })

    test('C6 of several in one turn each has its record when it is answered, and an answer that is refused has none', async () => {
      const { kept, agent } = scene(pause, 3)
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [one, two, three] = callsOf(run)
      const answer = (callId: string, decision: object) => ({ callId, decision })
      const both = [answer(one.id, { approve }), answer(two.id, { approve: { arguments: input } })]
      expect(await continueRun(api, run.id, { answers: both })).toMatchObject({ __typename: 'InvalidInputError' })
      expect(await continueRun(api, run.id, {})).toMatchObject({ __typename: 'AnswerRequiredError' })
      expect(await listApprovals(api, {})).toEqual([])
      await continueRun(api, run.id, { answers: [answer(two.id, { reject: {} })] })
      expect(approvalsOf(await readRun(api, run.id))).toMatchObject([{ callId: two.id, status: 'REJECTED' }])
      // An ADMIN may answer for the requester, and is who did it.
      await continueRun(
        api,
        run.id,
        { answers: [answer(one.id, { approve }), answer(three.id, { approve })] },
        'admin-1',
      )
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(
        approvalsOf(over)
          .map(({ callId, status, resolution }) => [callId, status, resolution.resolvedBy.id])
          .toSorted(),
      ).toEqual([
        [one.id, 'APPROVED', 'prn_admin-1'],
        [two.id, 'REJECTED', 'prn_requester-1'],
        [three.id, 'APPROVED', 'prn_admin-1'],
      ])
      expect([one, two, three].map(({ id }) => kept.times(id))).toEqual([ran, 0, ran])
    })
  })

  test('C6 the record is there before the call runs', async () => {
    const seen: unknown[] = []
    const { agent } = scene('confirmation', 1, async (callId) => {
      const record = await api.server.approvals.get(person('auditor-1'), auditIdOf(callId))
      seen.push(record?.status)
    })
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    await continueRun(api, run.id, { answers: [{ callId: callsOf(run)[0].id, decision: { approve: {} } }] })
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    expect(seen).toEqual(['APPROVED'])
  })

  test('C6 while the record cannot be written the answer is not taken, and nothing runs', async () => {
    const { kept, agent } = scene('confirmation')
    await using api = await serve({ agents: [agent], leaseMs: 500 })
    const run = await start(api)
    const [{ id: callId }] = callsOf(run)
    const answers = [{ callId, decision: { approve: {} } }]
    {
      await using _ = await refuseApprovals(api.database)
      expect(await continueRun(api, run.id, { answers })).toMatchObject({
        __typename: 'RunStateError',
        message: expect.stringContaining('try again'),
      })
      expect(await readRun(api, run.id)).toMatchObject({ lastSeq: run.lastSeq, status: 'PAUSED' })
      expect(kept.made).toEqual([])
    }
    expect(await listApprovals(api, {})).toEqual([])
    await continueRun(api, run.id, { answers })
    const over = await finished(api, run.id)
    expect(over).toMatchObject({ status: 'COMPLETED' })
    expect(approvalsOf(over)).toMatchObject([{ callId, status: 'APPROVED' }])
    expect(kept.times(callId)).toBe(1)
  })

  test('C6 without its record the call does not run', async () => {
    const { kept, agent } = scene('confirmation', 2)
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const [one, two] = callsOf(run)
    const answer = (callId: string) => ({ answers: [{ callId, decision: { approve: {} } }] })
    await continueRun(api, run.id, answer(one.id))
    await deleteApproval(api.database, auditIdOf(one.id))
    await continueRun(api, run.id, answer(two.id))
    expect(callsOf(await finished(api, run.id))).toMatchObject([
      { status: 'FAILED', error: expect.stringContaining('record is missing') },
      { status: 'SUCCEEDED' },
    ])
    expect([kept.times(one.id), kept.times(two.id)]).toEqual([0, 1])
  })
})
