import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { heard } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  start,
  typesOf,
  until,
} from './support/api.ts'
import { asking, childOf, childrenOf, toolbox, worker } from './support/nested.ts'
import { forEachStore, type TestStore } from './support/stores.ts'

async function scene(serve: TestStore['serve'], messages: readonly string[], more: Parameters<typeof asking>[2] = {}) {
  const { kept, tools } = toolbox()
  const outer = asking(worker(tools).agent, messages, { ...more, tools })
  const api = await serve({ agents: [outer.agent] })
  const run = await start(api)
  return { api, kept, outer, run, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

/** By the tool that waits. */
const callOf = (run: AnyData, toolName: string): string =>
  run.requirements.find(({ toolCall }: AnyData) => toolCall.toolName === toolName)?.callId
const answers = (...given: [callId: string, decision: object][]) => ({
  answers: given.map(([callId, decision]) => ({ callId, decision })),
})
const approve = { approve: {} }

forEachStore(({ serve }) => {
  describe('a gate before the agent', () => {
    const required = { gate: { approval: 'required' } }

    test('rejected: there never is a run of it, and the model is told', async () => {
      await using s = await scene(serve, ['look:a'], required)
      const [approval] = approvalsOf(s.run)
      expect(approval).toMatchObject({ toolName: 'ask', path: ['agent'], arguments: { message: 'look:a' } })
      expect(await childrenOf(s.api, s.run.id)).toEqual([])
      await decide(s.api, approval.id, { decision: { reject: { message: 'Not them.' } } })
      expect(await finished(s.api, s.run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(await childrenOf(s.api, s.run.id)).toEqual([])
      expect(typesOf(await eventsOf(s.api, s.run.id))).not.toContain('ChildRunStarted')
      expect(s.kept.made).toEqual([])
      expect(heard(s.outer.prompts.at(-1))).toMatchObject([
        { output: { type: 'error-text', value: expect.stringContaining('Not them.') } },
      ])
    })

    test('approved with another message: that is what the inner run is given, and the model is told so', async () => {
      await using s = await scene(serve, ['look:a'], required)
      const [approval] = approvalsOf(s.run)
      for (const message of [7, '', null])
        expect(await resolve(s.api, approval.id, { decision: { approve: { arguments: { message } } } })).toMatchObject({
          __typename: 'InvalidInputError',
        })
      await decide(s.api, approval.id, { decision: { approve: { arguments: { message: 'look:b' } } } })
      await finished(s.api, s.run.id)
      expect(await childOf(s.api, s.run.id)).toMatchObject({ message: 'look:b', status: 'COMPLETED' })
      expect(s.kept.inputs()).toEqual([{ id: 'b' }])
      const [{ output }] = heard(s.outer.prompts.at(-1)) as AnyData
      expect(output.value).toMatchObject({ arguments: { message: 'look:b' }, result: 'Done: look:b' })
    })

    test('and another within: the first lets the inner run begin and does not decide the second', async () => {
      await using s = await scene(serve, ['pay:a'], required)
      await decide(s.api, approvalsOf(s.run)[0].id)
      const again = await until(s.api, s.run.id, 'RunPaused', 2)
      expect(again.requirements).toMatchObject([{ path: ['agent', 'inner'], approval: { status: 'PENDING' } }])
      expect(s.kept.made).toEqual([])
      await decide(s.api, again.requirements[0].approval.id)
      expect(await finished(s.api, s.run.id)).toMatchObject({ status: 'COMPLETED' })
    })

    test.each([
      ['plain', { pause: 'confirmation' }, 0],
      ['an audit', { pause: 'confirmation', approval: 'audit' }, 1],
    ] as const)('%s: the requester says whether it is asked', async (_, gate, records) => {
      await using s = await scene(serve, ['look:a', 'look:b'], { gate })
      const [one, two] = s.run.requirements
      expect([one, two]).toMatchObject([{ decider: 'REQUESTER', path: ['agent'] }, { decider: 'REQUESTER' }])
      const given = answers([one.callId, approve], [two.callId, { reject: { message: 'No.' } }])
      expect(await continueRun(s.api, s.run.id, given)).toMatchObject({ run: { status: 'COMPLETED' } })
      expect(await childOf(s.api, s.run.id)).toMatchObject({ message: 'look:a', status: 'COMPLETED' })
      expect(s.kept.inputs()).toEqual([{ id: 'a' }])
      const audits = await listApprovals(s.api, { type: ['AUDIT'] })
      expect(audits.map(({ status }) => status)).toEqual(records === 0 ? [] : ['APPROVED', 'REJECTED'])
    })
  })

  describe('what waits within is answered', () => {
    const message = 'say:a note:b fill:c send:d pay:e'
    const said = (run: AnyData) =>
      answers(
        [callOf(run, 'say'), approve],
        [callOf(run, 'note'), { reject: { message: 'No.' } }],
        [callOf(run, 'fill'), { approve: { values: { euros: 50 } } }],
        [callOf(run, 'send'), { approve: { outcome: { success: { result: { sent: true } } } } }],
      )
    const waits = ['say', 'note', 'fill', 'send', 'pay']

    test.each(['outer', 'inner'] as const)('each as it needs, through the %s run', async (through) => {
      await using s = await scene(serve, [message])
      const { api, run, kept } = s
      const child = await childOf(api, run.id)
      expect(run.requirements.map(({ toolCall }: AnyData) => toolCall.toolName)).toEqual(waits)
      expect(run.requirements.map(({ decider }: AnyData) => decider)).toEqual([
        ...['REQUESTER', 'REQUESTER', 'REQUESTER', 'REQUESTER', 'APPROVER'],
      ])
      const id = through === 'outer' ? run.id : child.id
      expect(await continueRun(api, id, said(run))).toMatchObject({
        __typename: 'ContinueRunSuccess',
        run: { id, status: 'PAUSED', requirements: [{ toolCall: { toolName: 'pay' } }] },
      })
      expect(kept.made).toEqual([])
      await decide(api, run.requirements[4].approval.id, { decision: { approve: { arguments: { id: 'edited' } } } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      const calls = callsOf(await readRun(api, child.id))
      expect(calls.map(({ status }) => status)).toEqual([
        'SUCCEEDED',
        'REJECTED',
        'SUCCEEDED',
        'SUCCEEDED',
        'SUCCEEDED',
      ])
      expect(calls[3].result).toEqual({ sent: true })
      expect(new Set(kept.inputs())).toEqual(new Set([{ id: 'a' }, { id: 'c', euros: 50 }, { id: 'edited' }]))
      const [audit] = await listApprovals(api, { type: ['AUDIT'] })
      expect(audit).toMatchObject({ status: 'REJECTED', path: ['agent', 'inner'], run: { id: child.id } })
      expect(typesOf(await eventsOf(api, run.id))).not.toContain('RunAnswered')
    })

    test('without answers, continuing the outer run says what is missing, with the path to it', async () => {
      await using s = await scene(serve, ['say:a pay:b'])
      const { api, run } = s
      const [, { approval }] = run.requirements
      const path = ['agent', 'inner']
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'ApprovalPendingError',
        pending: [{ id: approval.id, path }],
        missing: [],
      })
      await decide(api, approval.id)
      const child = await childOf(api, run.id)
      await until(api, child.id, 'ToolCallsDecided')
      expect(await continueRun(api, run.id)).toMatchObject({
        __typename: 'AnswerRequiredError',
        requirements: [{ callId: callOf(run, 'say'), path }],
      })
      expect(s.kept.made).toEqual([])
    })

    test('beside calls of the outer run’s own: all are listed, its own first, and one answer may be for several runs', async () => {
      await using s = await scene(serve, ['say:a', 'say:b'], { beside: [{ call: 'say', input: { id: 'own' } }] })
      const { api, run, kept } = s
      expect(run.requirements.map(({ path, toolCall }: AnyData) => [path.length, toolCall.arguments.id])).toEqual([
        [1, 'own'],
        [2, 'a'],
        [2, 'b'],
      ])
      const [own, a, b] = run.requirements.map(({ callId }: AnyData) => callId)
      const first = await continueRun(api, run.id, answers([a, approve]))
      expect(first).toMatchObject({ __typename: 'ContinueRunSuccess', run: { status: 'PAUSED' } })
      expect(first.run.requirements.map(({ callId }: AnyData) => callId)).toEqual([own, b])
      const last = await continueRun(api, run.id, answers([own, approve], [b, { reject: {} }]))
      expect(last).toMatchObject({ __typename: 'ContinueRunSuccess', run: { status: 'COMPLETED' } })
      expect(new Set(kept.inputs())).toEqual(new Set([{ id: 'own' }, { id: 'a' }]))
      expect(heard(s.outer.prompts.at(-1)).map(({ tool }) => tool)).toEqual(['ask', 'ask', 'say'])
    })

    test('three levels down', async () => {
      const { kept, tools } = toolbox()
      const second = asking(worker(tools, 'third').agent, ['say:a'], { name: 'second' })
      const first = asking(second.agent, ['Go.'], { name: 'first' })
      await using api = await serve({ agents: [asking(first.agent, ['Go.']).agent] })
      const run = await start(api)
      const child = await childOf(api, run.id)
      // From the middle, too.
      const through = await continueRun(api, child.id, answers([callOf(run, 'say'), approve]))
      expect(through).toMatchObject({ run: { id: child.id, status: 'COMPLETED' } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      const other = await start(api)
      const whole = await continueRun(api, other.id, answers([callOf(other, 'say'), approve]))
      expect(whole).toMatchObject({ run: { id: other.id, status: 'COMPLETED' } })
      expect(kept.made).toHaveLength(2)
    })
  })

  describe('what is wrong is refused, and nothing of it is applied at any level', () => {
    const refused = { __typename: 'InvalidInputError' }

    test('an answer, through any run, to what an approver decides within', async () => {
      await using s = await scene(serve, ['pay:a say:b'])
      const { api, run, kept } = s
      const child = await childOf(api, run.id)
      for (const id of [run.id, child.id])
        for (const given of [
          answers([callOf(run, 'pay'), approve]),
          answers([callOf(run, 'say'), approve], [callOf(run, 'pay'), approve]),
          answers([callOf(run, 'pay'), { reject: {} }]),
        ])
          for (const as of ['requester-1', 'admin-1'])
            expect(await continueRun(api, id, given, as)).toMatchObject(refused)
      expect(await readRun(api, run.id)).toEqual(run)
      expect(await readApproval(api, run.requirements[0].approval.id)).toMatchObject({ status: 'PENDING', revision: 1 })
      expect(kept.made).toEqual([])
    })

    test('two answers of which one is wrong, in the same run or in another', async () => {
      await using s = await scene(serve, ['say:a fill:b', 'say:c'], {
        beside: [{ call: 'fill', input: { id: 'own' } }],
      })
      const { api, run, kept } = s
      const [own, a, b, c] = run.requirements.map(({ callId }: AnyData) => callId)
      const wrong = { approve: { values: { euros: 5_000 } } }
      for (const given of [
        answers([a, approve], [b, wrong]),
        answers([c, approve], [own, wrong]),
        answers([own, { approve: { values: { euros: 5 } } }], [c, approve], [b, wrong]),
        answers([a, approve], [a, approve]),
        answers([a, approve], ['call_1', approve]),
        answers([a, approve], [c, { approve: { arguments: { id: 'other' } } }]),
      ])
        expect(await continueRun(api, run.id, given)).toMatchObject(refused)
      expect(await readRun(api, run.id)).toEqual(run)
      expect(kept.made).toEqual([])
    })

    test('a call of another tree, of a sibling, of the outer run through the inner one, or one that is settled', async () => {
      await using s = await scene(serve, ['say:a', 'say:b'], { beside: [{ call: 'say', input: { id: 'own' } }] })
      const { api, run, kept } = s
      const other = await start(api)
      const [own, a, b] = run.requirements.map(({ callId }: AnyData) => callId)
      const [first] = await childrenOf(api, run.id)
      expect(await continueRun(api, run.id, answers([other.requirements[1].callId, approve]))).toMatchObject(refused)
      for (const callId of [own, b])
        expect(await continueRun(api, first.id, answers([callId, approve]))).toMatchObject(refused)
      const stolen = await start(api, { as: 'requester-2' })
      expect(await continueRun(api, stolen.id, answers([a, approve]), 'requester-2')).toMatchObject(refused)
      expect(kept.made).toEqual([])
      await continueRun(api, run.id, answers([a, approve]))
      await until(api, first.id, 'RunCompleted')
      expect(await continueRun(api, run.id, answers([a, approve]))).toMatchObject(refused)
      expect(kept.made).toHaveLength(1)
    })
  })

  describe('at once', () => {
    test('the same answer through the outer and the inner run: the call is made once', async () => {
      await using s = await scene(serve, ['say:a'])
      const { api, run, kept } = s
      const child = await childOf(api, run.id)
      const given = answers([callOf(run, 'say'), approve])
      const both = await Promise.all([run.id, child.id, run.id, child.id].map((id) => continueRun(api, id, given)))
      expect(both.filter(({ __typename }) => __typename === 'ContinueRunSuccess').length).toBeGreaterThan(0)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(1)
    })

    test('contrary answers: one counts, at both levels', async () => {
      await using s = await scene(serve, ['say:a', 'say:b'])
      const { api, run, kept } = s
      const [a, b] = run.requirements.map(({ callId }: AnyData) => callId)
      const [first, second] = await childrenOf(api, run.id)
      const reject = { reject: {} }
      await Promise.all([
        continueRun(api, run.id, answers([a, approve], [b, approve])),
        continueRun(api, first.id, answers([a, reject])),
        continueRun(api, second.id, answers([b, reject])),
      ])
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      const ran = await Promise.all([first, second].map(async ({ id }) => callsOf(await readRun(api, id))[0].status))
      expect(kept.made).toHaveLength(ran.filter((status) => status === 'SUCCEEDED').length)
      for (const status of ran) expect(['SUCCEEDED', 'REJECTED']).toContain(status)
    })

    test('two inner runs ask the same of one more: four runs, one decision each', async () => {
      const { kept, tools } = toolbox()
      const middle = asking(worker(tools).agent, ['pay:a', 'pay:a'], { name: 'middle' })
      const outer = asking(middle.agent, ['Go.', 'Go.'])
      await using api = await serve({ agents: [outer.agent] })
      const run = await start(api)
      const ids = run.requirements.map(({ approval }: AnyData) => approval.id)
      expect(new Set(ids).size).toBe(4)
      await Promise.all(ids.map((id: string, n: number) => decide(api, id, n % 2 ? { decision: { reject: {} } } : {})))
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(2)
    })
  })
})
