import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { toJsonText } from '../../src/json.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  eventsOf,
  finished,
  readApproval,
  readRun,
  resolve,
  start,
  typesOf,
  until,
} from './support/api.ts'
import { ask, asking, childOf, childrenOf, toolbox, worker } from './support/nested.ts'
import { forEachStore } from './support/stores.ts'

/** A tool that ends when it is told to, whatever its abortSignal says. */
function stubborn() {
  const kept = ledger()
  const entered = Promise.withResolvers<AbortSignal>()
  const end = Promise.withResolvers<string>()
  const hold = tool({
    inputSchema: z.object({ id: z.string() }),
    execute(input, options: { toolCallId: string; abortSignal?: AbortSignal }) {
      kept.enter(input, options)
      if (options.abortSignal) entered.resolve(options.abortSignal)
      return end.promise
    },
  })
  return { hold, kept, entered: entered.promise, end: () => end.resolve('held') }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })

forEachStore(({ serve, editApproval, editEntry, rounds }) => {
  describe('R16 cancelling', () => {
    test('R16 the outer run, while an inner one waits three levels down: all are over, and nothing runs', async () => {
      const { kept, tools } = toolbox()
      const second = asking(worker(tools, 'third').agent, ['pay:a say:b'], { name: 'second' })
      await using api = await serve({ agents: [asking(second.agent, ['Go.', 'Go.']).agent] })
      const run = await start(api)
      const approvals = run.requirements.flatMap(({ approval }: AnyData) => approval?.id ?? [])
      expect(approvals).toHaveLength(2)
      expect(await cancel(api, run.id, { reason: 'Enough.' })).toMatchObject({ __typename: 'CancelRunSuccess' })
      expect(await finished(api, run.id)).toMatchObject({ status: 'CANCELLED', requirements: [] })
      for (const child of await childrenOf(api, run.id)) {
        expect(child.status).toBe('CANCELLED')
        const innermost = await childOf(api, child.id)
        expect(innermost.status).toBe('CANCELLED')
        const last = (await eventsOf(api, innermost.id)).at(-1)
        expect(last).toMatchObject({ __typename: 'RunCancelled', reason: 'Enough.', by: { id: 'prn_requester-1' } })
      }
      const events = typesOf(await eventsOf(api, run.id))
      expect(events.slice(-3)).toEqual(['ToolCallFinished', 'ToolCallFinished', 'RunCancelled'])
      for (const id of approvals) {
        expect(await readApproval(api, id)).toMatchObject({
          status: 'CANCELLED',
          resolution: { cause: 'CANCELLATION' },
        })
        expect(await resolve(api, id)).toMatchObject({ __typename: 'ApprovalConflictError' })
      }
      expect(kept.made).toEqual([])
    })

    test('R16 the outer run, while a tool of the inner one ignores its abortSignal: its result is recorded, `cancelled` is last in both', async () => {
      const { hold, kept, entered, end } = stubborn()
      await using api = await serve({ agents: [asking(worker({ hold }).agent, ['hold:a / hold:b']).agent] })
      const run = await start(api, { waitMs: 0 })
      const signal = await entered
      const cancelling = cancel(api, run.id)
      await aborted(signal)
      expect(await readRun(api, run.id)).toMatchObject({ status: 'RUNNING' })
      end()
      expect(await cancelling).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
      const child = await childOf(api, run.id)
      expect(typesOf(await eventsOf(api, child.id)).slice(-2)).toEqual(['ToolCallFinished', 'RunCancelled'])
      expect(callsOf(await readRun(api, child.id))).toMatchObject([{ status: 'SUCCEEDED', result: 'held' }])
      expect(typesOf(await eventsOf(api, run.id)).slice(-2)).toEqual(['ToolCallFinished', 'RunCancelled'])
      expect(kept.inputs()).toEqual([{ id: 'a' }])
    })

    test('R16 the outer run, while a tool of its own ignores its abortSignal: the inner one does not go on meanwhile', async () => {
      const { hold, entered, end } = stubborn()
      const inner = stubborn()
      const agents = [
        asking(worker({ hold: inner.hold }).agent, ['hold:a / hold:b'], {
          tools: { hold },
          beside: [{ call: 'hold', input: { id: 'own' } }],
        }).agent,
      ]
      await using api = await serve({ agents })
      const run = await start(api, { waitMs: 0 })
      const [signal, within] = await Promise.all([entered, inner.entered])
      const cancelling = cancel(api, run.id)
      await Promise.all([aborted(signal), aborted(within)])
      inner.end()
      const child = await childOf(api, run.id)
      // Over before the other has come to its end.
      expect(await finished(api, child.id)).toMatchObject({ status: 'CANCELLED' })
      expect(inner.kept.inputs()).toEqual([{ id: 'a' }])
      expect(await readRun(api, run.id)).toMatchObject({ status: 'RUNNING' })
      end()
      expect(await cancelling).toMatchObject({ run: { status: 'CANCELLED' } })
      expect(callsOf(await readRun(api, run.id)).map(({ status }) => status)).toEqual(['FAILED', 'SUCCEEDED'])
    })

    test('R16 the inner run alone: the outer one’s model hears of it and goes on', async () => {
      const { tools } = toolbox()
      const outer = asking(worker(tools).agent, ['pay:a', 'say:b'])
      await using api = await serve({ agents: [outer.agent] })
      const run = await start(api)
      const [first, second] = await childrenOf(api, run.id)
      expect(await cancel(api, first.id)).toMatchObject({ __typename: 'CancelRunSuccess' })
      expect(await cancel(api, second.id)).toMatchObject({ __typename: 'CancelRunSuccess' })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const error = { output: { type: 'error-text', value: expect.stringContaining('cancelled') } }
      expect(heard(outer.prompts.at(-1))).toMatchObject([error, error])
      expect(await continueRun(api, first.id)).toMatchObject({ __typename: 'RunStateError' })
    })

    test('R16 both at once, and with decisions and answers at once: both come to an end, and no call runs after it', async () => {
      const { kept, tools } = toolbox()
      await using api = await serve({ agents: [asking(worker(tools).agent, ['pay:a say:b']).agent] })
      for (let round = 0; round < rounds(10); round++) {
        const run = await start(api)
        const child = await childOf(api, run.id)
        const [pay, say] = run.requirements
        const answers = [{ callId: say.callId, decision: { approve: {} } }]
        await Promise.all([
          resolve(api, pay.approval.id),
          continueRun(api, run.id, { answers, waitMs: 0 }),
          cancel(api, round % 3 === 1 ? child.id : run.id),
          ...(round % 3 === 2 ? [cancel(api, child.id)] : []),
        ])
        const [outer, inner] = [await finished(api, run.id), await finished(api, child.id)]
        expect(['CANCELLED', 'COMPLETED']).toContain(inner.status)
        expect(['CANCELLED', 'COMPLETED']).toContain(outer.status)
        expect(approvalsOf(inner)[0].status).not.toBe('PENDING')
        for (const { id, status } of callsOf(inner)) {
          const made = kept.times(id)
          expect(made).toBe(status === 'SUCCEEDED' ? 1 : 0)
        }
      }
    })
  })

  describe('an inner run that fails', () => {
    test.each(['MODEL_ERROR', 'LIMIT_EXCEEDED'] as const)(
      '%s: the outer one’s model hears of it and goes on, and the failure cannot be continued',
      async (code) => {
        const { tools } = toolbox()
        const model = scriptedModel(() => {
          if (code === 'MODEL_ERROR') throw new Error('No more tokens.')
          return [{ call: 'look', input: { id: 'a' } }]
        })
        const inner = defineAgent({ name: 'inner', model, tools, maxSteps: 2, maxRetries: 0 })
        const outer = asking(inner, ['Go.'])
        await using api = await serve({ agents: [outer.agent] })
        const run = await start(api)
        expect(run).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
        const child = await childOf(api, run.id)
        expect(child).toMatchObject({ status: 'FAILED', error: { code } })
        expect(heard(outer.prompts.at(-1))).toMatchObject([
          { output: { type: 'error-text', value: `The agent failed: ${child.error.message}` } },
        ])
        for (const as of ['requester-1', 'admin-1'])
          expect(await continueRun(api, child.id, {}, as)).toMatchObject({ __typename: 'RunStateError' })
        expect(await readRun(api, child.id)).toMatchObject({ status: 'FAILED' })
      },
    )

    test('while the outer run is paused for another: it stays so, and goes on with that', async () => {
      const { tools } = toolbox()
      const model = scriptedModel(() => {
        throw new Error('No.')
      })
      const broken = defineAgent({ name: 'broken', model, maxRetries: 0 })
      const inner = worker(tools)
      const outer = agentOf({ ask: asTool(inner.agent), try: asTool(broken) }, [[ask('say:a'), ask('Go.', 'try')]])
      await using api = await serve({ agents: [outer.agent] })
      const run = await start(api)
      expect(run).toMatchObject({ status: 'PAUSED', requirements: [{ path: ['agent', 'inner'] }] })
      const answers = [{ callId: run.requirements[0].callId, decision: { approve: {} } }]
      expect(await continueRun(api, run.id, { answers })).toMatchObject({ run: { status: 'COMPLETED' } })
    })
  })

  describe('an outer run that fails', () => {
    test('while an inner one waits: that and its approvals are CANCELLED', async () => {
      const { kept, tools } = toolbox()
      const { agent } = asking(worker(tools).agent, ['pay:a say:b'], {
        tools: { pay: tools.pay },
        beside: [{ call: 'pay', input: { id: 'own' } }],
      })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const child = await childOf(api, run.id)
      const [own, within] = run.requirements.flatMap(({ approval }: AnyData) => approval?.id ?? [])
      await editApproval(String(api.database), own, { arguments: toJsonText({ id: 'other' }) })
      await resolve(api, own)
      expect(await finished(api, run.id)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
      expect(await finished(api, child.id)).toMatchObject({ status: 'CANCELLED', requirements: [] })
      expect(await readApproval(api, within)).toMatchObject({ status: 'CANCELLED' })
      expect(await resolve(api, within)).toMatchObject({ __typename: 'ApprovalConflictError' })
      expect(kept.made).toEqual([])
      // By nobody: it was not the requester who ended it.
      expect((await eventsOf(api, child.id)).at(-1)).toMatchObject({ __typename: 'RunCancelled', by: null })
    })

    test('because its journal was changed: what is within ends with it, and so does its approval', async () => {
      const { kept, tools } = toolbox()
      await using api = await serve({ agents: [asking(worker(tools).agent, ['pay:a']).agent] })
      const run = await start(api)
      const child = await childOf(api, run.id)
      await editEntry(String(api.database), run.id, 2, (text) => text.replace('model-responded', 'model-responded '))
      expect(await cancel(api, run.id)).toMatchObject({ __typename: 'RunStateError', run: { status: 'FAILED' } })
      expect(await finished(api, child.id)).toMatchObject({ status: 'CANCELLED' })
      expect(await readApproval(api, run.requirements[0].approval.id)).toMatchObject({ status: 'CANCELLED' })
      expect(kept.made).toEqual([])
    })

    test('of its model after the inner one is done: continued, it does not ask again', async () => {
      const { kept, tools } = toolbox()
      let fails = true
      const outer = agentOf({ ask: asTool(worker(tools).agent) }, (prompt) => {
        if (prompt.at(-1)?.role !== 'tool') return [ask('look:a')]
        if (fails) throw new Error('No.')
        return [{ text: 'Told.' }]
      })
      await using api = await serve({ agents: [outer.agent] })
      const run = await start(api)
      expect(run).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_ERROR' } })
      fails = false
      expect(await continueRun(api, run.id)).toMatchObject({ run: { status: 'COMPLETED', output: 'Told.' } })
      expect((await childrenOf(api, run.id)).length).toBe(1)
      expect(kept.made).toHaveLength(1)
    })
  })

  describe('R15 a deadline within', () => {
    test('R15 passes while the outer run is paused: the call does not run, and both go on by themselves', async () => {
      const { kept, tools } = toolbox()
      const brief = { ...tools.pay, approval: { type: 'required', expiresIn: '1s' } }
      const inner = worker({ ...tools, brief })
      await using api = await serve({ agents: [asking(inner.agent, ['brief:a', 'pay:b']).agent] })
      const run = await start(api)
      const [late, other] = run.requirements.map(({ approval }: AnyData) => approval.id)
      const [first] = await childrenOf(api, run.id)
      expect(await finished(api, first.id)).toMatchObject({ status: 'COMPLETED' })
      expect(await readApproval(api, late)).toMatchObject({ status: 'EXPIRED', resolution: { cause: 'DEADLINE' } })
      expect(heard(inner.prompts.at(-1))).toMatchObject([{ output: { value: expect.stringContaining('expired') } }])
      const waiting = await until(api, run.id, 'ToolCallFinished')
      expect(waiting).toMatchObject({ status: 'PAUSED', requirements: [{ approval: { id: other } }] })
      await decide(api, other)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'b' }])
    })
  })
})
