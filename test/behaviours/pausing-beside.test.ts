import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, cancel, decide, finished, listApprovals, start, until } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })

function erasing() {
  const kept = ledger()
  return { kept, erase: tool({ description: 'Erases.', inputSchema, approval: 'required', execute: kept.enter }) }
}

forEachStore(({ serve }) => {
  describe('P3 ungated calls of the same turn', () => {
    test('P3 run at once, side by side, and their results are not lost while the others wait', async () => {
      const { kept, erase } = erasing()
      const entered = { a: Promise.withResolvers<void>(), b: Promise.withResolvers<void>() }
      /** Each ends only when the other has begun. */
      const meet = (mine: 'a' | 'b', other: 'a' | 'b') =>
        tool({
          inputSchema,
          async execute() {
            entered[mine].resolve()
            await entered[other].promise
            return { met: other }
          },
        })
      const { agent, prompts } = agentOf({ erase, left: meet('a', 'b'), right: meet('b', 'a') }, [
        [call('left', '1'), call('erase', '2'), call('right', '3')],
      ])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run.status).toBe('PAUSED')
      expect(callsOf(run).map(({ status, result }) => [status, result])).toEqual([
        ['SUCCEEDED', { met: 'b' }],
        ['WAITING', null],
        ['SUCCEEDED', { met: 'a' }],
      ])
      expect(kept.made).toEqual([])
      await decide(api, approvalsOf(run)[0].id)
      await finished(api, run.id)
      expect(heard(prompts[1]).map(({ output }) => output)).toEqual([
        { type: 'json', value: { met: 'b' } },
        { type: 'text', value: 'done' },
        { type: 'json', value: { met: 'a' } },
      ])
    })

    function slowScene() {
      const { kept, erase } = erasing()
      const begun = Promise.withResolvers<void>()
      const end = Promise.withResolvers<string>()
      const slow = tool({
        inputSchema,
        execute(_, { abortSignal }) {
          begun.resolve()
          abortSignal?.addEventListener('abort', () => end.reject(abortSignal.reason), { once: true })
          return end.promise
        },
      })
      const { agent, prompts } = agentOf({ erase, slow }, [[call('slow', '1'), call('erase', '2')]])
      return { kept, begun, end, agent, prompts }
    }

    test('P3 when slow do not delay the proposals, nor what is approved meanwhile', async () => {
      const { kept, begun, end, agent, prompts } = slowScene()
      await using api = await serve({ agents: [agent] })
      const { id } = await start(api, { waitMs: 0 })
      await begun.promise
      const [approval] = await listApprovals(api, { runId: id })
      expect(approval).toMatchObject({ status: 'PENDING', toolName: 'erase' })
      await decide(api, approval.id)
      // The approved call ends while the slow one still runs.
      const between = await until(api, id, 'ToolCallFinished')
      expect(kept.inputs()).toEqual([{ id: '2' }])
      expect(between.status).toBe('RUNNING')
      expect(callsOf(between).map(({ status }) => status)).toEqual(['RUNNING', 'SUCCEEDED'])
      end.resolve('at last')
      expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      expect(heard(prompts[1]).map(({ output }) => output)).toMatchObject([{ value: 'at last' }, { value: 'done' }])
    })

    test('P3 when slow do not delay a cancel', async () => {
      const { kept, begun, agent } = slowScene()
      await using api = await serve({ agents: [agent] })
      const { id } = await start(api, { waitMs: 0 })
      await begun.promise
      expect(await cancel(api, id)).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
      expect(await listApprovals(api, { runId: id })).toMatchObject([{ status: 'CANCELLED' }])
      expect(kept.made).toEqual([])
    })
  })
})
