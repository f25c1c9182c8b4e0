import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { heard } from './support/agents.ts'
import {
  callsOf,
  cancel,
  continueRun,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  typesOf,
  until,
  watchPending,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { asking, childOf, childrenOf, runsWithin, toolbox, worker } from './support/nested.ts'
import { startAny } from './support/start-any.ts'
import { forEachStore, type TestStore } from './support/stores.ts'

/** An agent that asks `inner` for this, at rest. */
async function scene(serve: TestStore['serve'], messages: readonly string[], options: Record<string, unknown> = {}) {
  const { kept, tools } = toolbox()
  const inner = worker(tools)
  const outer = asking(inner.agent, messages)
  const api = await serve({ agents: [outer.agent] })
  const run = await start(api, options)
  return { api, kept, inner, outer, run, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

const pathsOf = (requirements: readonly AnyData[]) => requirements.map(({ path }) => path.join(' > '))

forEachStore(({ serve }) => {
  describe('a run within a run', () => {
    test('its pause pauses the outer run, which lists what it waits for; deciding that resumes both', async () => {
      await using s = await scene(serve, ['look:a / pay:b'])
      const { api, kept, run } = s
      const child = await childOf(api, run.id)
      expect(run).toMatchObject({
        status: 'PAUSED',
        requirements: [
          { path: ['agent', 'inner'], kind: 'CONFIRMATION', decider: 'APPROVER', approvalType: 'REQUIRED' },
        ],
        approvals: { edges: [] },
      })
      const [{ callId, toolCall, approval }] = run.requirements
      expect(toolCall).toMatchObject({ id: callId, toolName: 'pay', arguments: { id: 'b' }, status: 'WAITING' })
      expect(await readApproval(api, approval.id)).toMatchObject({ run: { id: child.id }, path: ['agent', 'inner'] })
      expect((await readRun(api, child.id)).requirements).toEqual(run.requirements)
      expect(kept.inputs()).toEqual([{ id: 'a' }])

      await decide(api, approval.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.', requirements: [] })
      expect(await readRun(api, child.id)).toMatchObject({ status: 'COMPLETED', output: 'Done: look:a / pay:b' })
      expect(heard(s.outer.prompts.at(-1))).toMatchObject([{ output: { type: 'text', value: 'Done: look:a / pay:b' } }])
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    })

    test('the two know of each other, and the outer run’s events have no gap', async () => {
      await using s = await scene(serve, ['pay:a'])
      const { api, run } = s
      const [{ approval }] = run.requirements
      await decide(api, approval.id)
      await finished(api, run.id)
      const child = await childOf(api, run.id)
      expect(child).toMatchObject({ agentName: 'inner', message: 'pay:a', parent: { id: run.id } })
      expect(child.requestedBy.id).toBe('prn_requester-1')
      const outer = await runsWithin(api, run.id)
      expect(outer).toMatchObject({ parent: null, toolCalls: { edges: [{ node: { childRun: { id: child.id } } }] } })
      const within = await runsWithin(api, child.id)
      expect(within).toMatchObject({
        ...{ parent: { id: run.id }, children: { edges: [] } },
        toolCalls: { edges: [{ node: { childRun: null } }] },
      })
      const events = await eventsOf(api, run.id)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
      expect(events.find(({ __typename }) => __typename === 'ChildRunStarted')).toMatchObject({
        child: { id: child.id, agentName: 'inner' },
      })
      const types = typesOf(events)
      const before = ['RunStarted', 'ModelResponded', 'ToolCallsProposed', 'ChildRunStarted', 'RunPaused']
      expect(types.slice(0, 5)).toEqual(before)
      // Whichever the outer run looked at first: that the inner one went on, or that it was over.
      expect(types.slice(5, 7).sort()).toEqual(['RunResumed', 'ToolCallFinished'])
      expect(types.slice(7)).toEqual(['ModelResponded', 'RunCompleted'])
      expect(typesOf(await eventsOf(api, child.id))).toContain('RunPaused')
    })

    test('pauses again for its next call, and each time the outer run does too', async () => {
      await using s = await scene(serve, ['pay:a / say:b / pay:c'])
      const { api, run } = s
      await decide(api, run.requirements[0].approval.id)
      const second = await until(api, run.id, 'RunPaused', 2)
      const said = { answers: [{ callId: second.requirements[0].callId, decision: { approve: {} } }] }
      const third = (await continueRun(api, run.id, said)).run
      expect(third).toMatchObject({ status: 'PAUSED', requirements: [{ toolCall: { arguments: { id: 'c' } } }] })
      await decide(api, third.requirements[0].approval.id, { decision: { reject: { message: 'No.' } } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(s.kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
      expect(typesOf(await eventsOf(api, run.id)).filter((type) => type === 'RunPaused')).toHaveLength(3)
    })

    test('works three levels deep, also over a restart between pause and decision', async () => {
      const { kept, tools } = toolbox()
      const third = worker(tools, 'third')
      const second = asking(third.agent, ['look:a / pay:b'], { name: 'second' })
      const first = asking(second.agent, ['Go.'], { name: 'first' })
      const outer = asking(first.agent, ['Go.'])
      await using api = await serve({ agents: [outer.agent] })
      const run = await start(api)
      expect(pathsOf(run.requirements)).toEqual(['agent > first > second > third'])
      await restart(api)
      const again = await readRun(api, run.id)
      expect(again).toEqual(run)
      expect(await listApprovals(api, {})).toMatchObject([{ path: ['agent', 'first', 'second', 'third'] }])
      await decide(api, again.requirements[0].approval.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      for (let { id } = run, level = 0; level < 3; level++) {
        const child = await childOf(api, id)
        expect(child).toMatchObject({ status: 'COMPLETED', requestedBy: { id: 'prn_requester-1' } })
        id = child.id
      }
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    })

    test('two of one agent at once, asked for the same: each has its own decision', async () => {
      await using s = await scene(serve, ['pay:a', 'pay:a'])
      const { api, run, kept } = s
      expect(pathsOf(run.requirements)).toEqual(['agent > inner', 'agent > inner'])
      const [one, two] = run.requirements.map(({ approval }: AnyData) => approval.id)
      expect(one).not.toBe(two)
      const [first, second] = [await readApproval(api, one), await readApproval(api, two)]
      expect([first.arguments, first.fingerprint]).toEqual([second.arguments, second.fingerprint])
      await decide(api, one, { expectedFingerprint: second.fingerprint })
      await until(api, first.run.id, 'RunCompleted')
      expect(await readApproval(api, two)).toMatchObject({ status: 'PENDING', revision: 1 })
      expect(await readRun(api, run.id)).toMatchObject({ requirements: [{ approval: { id: two } }] })
      expect(kept.made).toHaveLength(1)
      await decide(api, two, { decision: { reject: { message: 'No.' } } })
      await finished(api, run.id)
      expect(kept.made.map(({ id }) => id)).toEqual([first.callId])
      const calls = await Promise.all(
        [first, second].map(async ({ run: { id } }) => callsOf(await readRun(api, id))[0]),
      )
      expect(calls.map(({ status }) => status)).toEqual(['SUCCEEDED', 'REJECTED'])
      expect(heard(s.outer.prompts.at(-1))).toHaveLength(2)
    })

    test('a hundred outer runs do not keep their inner ones from being worked on', async () => {
      const { kept, tools } = toolbox()
      const middle = asking(worker(tools).agent, ['look:a'], { name: 'middle' })
      const { agent } = asking(middle.agent, ['Go.'])
      await using api = await serve({ agents: [agent], maxConcurrentRuns: 4 })
      const count = api.database.startsWith('mongodb') ? 12 : 100
      const runs = await Promise.all(Array.from({ length: count }, () => start(api, { waitMs: 0 })))
      const ended = await Promise.all(runs.map(({ id }) => finished(api, id)))
      expect(new Set(ended.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(count)
      expect(kept.made).toHaveLength(count)
    })
  })

  describe('with resumeMode MANUAL', () => {
    test('the inner run waits to be told as well, and continuing the outer one tells it', async () => {
      await using s = await scene(serve, ['pay:a'], { resumeMode: 'MANUAL' })
      const { api, run, kept } = s
      const child = await childOf(api, run.id)
      expect(await continueRun(api, run.id)).toMatchObject({ __typename: 'ApprovalPendingError' })
      await decide(api, run.requirements[0].approval.id)
      await until(api, child.id, 'ToolCallsDecided')
      expect([(await readRun(api, run.id)).status, kept.made]).toEqual(['PAUSED', []])
      const answer = await continueRun(api, run.id)
      expect(answer).toMatchObject({ __typename: 'ContinueRunSuccess', run: { status: 'COMPLETED' } })
      expect(kept.made).toHaveLength(1)
    })

    test('or it is told itself, and the outer one goes on with it', async () => {
      await using s = await scene(serve, ['say:a'], { resumeMode: 'MANUAL' })
      const { api, run } = s
      const child = await childOf(api, run.id)
      const answers = [{ callId: run.requirements[0].callId, decision: { approve: {} } }]
      expect(await continueRun(api, child.id, { answers })).toMatchObject({
        run: { id: child.id, status: 'COMPLETED' },
      })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    })
  })

  describe('who sees and decides what is within', () => {
    test('R14 whoever requested the outer run does not resolve an approval of an inner one; an approver does', async () => {
      await using s = await scene(serve, ['pay:a'], { as: 'requester+approver-1' })
      const { api, run, kept } = s
      const [{ approval }] = run.requirements
      const as = 'requester+approver-1'
      expect(await api.data(documents.rights, { id: approval.id }, as)).toMatchObject({
        approval: { viewerCanResolve: false, viewerCannotResolveReasons: ['OWN_REQUEST'] },
      })
      expect(await resolve(api, approval.id, { as })).toMatchObject({ __typename: 'ForbiddenError' })
      expect(await resolve(api, approval.id, { as: 'requester-1' })).toMatchObject({ __typename: 'NotFoundError' })
      expect(kept.made).toEqual([])
      await decide(api, approval.id, { as: 'approver-2' })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    })

    test('an approver sees both, with all they may see; another tenant and another requester neither', async () => {
      await using s = await scene(serve, ['pay:a'])
      const { api, run } = s
      const child = await childOf(api, run.id)
      for (const id of [run.id, child.id]) {
        expect(await readRun(api, id, 'approver-1')).toMatchObject({ id, requirements: [{ path: ['agent', 'inner'] }] })
        for (const as of ['approver-1@two', 'admin-1@two', 'requester-2']) expect(await readRun(api, id, as)).toBe(null)
        for (const as of ['approver-1@two', 'requester-2'])
          for (const answer of [await cancel(api, id, {}, as), await continueRun(api, id, {}, as)])
            expect(answer).toMatchObject({ __typename: 'NotFoundError' })
        expect(await cancel(api, id, {}, 'approver-1')).toMatchObject({ __typename: 'ForbiddenError' })
      }
      await using pending = watchPending(api)
      expect(await pending.data()).toMatchObject({
        pendingApprovals: { approvals: [{ path: ['agent', 'inner'], requestedBy: { id: 'prn_requester-1' } }] },
      })
      await using abroad = watchPending(api, null, 'approver-1@two')
      expect(await abroad.data()).toMatchObject({ pendingApprovals: { approvals: [] } })
    })

    test('an inner run without approvals is not shown to an approver who sees the outer one', async () => {
      const { tools } = toolbox()
      const { agent } = asking(worker(tools).agent, ['look:a'], {
        tools: { pay: tools.pay },
        beside: [{ call: 'pay', input: { id: 'b' } }],
      })
      await using api = await serve({ agents: [agent] })
      const { id } = await start(api, { waitMs: 0 })
      const run = await until(api, id, 'RunPaused')
      const child = await childOf(api, run.id)
      expect(await readRun(api, child.id, 'approver-1')).toBe(null)
      const seen = await runsWithin(api, run.id, 'approver-1')
      expect(seen.children.edges).toEqual([])
      expect(seen.toolCalls.edges.map(({ node }: AnyData) => node.childRun)).toEqual([null, null])
      await using events = api.subscribe(documents.runEvents, { runId: run.id, after: 3 }, 'approver-1')
      const { value } = await events.next()
      expect(value).toMatchObject({ data: null, errors: [{ extensions: { code: 'NOT_FOUND' } }] })
      // And the subscription goes on.
      expect((await events.data()).runEvents.seq).toBe(5)
      await using all = api.subscribe(documents.runEvents, { runId: run.id, after: 3 }, 'requester-1')
      expect(await all.data()).toMatchObject({ runEvents: { __typename: 'ChildRunStarted', child: { id: child.id } } })
    })

    test('an agent that is only a tool of others is not offered, and cannot be started', async () => {
      await using s = await scene(serve, ['look:a'])
      const { api } = s
      expect((await api.data(documents.agents)).agents.map(({ name }: AnyData) => name)).toEqual(['agent'])
      expect((await api.data('{ agent(name: "inner") { name } }')).agent).toBe(null)
      expect(await startAny(api, { agentName: 'inner' })).toMatchObject({ __typename: 'NotFoundError' })
      expect(await startAny(api, { agentName: 'inner' }, 'admin-1')).toMatchObject({ __typename: 'NotFoundError' })
      const { agent } = await api
        .data(`{ run(id: "${(await childrenOf(api, s.run.id))[0].id}") { agent { name } } }`)
        .then(({ run }) => run)
      expect(agent.name).toBe('inner')
    })

    test('given to the server as well, it is offered and can be started', async () => {
      const { tools } = toolbox()
      const inner = worker(tools)
      await using api = await serve({ agents: [asking(inner.agent, ['look:a']).agent, inner.agent] })
      expect((await api.data(documents.agents)).agents).toHaveLength(2)
      expect(await start(api, { agentName: 'inner', message: 'look:b' })).toMatchObject({ status: 'COMPLETED' })
      expect(await start(api)).toMatchObject({ status: 'COMPLETED' })
    })
  })
})
