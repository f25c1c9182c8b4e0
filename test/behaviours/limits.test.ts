import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { usedTokens } from '../support/used-tokens.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  eventsOf,
  finished,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  typesOf,
} from './support/api.ts'
import { ask, childOf } from './support/nested.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })

/** A tool that never ends, whatever its signal says. */
function endless(more: object = {}) {
  const kept = ledger()
  const entered = Promise.withResolvers<AbortSignal | undefined>()
  const hold = tool({
    inputSchema,
    execute(input, options) {
      kept.enter(input, options)
      entered.resolve(options.abortSignal)
      return new Promise<never>(() => {})
    },
    ...more,
  })
  return { hold, kept, entered: entered.promise }
}

forEachStore(({ serve }) => {
  test('the time of a call is its tool’s timeout, whatever the tool does then: the model hears that it may have happened, and it is not made again', async () => {
    const tools = {
      hold: endless({ timeout: '100ms' }),
      again: endless({ timeout: '100ms', idempotent: true }),
      asked: endless({ timeout: '100ms', reconcile: () => ({ happened: false }) }),
    }
    const { hold, again, asked } = tools
    const turn = Object.keys(tools).map((name) => call(name, name))
    const { agent, prompts } = agentOf({ hold: hold.hold, again: again.hold, asked: asked.hold }, [turn])
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    expect(run).toMatchObject({ status: 'COMPLETED' })
    const error = 'The call took longer than 0.1 seconds. It was told to stop, and the call may have happened.'
    expect(callsOf(run)).toMatchObject(turn.map(() => ({ status: 'FAILED', result: null, error })))
    expect(heard(prompts[1])).toMatchObject(turn.map(() => ({ output: { type: 'error-text', value: error } })))
    await restart(api)
    expect(await readRun(api, run.id)).toEqual(run)
    // Whoever asks the signal, and does not listen, may do so long afterwards.
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    for (const [id, { kept, entered }] of Object.entries(tools)) {
      expect((await entered)?.aborted).toBe(true)
      expect(kept.inputs()).toEqual([{ id }])
    }
  })

  test('R16 the time of a run ends it with TIMED_OUT: what is under way is stopped and on record, what waits is CANCELLED, and nothing goes on', async () => {
    const own = endless()
    const within = endless()
    const inner = agentOf({ hold: within.hold }, [[call('hold', 'within')]], { name: 'inner' })
    const erase = tool({ inputSchema, approval: 'required', execute: own.kept.enter })
    const agent = defineAgent({
      name: 'agent',
      model: scriptedModel([[call('hold', 'a'), call('erase', 'b'), ask('Go.')]]),
      tools: { hold: own.hold, erase, ask: asTool(inner.agent) },
      // Long enough to begin all of it on a slow machine.
      timeout: '3s',
    })
    await using api = await serve({ agents: [agent], graceMs: 500 })
    const { id } = await start(api, { waitMs: 0 })
    const signals = await Promise.all([own.entered, within.entered])
    const run = await finished(api, id)
    const message = 'The run took longer than 3 seconds.'
    expect(run).toMatchObject({ status: 'FAILED', requirements: [], error: { code: 'TIMED_OUT', message } })
    const error = `${message} It was told to stop, and the call may have happened.`
    expect(callsOf(run)).toMatchObject([
      { status: 'FAILED', error },
      { status: 'CANCELLED', result: null },
      { status: 'CANCELLED', result: null },
    ])
    expect(typesOf(await eventsOf(api, id)).slice(-2)).toEqual(['ToolCallFinished', 'RunFailed'])
    const [approval] = approvalsOf(run)
    expect(approval).toMatchObject({ status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } })
    expect(await resolve(api, approval.id)).toMatchObject({ __typename: 'ApprovalConflictError' })
    // Whose tool ignores its signal: that is waited for, as when anybody cancels it.
    expect(await childOf(api, id)).toMatchObject({ status: 'RUNNING' })
    await expect.poll(() => signals.map((signal) => signal?.aborted)).toEqual([true, true])

    expect(await continueRun(api, id)).toMatchObject({
      __typename: 'RunStateError',
      message: `The run is FAILED (TIMED_OUT) and cannot be continued. ${message}`,
    })
    expect(await readRun(api, id)).toEqual(run)
    expect(await readApproval(api, approval.id)).toEqual(approval)
    expect([own.kept.inputs(), within.kept.inputs()]).toEqual([[{ id: 'a' }], [{ id: 'within' }]])
  })

  test('the tokens of a run are those of all its answers: once they are used up it fails with LIMIT_EXCEEDED, and is not continued', async () => {
    const kept = ledger()
    const look = tool({ inputSchema, execute: kept.enter })
    const model = scriptedModel(() => [call('look', 'a'), usedTokens(60, 40)])
    const agent = defineAgent({ name: 'agent', model, tools: { look }, maxTotalTokens: 200 })
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const message = 'The run has taken 200 tokens of 200 without coming to an end.'
    expect(run).toMatchObject({ status: 'FAILED', error: { code: 'LIMIT_EXCEEDED', message } })
    expect(typesOf(await eventsOf(api, run.id)).slice(-2)).toEqual(['ToolCallFinished', 'RunFailed'])
    expect(await continueRun(api, run.id)).toMatchObject({
      __typename: 'RunStateError',
      message: `The run is FAILED (LIMIT_EXCEEDED) and cannot be continued. ${message}`,
    })
    expect(kept.made).toHaveLength(2)
  })
})
