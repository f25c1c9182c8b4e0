import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Agent } from '../../src/agents/agent.ts'
import type { AnyData, Client } from '../support/client.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, continueRun, decide, finished, resolve, restart, start, until } from './support/api.ts'
import { eachPause, input, inputSchema, type Pause, pauses } from './support/pauses.ts'
import { forEachStore } from './support/stores.ts'

// A tool that changes between the proposal and the decision, or between the decision and the call: what was approved was another one.

const kept = ledger()
const definition = (pause: Pause) => ({
  inputSchema,
  execute: kept.enter,
  ...pauses[pause].fields,
  approval: 'required',
})

/** What becomes of the tool, for each an agent of its own. */
const changes: Record<string, (pause: Pause) => object | null> = {
  gone: () => null,
  'a-new-field': (pause) => ({
    ...definition(pause),
    inputSchema: inputSchema.extend({ fast: z.boolean().default(true) }),
  }),
  'a-field-less': (pause) => ({ ...definition(pause), inputSchema: inputSchema.partial({ to: true }) }),
  'another-type': (pause) => ({
    ...definition(pause),
    inputSchema: inputSchema.extend({ to: z.union([z.string(), z.number()]) }),
  }),
  'another-meaning': (pause) => ({
    ...definition(pause),
    inputSchema: inputSchema.extend({ to: z.string().describe('All of these.') }),
  }),
  'other-fields-for-a-person': (pause) => ({
    ...definition(pause),
    execute: kept.enter,
    pause: 'user-input',
    userInput: ['to'],
  }),
}

forEachStore(({ serve }) => {
  const agents = (tool: (name: string) => object | null): Agent[] =>
    Object.keys(changes).map((name) => {
      const pay = tool(name)
      return agentOf(pay === null ? {} : { pay }, [[{ call: 'pay', input }]], { name }).agent
    })

  describe.each(eachPause)('a required call, %s, whose tool has changed', (pause) => {
    const { approve } = pauses[pause]

    const pausedRuns = (api: Client): Promise<AnyData[]> =>
      Promise.all(Object.keys(changes).map((agentName) => start(api, { agentName, resumeMode: 'MANUAL' })))
    /** Continued, nothing has run, and where it was approved the model hears that it did not. */
    async function expectNotRun(api: Client, run: AnyData, verdict: string) {
      expect(await continueRun(api, run.id)).toMatchObject({ __typename: 'ContinueRunSuccess' })
      const over = await finished(api, run.id)
      const [call] = callsOf(over)
      expect([over.status, call.status, kept.times(call.id)]).toEqual([
        'COMPLETED',
        verdict === 'APPROVED' ? 'FAILED' : verdict,
        0,
      ])
      if (verdict === 'APPROVED') expect(call.error).toMatch(/did not run: .*(no longer there|have changed)/)
    }

    test('before it was decided does not run, and cannot be completed any more', async () => {
      await using api = await serve({ agents: agents(() => definition(pause)) })
      const runs = await pausedRuns(api)
      await restart(api, { agents: agents((name) => changes[name]?.(pause) ?? null) })
      for (const run of runs) {
        const [{ id }] = approvalsOf(run)
        const answer = await resolve(api, id, { decision: { approve } })
        expect(answer.__typename).toBe(pause === 'user-input' ? 'InvalidInputError' : 'ResolveApprovalSuccess')
        if (pause === 'user-input') await decide(api, id, { decision: { reject: {} } })
        await expectNotRun(api, run, pause === 'user-input' ? 'REJECTED' : 'APPROVED')
      }
    })

    test('after it was approved does not run', async () => {
      await using api = await serve({ agents: agents(() => definition(pause)) })
      const runs = await pausedRuns(api)
      for (const run of runs) {
        await decide(api, approvalsOf(run)[0].id, { decision: { approve } })
        await until(api, run.id, 'ToolCallsDecided')
      }
      await restart(api, { agents: agents((name) => changes[name]?.(pause) ?? null) })
      for (const run of runs) await expectNotRun(api, run, 'APPROVED')
    })
  })

  test('a call that was to be made here and is now made elsewhere is not made, and the other way round it is not made here', async () => {
    const agentsOf = (here: Pause, elsewhere: Pause) => [
      agentOf({ pay: definition(here) }, [[{ call: 'pay', input }]], { name: 'here' }).agent,
      agentOf({ pay: definition(elsewhere) }, [[{ call: 'pay', input }]], { name: 'elsewhere' }).agent,
    ]
    await using api = await serve({ agents: agentsOf('confirmation', 'external-execution') })
    const [here, elsewhere] = [await start(api, { agentName: 'here' }), await start(api, { agentName: 'elsewhere' })]
    await restart(api, { agents: agentsOf('external-execution', 'confirmation') })
    await decide(api, approvalsOf(here)[0].id)
    await decide(api, approvalsOf(elsewhere)[0].id, { decision: { approve: pauses['external-execution'].approve } })
    expect(callsOf(await finished(api, here.id))).toMatchObject([
      { status: 'FAILED', error: expect.stringContaining('executed elsewhere now') },
    ])
    expect(callsOf(await finished(api, elsewhere.id))).toMatchObject([{ status: 'SUCCEEDED', result: 'paid' }])
    expect([here, elsewhere].map((run) => kept.times(callsOf(run)[0].id))).toEqual([0, 0])
  })
})
