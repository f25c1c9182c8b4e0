import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  doubtsOf,
  eventsOf,
  finished,
  finishedOrInDoubt,
  readApproval,
  readRun,
  resolve,
  start,
  typesOf,
  until,
  watchPending,
} from './support/api.ts'
import { cutOff, hangsAtFirst, hasty, inputSchema } from './support/cut-off.ts'
import * as documents from './support/documents.ts'
import { ask, childOf, sayings } from './support/nested.ts'
import { forEachStore } from './support/stores.ts'

const runAgain = { decision: { reconcile: { runAgain: { confirm: true } } } }
const happened = (result: unknown) => ({ decision: { reconcile: { happened: { success: { result } } } } })
const failed = (message: string) => ({ decision: { reconcile: { happened: { failure: { message } } } } })
const send = (...ids: string[]) => ids.map((id) => ({ call: 'send', input: { id } }))

/** An agent that sends, with calls that are cut off at their first attempt. */
function sender(ids: string[], more: object = {}) {
  const { kept, execute } = hangsAtFirst()
  const definition = { inputSchema, execute, ...more }
  const { agent, prompts } = agentOf({ send: tool(definition) }, [send(...ids)])
  return { kept, execute, prompts, agents: [agent] }
}

forEachStore(({ serve }) => {
  describe('S1 a call that a crash cut off, of a tool that says nothing of itself', () => {
    test('S1 is asked about: what was said is its outcome, and nobody makes it again', async () => {
      const { kept, prompts, agents } = sender(['a', 'b', 'c'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, calls: 3 })
      const [a, b, c] = approvalsOf(run)
      const [call] = callsOf(run)
      expect(run).toMatchObject({ status: 'PAUSED', error: null })
      expect(doubtsOf(run)[0]).toMatchObject({
        ...{ callId: call.id, kind: 'RECONCILIATION', decider: 'APPROVER', approvalType: 'REQUIRED' },
        toolCall: { id: call.id, status: 'UNKNOWN', arguments: { id: 'a' } },
        approval: { id: a.id, status: 'PENDING' },
      })
      expect(a).toMatchObject({ kind: 'RECONCILIATION', type: 'REQUIRED', callId: call.id, arguments: { id: 'a' } })
      expect(a).toMatchObject({ agentName: 'agent', path: ['agent'], toolName: 'send', expiresAt: null, revision: 1 })
      expect(a.id).toMatch(new RegExp(`^${call.id.replace('call_', 'apr_')}_\\d+$`))
      // It needed nobody until now: an approver sees the run since one is asked.
      expect((await readRun(api, run.id, 'approver-1')).id).toBe(run.id)

      for (const decision of [
        { approve: {} },
        { approve: { outcome: { success: { result: 1 } } } },
        { reject: { message: 'No.' } },
        { reconcile: { runAgain: { confirm: false } } },
      ])
        expect(await resolve(api, a.id, { decision })).toMatchObject({ __typename: 'InvalidInputError' })
      for (const expected of [{ expectedRevision: 2 }, { expectedFingerprint: c.fingerprint }])
        expect(await resolve(api, a.id, { ...happened(1), ...expected })).toMatchObject({
          __typename: 'ApprovalConflictError',
        })
      for (const as of ['requester-1', 'auditor-1'])
        expect(await resolve(api, a.id, { ...happened(1), as })).toMatchObject({ __typename: 'ForbiddenError' })
      expect(await readApproval(api, a.id)).toEqual(a)
      await decide(api, a.id, happened(1))
      expect(await readApproval(api, b.id)).toEqual(b)

      await decide(api, b.id, { ...failed('It broke.'), expectedFingerprint: b.fingerprint, expectedRevision: 1 })
      const answer = { callId: callsOf(run)[2].id, decision: { approve: {} } }
      expect(await continueRun(api, run.id, { answers: [answer] })).toMatchObject({ __typename: 'InvalidInputError' })
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ApprovalPendingError',
        pending: [{ id: c.id }],
      })
      const said = await decide(api, c.id, { ...happened(null), note: 'I looked.' })
      expect(said).toMatchObject({ status: 'APPROVED', resolution: { cause: 'DECISION', result: null, error: null } })
      expect(await resolve(api, c.id, runAgain)).toMatchObject({
        __typename: 'ApprovalConflictError',
        approval: { status: 'APPROVED', revision: 2, resolution: { note: 'I looked.' } },
      })
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(callsOf(over)).toMatchObject([
        { status: 'SUCCEEDED', result: 1 },
        { status: 'FAILED', error: 'It broke.' },
        { status: 'SUCCEEDED', result: null },
      ])
      expect(heard(prompts[1]).map(({ output }) => output)).toEqual([
        { type: 'json', value: 1 },
        { type: 'error-text', value: 'It broke.' },
        { type: 'json', value: null },
      ])
      expect(kept.made).toHaveLength(3)
    })

    test('S1 the record says which of the two was decided', async () => {
      const { kept, agents } = sender(['a', 'b', 'c'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, calls: 3 })
      const [a, b, c] = approvalsOf(run)
      await decide(api, a.id, happened(null))
      await decide(api, b.id, runAgain)
      await cancel(api, run.id)
      const all = [a, b, c].map(async ({ id }) => (await readApproval(api, id)).resolution)
      expect(await Promise.all(all)).toMatchObject([
        { status: 'APPROVED', reconciled: 'HAPPENED', result: null, error: null },
        { status: 'APPROVED', reconciled: 'RUN_AGAIN', result: null, error: null },
        { status: 'CANCELLED', reconciled: null },
      ])
    })

    test('S1 R14 who requested the run has no say in it, unless that is allowed', async () => {
      const { kept, agents } = sender(['a'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, input: { as: 'requester+approver-1' } })
      const [{ id }] = approvalsOf(run)
      expect(await resolve(api, id, { ...runAgain, as: 'requester+approver-1' })).toMatchObject({
        __typename: 'ForbiddenError',
      })
      const rights = await api.data(documents.rights, { id }, 'requester+approver-1')
      expect(rights.approval).toEqual({ viewerCanResolve: false, viewerCannotResolveReasons: ['OWN_REQUEST'] })
      expect(await readApproval(api, id)).toMatchObject({ status: 'PENDING' })
      await decide(api, id, runAgain)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    })

    test('S1 two decisions at once: one wins, and the tool is entered again at most once', async () => {
      const { kept, agents } = sender(['a', 'b', 'c', 'd'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, calls: 4 })
      const decisions = approvalsOf(run).flatMap(({ id }) =>
        [runAgain, happened('told'), runAgain].map((one) => resolve(api, id, one)),
      )
      const answers = await Promise.all(decisions)
      const won = answers.filter(({ __typename }) => __typename === 'ResolveApprovalSuccess')
      expect(won.map(({ approval }) => approval.id).sort()).toEqual(
        approvalsOf(run)
          .map(({ id }) => id)
          .sort(),
      )
      const over = await finished(api, run.id)
      expect(over.status).toBe('COMPLETED')
      for (const { approval } of won) {
        const wasTold = approval.resolution.result === 'told'
        expect(kept.times(approval.callId)).toBe(wasTold ? 1 : 2)
        const { result } = callsOf(over).find(({ id }) => id === approval.callId)
        expect(result).toEqual(wasTold ? 'told' : { done: approval.arguments.id })
      }
    })

    test('S1 is made again with what was approved: edited arguments and a person’s values are shown, and run again', async () => {
      const { kept, execute } = hangsAtFirst()
      const fields = z.object({ id: z.string(), euros: z.number() })
      const edits = tool({ inputSchema, approval: 'required', execute })
      const fills = tool({
        inputSchema: fields,
        pause: 'user-input',
        userInput: ['euros'],
        approval: 'required',
        execute,
      })
      const one = agentOf({ edits }, [[{ call: 'edits', input: { id: 'a' } }]], { name: 'edits' })
      const two = agentOf({ fills }, [[{ call: 'fills', input: { id: 'b' } }]], { name: 'fills' })
      await using api = await serve({ agents: [one.agent, two.agent], ...hasty })
      for (const [agentName, decision, shown] of [
        ['edits', { approve: { arguments: { id: 'z' } } }, { id: 'z' }],
        ['fills', { approve: { values: { euros: 7 } } }, { id: 'b', euros: 7 }],
      ] as const) {
        kept.made.splice(0)
        const run = await cutOff(api, { kept, decision, input: { agentName } })
        const [first, doubt] = approvalsOf(run)
        expect(doubt).toMatchObject({ kind: 'RECONCILIATION', arguments: shown, callId: first.callId })
        expect(doubt.fingerprint).not.toBe(first.fingerprint)
        expect(callsOf(run)).toMatchObject([{ status: 'UNKNOWN', arguments: shown, approval: { id: first.id } }])
        await decide(api, doubt.id, { ...runAgain, expectedFingerprint: doubt.fingerprint })
        const over = await finished(api, run.id)
        expect(callsOf(over)).toMatchObject([{ status: 'SUCCEEDED', result: { done: shown.id } }])
        expect(kept.inputs()).toEqual([shown, shown])
        expect(approvalsOf(over).map(({ status }) => status)).toEqual(['APPROVED', 'APPROVED'])
      }
    })

    test('S1 of a tool that is gone since, or has other parameters: asked about, and not made again, which the model hears', async () => {
      const other = tool({
        inputSchema: z.object({ id: z.string(), hard: z.boolean().default(true) }),
        execute: () => 1,
      })
      for (const [tools, why] of [
        [{ other }, /'send' is no longer there/],
        [{ send: other }, /the parameters of 'send' have changed/],
      ] as const) {
        const { kept, agents } = sender(['a'], { idempotent: true })
        const later = agentOf(tools, [send('a')])
        await using api = await serve({ agents, ...hasty })
        const run = await cutOff(api, { kept, changes: { agents: [later.agent] } })
        const [doubt] = approvalsOf(run)
        expect(doubt).toMatchObject({ status: 'PENDING', inputSchema: {}, arguments: { id: 'a' } })
        await decide(api, doubt.id, runAgain)
        const over = await finished(api, run.id)
        expect(over.status).toBe('COMPLETED')
        expect(callsOf(over)).toMatchObject([{ status: 'FAILED', error: expect.stringMatching(why) }])
        const [{ output } = { output: null }] = heard(later.prompts.at(-1))
        expect(output).toMatchObject({ value: expect.stringContaining('nobody knows whether it happened') })
        expect(kept.made).toHaveLength(1)
      }
    })

    test('S1 R11 with resumeMode MANUAL it waits for continueRun, however it was decided', async () => {
      const { kept, agents } = sender(['a', 'b'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, calls: 2, input: { resumeMode: 'MANUAL' } })
      const [a, b] = approvalsOf(run)
      await decide(api, a.id, happened('told'))
      await decide(api, b.id, runAgain)
      const waitsForNobody = async () => (await readRun(api, run.id)).requirements.length === 0
      await expect.poll(waitsForNobody, { timeout: 20_000 }).toBe(true)
      const decided = await until(api, run.id, 'ToolCallFinished')
      expect(decided.status).toBe('PAUSED')
      expect(callsOf(decided)).toMatchObject([{ status: 'SUCCEEDED', result: 'told' }, { status: 'WAITING' }])
      expect(kept.made).toHaveLength(2)
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { status: 'COMPLETED' },
      })
      expect(kept.made).toHaveLength(3)
    })

    test('S1 R16 its run is cancelled: the call stays UNKNOWN, nobody decides any more; of cancel and decision at once each tells the truth', async () => {
      const { kept, agents } = sender(['a'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept })
      expect(await cancel(api, run.id)).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
      const over = await readRun(api, run.id)
      expect(callsOf(over)).toMatchObject([{ status: 'UNKNOWN', result: null, error: null }])
      expect(approvalsOf(over)).toMatchObject([{ status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } }])
      expect(await resolve(api, approvalsOf(over)[0].id, runAgain)).toMatchObject({
        __typename: 'ApprovalConflictError',
      })
      for (const one of [runAgain, happened('told')]) {
        kept.made.splice(0)
        const raced = await cutOff(api, { kept })
        const [{ id, callId }] = approvalsOf(raced)
        const [, decided] = await Promise.all([cancel(api, raced.id), resolve(api, id, one)])
        const ended = await finished(api, raced.id)
        const [approval] = approvalsOf(ended)
        const won = decided.__typename === 'ResolveApprovalSuccess'
        expect(approval.status).toBe(won ? 'APPROVED' : 'CANCELLED')
        expect(kept.times(callId)).toBeLessThanOrEqual(won && one === runAgain ? 2 : 1)
        expect(['UNKNOWN', 'SUCCEEDED']).toContain(callsOf(ended)[0].status)
        expect(ended.status).toBe(ended.output === null ? 'CANCELLED' : 'COMPLETED')
      }
      expect(
        (await api.data(documents.approvals, { filter: { status: ['PENDING'] } }, 'approver-1')).approvals.edges,
      ).toEqual([])
    })

    test('S1 beside one that waits and one that is looked up in the same turn: each has its own word', async () => {
      const { kept, execute } = hangsAtFirst()
      const answer = Promise.withResolvers<{ happened: false }>()
      const asked = Promise.withResolvers<void>()
      const reconcile = () => {
        asked.resolve()
        return answer.promise
      }
      const tools = {
        send: tool({ inputSchema, execute }),
        check: tool({ inputSchema, execute, reconcile }),
        erase: tool({ inputSchema, approval: 'required', execute: kept.enter }),
      }
      const calls = ['send', 'erase', 'check'].map((call) => ({ call, input: { id: call } }))
      const { agent } = agentOf(tools, [calls])
      await using api = await serve({ agents: [agent], ...hasty })
      const { id } = await start(api, { waitMs: 0 })
      await expect.poll(() => kept.made.length, { interval: 5 }).toBe(2)
      await api.restart()
      await asked.promise
      await until(api, id, 'ToolCallInterrupted')
      // It is looked up yet, and what is known is there already.
      const meanwhile = await readRun(api, id)
      expect(meanwhile).toMatchObject({ status: 'RUNNING', requirements: [] })
      expect(callsOf(meanwhile).map(({ status }) => status)).toEqual(['UNKNOWN', 'WAITING', 'RUNNING'])
      const [erase, doubt] = approvalsOf(meanwhile)
      expect(doubt).toMatchObject({ kind: 'RECONCILIATION', status: 'PENDING', toolName: 'send' })
      await decide(api, doubt.id, runAgain)
      await until(api, id, 'ToolCallsDecided')
      answer.resolve({ happened: false })
      const waiting = await until(api, id, 'RunPaused')
      expect(waiting.requirements).toMatchObject([{ kind: 'CONFIRMATION', approval: { id: erase.id } }])
      expect(callsOf(waiting).map(({ status }) => status)).toEqual(['WAITING', 'WAITING', 'SUCCEEDED'])
      expect(kept.made.map(({ input }) => input)).toEqual([{ id: 'send' }, { id: 'check' }, { id: 'check' }])
      await decide(api, erase.id)
      expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(5)
    })

    test('S1 W4 is watched: consoles see the question, the run’s events have no gap, the approval is told of to its end', async () => {
      const { kept, agents } = sender(['a'])
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept })
      const [{ id }] = approvalsOf(run)
      await using pending = watchPending(api, { kind: ['RECONCILIATION'] })
      expect((await pending.data()).pendingApprovals.approvals.map((one: { id: string }) => one.id)).toEqual([id])
      await using watched = api.subscribe(documents.approvalChanges, { id }, 'approver-1')
      expect(await watched.data()).toEqual({ approval: { id } })
      await decide(api, id, runAgain)
      expect((await pending.data()).pendingApprovals).toMatchObject({
        __typename: 'PendingApprovalRemoved',
        approval: { id, status: 'APPROVED' },
      })
      // To its end: it completes.
      for await (const { errors } of watched) expect(errors).toBeUndefined()
      const events = await eventsOf(api, run.id)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
      expect(typesOf(events)).toEqual([
        ...['RunStarted', 'ModelResponded', 'ToolCallsProposed', 'ToolCallStarted', 'ToolCallInterrupted', 'RunPaused'],
        ...['ToolCallsDecided', 'RunResumed', 'ToolCallStarted', 'ToolCallFinished', 'ModelResponded', 'RunCompleted'],
      ])
      expect(callsOf(await readRun(api, run.id))).toMatchObject([{ status: 'SUCCEEDED', result: { done: 'a' } }])
    })

    test('S1 within the run of an agent: what that agent’s tool began is in doubt, the call of the agent never is', async () => {
      const { kept, execute } = hangsAtFirst()
      const inner = agentOf({ send: tool({ inputSchema, execute }) }, sayings, { name: 'inner' })
      const outer = agentOf({ ask: asTool(inner.agent) }, [[ask('send:a')]])
      await using api = await serve({ agents: [outer.agent, inner.agent], ...hasty })
      const run = await cutOff(api, { kept })
      const child = await childOf(api, run.id)
      expect(callsOf(run)).toMatchObject([{ toolName: 'ask', status: 'RUNNING' }])
      expect(doubtsOf(run)).toMatchObject([
        { path: ['agent', 'inner'], toolCall: { toolName: 'send', status: 'UNKNOWN' } },
      ])
      expect(approvalsOf(run)).toEqual([])
      const [doubt] = doubtsOf(run)
      expect(await readApproval(api, doubt.approval.id)).toMatchObject({
        run: { id: child.id },
        path: ['agent', 'inner'],
      })
      expect((await readRun(api, run.id, 'approver-1')).id).toBe(run.id)
      await decide(api, doubt.approval.id, runAgain)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(2)
    })
  })

  describe('S1 a call that a crash cut off, of a tool that says what to do then', () => {
    test('S1 idempotent: it is made again by itself with the same id, also one that was approved', async () => {
      for (const gate of [{}, { approval: 'required' as const }]) {
        const { kept, agents } = sender(['a'], { idempotent: true, ...gate })
        await using api = await serve({ agents, ...hasty })
        const run = await cutOff(api, { kept, ...('approval' in gate && { decision: { approve: {} } }) })
        expect(run).toMatchObject({ status: 'COMPLETED' })
        expect(approvalsOf(run).map(({ kind }) => kind)).toEqual('approval' in gate ? ['CONFIRMATION'] : [])
        const [call] = callsOf(run)
        expect(call).toMatchObject({ status: 'SUCCEEDED', result: { done: 'a' } })
        expect(kept.made).toEqual([call.id, call.id].map((id) => ({ id, input: { id: 'a' } })))
        const types = typesOf(await eventsOf(api, run.id))
        expect(types.filter((type) => type === 'ToolCallInterrupted')).toHaveLength(1)
      }
    })

    const answers = {
      happened: { happened: true, result: { sent: true } },
      nothing: { happened: true, result: undefined },
      failed: { happened: true, error: 'No such address.' },
      not: { happened: false },
      ...{ null: null, undefined: undefined, true: true, empty: {}, unsure: { happened: 'yes' } },
      ...{
        bare: { happened: true },
        both: { happened: true, result: 1, error: 'x' },
        odd: { happened: false, result: 1 },
      },
    }
    test('S1 reconcile: what it says counts, and what it cannot tell a person is asked', async () => {
      const lookups: unknown[] = []
      const ids = [...Object.keys(answers), 'throws', 'rejects', 'getter']
      const { kept, agents } = sender(ids, {
        reconcile(
          { id }: { id: string },
          { toolCallId, abortSignal }: { toolCallId: string; abortSignal: AbortSignal },
        ) {
          lookups.push([id, toolCallId, abortSignal.aborted])
          if (id === 'throws') throw new Error('down')
          if (id === 'rejects') return Promise.reject(new Error('down'))
          if (id === 'getter')
            return {
              happened: true,
              get result() {
                throw new Error('down')
              },
            }
          return Promise.resolve(answers[id as keyof typeof answers])
        },
      })
      await using api = await serve({ agents, ...hasty })
      const run = await cutOff(api, { kept, calls: ids.length })
      const shown = Object.fromEntries(callsOf(run).map((call) => [call.arguments.id, call]))
      expect(shown).toMatchObject({
        happened: { status: 'SUCCEEDED', result: { sent: true } },
        nothing: { status: 'SUCCEEDED', result: null },
        failed: { status: 'FAILED', error: 'No such address.' },
        not: { status: 'SUCCEEDED', result: { done: 'not' } },
      })
      const unknown = ids.slice(4)
      expect(doubtsOf(run).map(({ toolCall }) => toolCall.arguments.id)).toEqual(unknown)
      expect(lookups).toEqual(callsOf(run).map((call) => [call.arguments.id, call.id, false]))
      for (const call of callsOf(run)) expect(kept.times(call.id)).toBe(call.arguments.id === 'not' ? 2 : 1)
      for (const { id } of approvalsOf(run)) await decide(api, id, happened('told'))
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    })

    test('S1 W8 a look-up that ends at no signal: the server stops, the run can be cancelled, and the next server asks again', async () => {
      const asked: AbortSignal[] = []
      const { kept, agents } = sender(['a'], {
        reconcile(_: unknown, { abortSignal }: { abortSignal: AbortSignal }) {
          asked.push(abortSignal)
          return new Promise(() => {})
        },
      })
      await using api = await serve({ agents, ...hasty })
      const { id } = await start(api, { waitMs: 0 })
      await expect.poll(() => kept.made.length, { interval: 5 }).toBe(1)
      for (const times of [1, 2]) {
        await api.restart()
        await expect.poll(() => asked.length, { timeout: 10_000, interval: 5 }).toBe(times)
      }
      expect(asked.map(({ aborted }) => aborted)).toEqual([true, false])
      expect(await finishedOrCancelled()).toMatchObject({ status: 'CANCELLED' })
      expect(asked.map(({ aborted }) => aborted)).toEqual([true, true])
      const over = await readRun(api, id)
      expect(callsOf(over)).toMatchObject([{ status: 'UNKNOWN' }])
      expect([approvalsOf(over), kept.made.length]).toEqual([[], 1])

      async function finishedOrCancelled() {
        await cancel(api, id)
        return finishedOrInDoubt(api, id)
      }
    })
  })
})
