import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  finished,
  person,
  readRun,
  restart,
  start,
  until,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const approve = (callId: string) => ({ callId, decision: { approve: {} } })
const reject = (callId: string, message?: string) => ({ callId, decision: { reject: { message } } })

/** An agent whose calls of `send` the requester decides, and of `erase` an approver. */
function scene(...turn: ReturnType<typeof call>[]) {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const send = tool({ inputSchema, pause: 'confirmation', execute: kept.enter })
  return { kept, ...agentOf({ erase, send }, [turn]) }
}

const rejection = (message: string) => ({ type: 'error-text', value: expect.stringContaining(message) })
const done = { type: 'text', value: 'done' }

forEachStore(({ serve }) => {
  describe('C4 a plain confirmation', () => {
    test.each(['AUTOMATIC', 'MANUAL'])(
      'C4 is approved or rejected by its requester, and nothing is recorded beside: %s',
      async (mode) => {
        const { kept, agent, prompts } = scene(call('send', 'a'), call('send', 'b'))
        await using api = await serve({ agents: [agent] })
        const run = await start(api, { resumeMode: mode })
        const [a, b] = callsOf(run)
        expect(run.requirements).toMatchObject([
          { callId: a.id, kind: 'CONFIRMATION', decider: 'REQUESTER', approvalType: null, approval: null },
          { callId: b.id, decider: 'REQUESTER' },
        ])
        const answers = [approve(a.id), reject(b.id, 'Not to them.')]
        expect(await continueRun(api, run.id, { answers })).toMatchObject({
          __typename: 'ContinueRunSuccess',
          run: { status: 'COMPLETED' },
        })
        const over = await readRun(api, run.id)
        expect(callsOf(over).map(({ status }) => status)).toEqual(['SUCCEEDED', 'REJECTED'])
        expect([approvalsOf(over), kept.inputs()]).toEqual([[], [{ id: 'a' }]])
        expect(heard(prompts[1]).map(({ output }) => output)).toEqual([done, rejection('Not to them.')])
      },
    )

    test('C4 without answers is AnswerRequiredError, or, where an approval is pending too, ApprovalPendingError', async () => {
      const { kept, agent } = scene(call('send', 'a'), call('erase', 'b'))
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [send, erase] = callsOf(run)
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ApprovalPendingError',
        pending: [{ id: erase.approval.id }],
        missing: [],
      })
      await decide(api, erase.approval.id)
      const before = await until(api, run.id, 'ToolCallsDecided')
      for (const answers of [null, []]) {
        expect(await continueRun(api, run.id, { answers })).toMatchObject({
          __typename: 'AnswerRequiredError',
          requirements: [{ callId: send.id }],
        })
      }
      expect(await readRun(api, run.id)).toEqual(before)
      expect(kept.made).toEqual([])
    })

    const wrong = {
      values: { approve: { values: { id: 'z' } } },
      'empty values': { approve: { values: {} } },
      'an outcome': { approve: { outcome: { success: { result: null } } } },
      'a failure': { approve: { outcome: { failure: { message: 'x' } } } },
      'a reconciliation': { reconcile: { runAgain: { confirm: true } } },
      'a message too long': { reject: { message: 'x'.repeat(10_001) } },
    }
    test.each(Object.entries(wrong))('C4 takes no %s', async (_, decision) => {
      const { kept, agent } = scene(call('send', 'a'), call('send', 'b'))
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [a, b] = callsOf(run)
      const answers = [approve(a.id), { callId: b.id, decision }]
      const refused = await continueRun(api, run.id, { answers })
      expect(refused).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path: ['answers', '1', ...path(decision)] }],
      })
      expect(await readRun(api, run.id)).toEqual(run)
      expect(kept.made).toEqual([])
    })
    const path = (decision: object): unknown[] => {
      const [name = '', inner] = Object.entries(decision)[0] ?? []
      const [field] = name === 'reconcile' ? [] : Object.keys(inner)
      return field ? [name, field] : [name]
    }

    test('C4 an answer is exactly one decision, over the API and in the library', async () => {
      const { kept, agent } = scene(call('send', 'a'))
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id: callId }] = callsOf(run)
      for (const decision of [{}, { approve: {}, reject: {} }, { approve: null }]) {
        const input = { runId: run.id, answers: [{ callId, decision }] }
        const { errors } = await api.graphql(documents.continueRun, { input })
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
        const answer = await api.server.runs.continue(person('requester-1'), input)
        expect(answer.__typename).toBe('InvalidInputError')
      }
      expect(await readRun(api, run.id)).toEqual(run)
      expect(kept.made).toEqual([])
    })
  })

  test('C5 an answer for some of the open calls is kept, also over a restart, and an undecided call is not a rejected one', async () => {
    const { kept, agent, prompts } = scene(call('send', 'a'), call('erase', 'b'), call('send', 'c'))
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const [a, b, c] = callsOf(run)
    expect(await continueRun(api, run.id, { answers: [approve(a.id)] })).toMatchObject({
      __typename: 'ContinueRunSuccess',
      run: { status: 'PAUSED', requirements: [{ callId: b.id }, { callId: c.id }] },
    })
    await restart(api)
    const waiting = await readRun(api, run.id)
    expect(callsOf(waiting).map(({ status }) => status)).toEqual(['WAITING', 'WAITING', 'WAITING'])
    await decide(api, b.approval.id)
    await until(api, run.id, 'ToolCallsDecided')
    expect(await continueRun(api, run.id)).toMatchObject({
      __typename: 'AnswerRequiredError',
      requirements: [{ callId: c.id }],
    })
    expect([kept.made.length, prompts.length]).toEqual([0, 1])
    expect(await continueRun(api, run.id, { answers: [reject(c.id, 'Not c.')] })).toMatchObject({
      __typename: 'ContinueRunSuccess',
      run: { status: 'COMPLETED' },
    })
    expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    expect(heard(prompts[1]).map(({ output }) => output)).toEqual([done, done, rejection('Not c.')])
  })

  test('C5 every answer given and an approval pending: the answers are kept, and the decision alone lets the run go on', async () => {
    const { kept, agent } = scene(call('send', 'a'), call('erase', 'b'))
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const [a, b] = callsOf(run)
    const taken = await continueRun(api, run.id, { answers: [approve(a.id)] })
    expect(taken).toMatchObject({
      __typename: 'ContinueRunSuccess',
      run: { status: 'PAUSED', requirements: [{ callId: b.id }] },
    })
    expect(kept.made).toEqual([])
    await decide(api, b.approval.id, { decision: { reject: {} } })
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    expect(kept.inputs()).toEqual([{ id: 'a' }])
  })

  describe('C9 an answer', () => {
    test('C9 cannot change tool, arguments or call id', async () => {
      const { kept, agent } = scene(call('send', 'a'))
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id: callId }] = callsOf(run)
      for (const edited of [{ id: 'z' }, { id: 'a' }, {}]) {
        const answers = [{ callId, decision: { approve: { arguments: edited } } }]
        expect(await continueRun(api, run.id, { answers })).toMatchObject({
          __typename: 'InvalidInputError',
          issues: [{ path: ['answers', '0', 'approve', 'arguments'] }],
        })
      }
      for (const extra of [{ toolName: 'erase' }, { arguments: { id: 'z' } }, { newCallId: 'x' }]) {
        const input = { runId: run.id, answers: [{ ...approve(callId), ...extra }] }
        const { errors } = await api.graphql(documents.continueRun, { input })
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      }
      expect(await readRun(api, run.id)).toEqual(run)
      await continueRun(api, run.id, { answers: [approve(callId)] })
      expect(kept.made).toEqual([{ id: callId, input: { id: 'a' } }])
    })

    test('C9 to an unknown or settled call, another run’s, or two for one call: InvalidInputError, and nothing is applied', async () => {
      const { kept, agent } = scene(call('send', 'a'), call('send', 'b'))
      await using api = await serve({ agents: [agent] })
      const [run, other] = [await start(api), await start(api)]
      const [a, b] = callsOf(run)
      await continueRun(api, run.id, { answers: [reject(a.id)] })
      const before = await readRun(api, run.id)
      const strangers = [
        a.id,
        callsOf(other)[1].id,
        `call_${'0'.repeat(32)}_3_0`,
        'send',
        '',
        `apr_${b.id.slice(5)}`,
        '__proto__',
      ]
      for (const stranger of strangers) {
        for (const answers of [
          [approve(b.id), approve(stranger)],
          [reject(stranger), approve(b.id)],
          [approve(stranger)],
        ]) {
          expect(await continueRun(api, run.id, { answers })).toMatchObject({ __typename: 'InvalidInputError' })
        }
      }
      for (const second of [approve(b.id), reject(b.id)]) {
        expect(await continueRun(api, run.id, { answers: [approve(b.id), second] })).toMatchObject({
          __typename: 'InvalidInputError',
          issues: [{ path: ['answers', '1'], message: expect.stringContaining('two answers') }],
        })
      }
      expect(await readRun(api, run.id)).toEqual(before)
      expect(await readRun(api, other.id)).toEqual(other)
      expect(kept.made).toEqual([])
    })
  })
})
