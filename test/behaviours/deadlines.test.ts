import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  decide,
  eventsOf,
  finished,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  typesOf,
  watchPending,
} from './support/api.ts'
import { asking, childOf, worker } from './support/nested.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const past = Date.parse('2001-01-01')

/** `pay` waits as its approval says, `erase` for good, and `look` for nobody; the model asks for all of them at once. */
function scene(approval: object, calls = ['pay']) {
  const kept = ledger()
  const look = tool({ inputSchema, execute: kept.enter })
  const tools = { look, erase: { ...look, approval: 'required' }, pay: { ...look, approval } }
  return { kept, ...agentOf(tools, [calls.map((call) => ({ call, input: { id: 'a' } }))]) }
}
const aSecond = { type: 'required', expiresIn: '1s' } as const
const aDay = { type: 'required', expiresIn: '24h' } as const

forEachStore(({ serve, editApproval, rounds }) => {
  /** As if the day had passed. */
  const pass = (api: { database: string }, id: string) => editApproval(api.database, id, { expiresAt: past, due: past })

  describe('R15 a deadline passes while the server is up', () => {
    test('R15 and run, model, record and consoles say within seconds that nobody decided in time', async () => {
      const { kept, agent, prompts } = scene(aSecond)
      await using api = await serve({ agents: [agent] })
      await using pending = watchPending(api)
      await pending.data()
      const run = await start(api)
      const [{ id, expiresAt }] = approvalsOf(run)
      let told = (await pending.data()).pendingApprovals
      // A slow console may hear of it first when it is over.
      if (told.__typename === 'PendingApprovalAdded') told = (await pending.data()).pendingApprovals
      expect(told).toMatchObject({
        __typename: 'PendingApprovalRemoved',
        approval: { id, status: 'EXPIRED', revision: 2, resolution: { cause: 'DEADLINE', resolvedBy: null } },
      })
      const events = await eventsOf(api, run.id)
      expect(typesOf(events).slice(3)).toEqual([
        'RunPaused',
        'ToolCallsDecided',
        'RunResumed',
        'ModelResponded',
        'RunCompleted',
      ])
      const over = await readRun(api, run.id)
      expect(callsOf(over)).toMatchObject([{ status: 'EXPIRED', result: null, approval: { status: 'EXPIRED' } }])
      const [record] = approvalsOf(over)
      expect(record.history.edges).toMatchObject([
        { node: { action: 'PROPOSED' } },
        { node: { revision: 2, action: 'EXPIRED', by: null } },
      ])
      const late = Date.parse(record.resolution.resolvedAt) - Date.parse(expiresAt)
      expect(late).toBeGreaterThanOrEqual(0)
      expect(late).toBeLessThan(10_000)
      expect(JSON.stringify(heard(prompts[1]))).toMatch(/expired/i)
      expect(JSON.stringify(heard(prompts[1]))).not.toMatch(/reject/i)
      expect(kept.made).toEqual([])
    })

    test('R15 and a decision that races it has one winner', async () => {
      const { kept, agent } = scene(aSecond)
      await using api = await serve({ agents: [agent] })
      const race = async (round: number) => {
        const run = await start(api)
        const [{ id, callId, expiresAt }] = approvalsOf(run)
        await delay(Math.max(0, Date.parse(expiresAt) - Date.now() + (round - 4) * 2))
        const answer = await resolve(api, id)
        const won = answer.__typename === 'ResolveApprovalSuccess'
        const over = await finished(api, run.id)
        expect(approvalsOf(over)).toMatchObject([{ revision: 2, status: won ? 'APPROVED' : 'EXPIRED' }])
        expect(callsOf(over)).toMatchObject([{ status: won ? 'SUCCEEDED' : 'EXPIRED' }])
        if (!won) expect(answer).toMatchObject({ __typename: 'ApprovalConflictError', approval: { status: 'EXPIRED' } })
        expect(kept.times(callId)).toBe(won ? 1 : 0)
      }
      await Promise.all(Array.from({ length: rounds(15) }, (_, round) => race(round)))
    })
  })

  describe('R15 a deadline passes while everything is down', () => {
    test('R15 the first request after the start approves it, and is too late; another expires by itself', async () => {
      const { kept, agent } = scene(aDay)
      await using api = await serve({ agents: [agent] })
      const [asked, unasked] = [await start(api), await start(api)]
      await api.server.close()
      const [[late], [other]] = [approvalsOf(asked), approvalsOf(unasked)]
      for (const { id } of [late, other]) await pass(api, id)
      await restart(api)
      expect(await resolve(api, late.id)).toMatchObject({
        __typename: 'ApprovalConflictError',
        approval: { status: 'EXPIRED', revision: 2, resolution: { cause: 'DEADLINE' } },
      })
      for (const { id } of [asked, unasked])
        expect(callsOf(await finished(api, id))).toMatchObject([{ status: 'EXPIRED' }])
      expect(await readApproval(api, other.id)).toMatchObject({ status: 'EXPIRED', revision: 2 })
      expect(kept.made).toEqual([])
    })

    test('R15 a server that does not serve the agent says so all the same; the run goes on where it is served', async () => {
      const { kept, agent, prompts } = scene(aDay)
      const unrelated = agentOf({}, [], { name: 'unrelated' })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      await api.server.close()
      await pass(api, id)
      await restart(api, { agents: [unrelated.agent] })
      await eventsOf(api, run.id, ({ __typename }) => __typename === 'ToolCallsDecided')
      expect(await readApproval(api, id)).toMatchObject({ status: 'EXPIRED', revision: 2 })
      expect(callsOf(await readRun(api, run.id))).toMatchObject([{ status: 'EXPIRED' }])
      expect(prompts).toHaveLength(1)
      await restart(api, { agents: [agent] })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(kept.made).toEqual([])
    })
  })

  describe("R15 onExpiry: 'cancel-run'", () => {
    const cancelling = { ...aDay, onExpiry: 'cancel-run' } as const

    test.each(['AUTOMATIC', 'MANUAL'])(
      'R15 %s: the run is cancelled and says why; no other of its calls runs',
      async (resumeMode) => {
        const { kept, agent, prompts } = scene(cancelling, ['pay', 'erase', 'look'])
        await using api = await serve({ agents: [agent] })
        const run = await start(api, { resumeMode })
        const [pay, erase] = approvalsOf(run)
        if (resumeMode === 'MANUAL') await decide(api, erase.id)
        await pass(api, pay.id)
        const end = (await eventsOf(api, run.id)).at(-1)
        expect(end).toMatchObject({ __typename: 'RunCancelled', reason: expect.stringContaining(pay.id), by: null })
        const over = await readRun(api, run.id)
        expect(over).toMatchObject({ status: 'CANCELLED', error: null, requirements: [] })
        const status = resumeMode === 'MANUAL' ? 'APPROVED' : 'CANCELLED'
        expect(approvalsOf(over)).toMatchObject([
          { status: 'EXPIRED', revision: 2 },
          { status, revision: 2 },
        ])
        expect(callsOf(over).map((call) => call.status)).toEqual(['EXPIRED', 'CANCELLED', 'SUCCEEDED'])
        expect(kept.made).toHaveLength(1)
        expect(prompts).toHaveLength(1)
      },
    )

    test.each([
      ['the run is cancelled where it was to be, whatever the tool says by now', cancelling, aDay, 'CANCELLED'],
      ['and goes on where it was to go on', aDay, cancelling, 'COMPLETED'],
    ])('R15 %s', async (_, before, after, status) => {
      await using api = await serve({ agents: [scene(before).agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      await restart(api, { agents: [scene(after).agent] })
      await pass(api, id)
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status })
      expect(callsOf(over)).toMatchObject([{ status: 'EXPIRED' }])
    })

    test('R15 of an agent that was asked: its run is cancelled, and the one that asked is told and goes on', async () => {
      const kept = ledger()
      const inner = worker({ pay: tool({ inputSchema, execute: kept.enter, approval: cancelling }) })
      const { agent, prompts } = asking(inner.agent, ['pay:a'])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ approval }] = run.requirements
      await pass(api, approval.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const child: AnyData = await childOf(api, run.id)
      const events = await eventsOf(api, child.id)
      expect(events.at(-1)).toMatchObject({ __typename: 'RunCancelled', reason: expect.stringContaining(approval.id) })
      expect(heard(prompts[1])).toMatchObject([{ output: { value: expect.stringContaining('cancelled') } }])
      expect(kept.made).toEqual([])
    })
  })

  describe('R15 reminders', () => {
    const hour = 3_600_000

    test('R15 are in the history and on consoles; those that passed while all was down are one', async () => {
      const { kept, agent } = scene({ ...aDay, remindAt: ['3h', '2h', '1h'] })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id, fingerprint, expiresAt }] = approvalsOf(run)
      await api.server.close()
      const remindAt = [past, past + hour, Date.parse(expiresAt) - hour]
      await editApproval(api.database, id, { remindAt, due: past })
      await restart(api)
      await using pending = watchPending(api)
      let told = (await pending.data()).pendingApprovals
      // The start may have been quicker than the console.
      if (told.approvals[0].revision === 1) told = (await pending.data()).pendingApprovals
      const reminded = told.approval ?? told.approvals[0]
      expect(reminded).toMatchObject({ id, status: 'PENDING', revision: 2, fingerprint, expiresAt, resolution: null })
      expect(reminded.history.edges.map(({ node }: AnyData) => node)).toMatchObject([
        { action: 'PROPOSED' },
        { action: 'REMINDED', revision: 2, by: null, note: null, at: reminded.updatedAt },
      ])
      // And the next, while it watches.
      await editApproval(api.database, id, { due: past, remindAt: [...remindAt.slice(0, 2), Date.now() - 1] })
      expect((await pending.data()).pendingApprovals).toMatchObject({
        __typename: 'PendingApprovalChanged',
        approval: { id, status: 'PENDING', revision: 3 },
      })
      expect(kept.made).toEqual([])
    })

    test('R15 a decision that was read before one is refused with what stands, and one bound to the fingerprint counts', async () => {
      const { kept, agent } = scene({ ...aDay, remindAt: ['1h'] })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id, callId, fingerprint }] = approvalsOf(run)
      await using pending = watchPending(api)
      await pending.data()
      await editApproval(api.database, id, { remindAt: [past], due: past })
      await pending.data()
      expect(await resolve(api, id, { expectedRevision: 1 })).toMatchObject({
        __typename: 'ApprovalConflictError',
        approval: { status: 'PENDING', revision: 2 },
      })
      const decided = await decide(api, id, { expectedFingerprint: fingerprint })
      expect(decided).toMatchObject({ status: 'APPROVED', revision: 3 })
      expect(callsOf(await finished(api, run.id))).toMatchObject([{ status: 'SUCCEEDED' }])
      expect(kept.times(callId)).toBe(1)
      // What is decided is not reminded of.
      expect(decided.history.edges.map(({ node }: AnyData) => node.action)).toEqual([
        'PROPOSED',
        'REMINDED',
        'APPROVED',
      ])
      expect(await readApproval(api, id)).toEqual(decided)
    })
  })
})
