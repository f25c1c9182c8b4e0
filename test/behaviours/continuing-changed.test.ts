import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { ToolRecord } from '../../src/agents/define-agent.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { callsOf, continueRun, decide, finished, resolve, restart, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const asked = [
  [
    { call: 'erase', input: { id: 'a' } },
    { call: 'look', input: { id: 'b' } },
  ],
]

forEachStore(({ serve }) => {
  describe('C11 a tool that changes between pause and resume', () => {
    const kept = ledger()
    const one = z.object({ id: z.string() })
    const gated = { inputSchema: one, approval: 'required', execute: kept.enter } as const
    const look = tool({ inputSchema: one, execute: () => 'seen' })
    const before = { erase: tool(gated), look }
    const plain = { inputSchema: one, pause: 'confirmation', execute: kept.enter } as const

    const changed: Record<string, ToolRecord> = {
      removed: { look },
      'a new parameter': {
        look,
        erase: tool({ ...gated, inputSchema: z.object({ id: z.string(), force: z.boolean().default(true) }) }),
      },
      'a parameter of another type': {
        look,
        erase: tool({ ...gated, inputSchema: z.object({ id: z.string().or(z.number()) }) }),
      },
      'a description of a parameter': {
        look,
        erase: tool({ ...gated, inputSchema: z.object({ id: z.string().describe('Everything!') }) }),
      },
      'a name alone': { look, Erase: tool(gated) },
    }
    test.each(Object.entries(changed))(
      'C11 %s: the call fails with an error that says so, and the run goes on',
      async (_, tools) => {
        const first = agentOf(before, asked)
        await using api = await serve({ agents: [first.agent] })
        const run = await start(api)
        const second = agentOf(tools, asked)
        await restart(api, { agents: [second.agent] })
        const [erase] = callsOf(run)
        expect(
          await resolve(api, erase.approval.id, { decision: { approve: { arguments: { id: 'edited' } } } }),
        ).toMatchObject({
          __typename: 'InvalidInputError',
          issues: [{ path: ['approve', 'arguments'] }],
        })
        await decide(api, erase.approval.id)
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
        expect(heard(second.prompts[0]).map(({ output }) => output)).toEqual([
          { type: 'error-text', value: expect.stringMatching(/did not run: .*(no longer there|have changed)/) },
          { type: 'text', value: 'seen' },
        ])
        expect(kept.made).toEqual([])
      },
    )

    test.each<[string, object]>([
      ['a plain pause', plain],
      ['an audit', { ...plain, approval: 'audit' }],
    ])('C11 %s that became one for an approver: the requester’s answer does not run it', async (_, earlier) => {
      const first = agentOf({ erase: earlier, look }, asked)
      await using api = await serve({ agents: [first.agent] })
      const run = await start(api)
      const second = agentOf(before, asked)
      await restart(api, { agents: [second.agent] })
      const answers = [{ callId: callsOf(run)[0].id, decision: { approve: {} } }]
      expect(await continueRun(api, run.id, { answers })).toMatchObject({ run: { status: 'COMPLETED' } })
      const [erase] = heard(second.prompts[0])
      expect(erase?.output).toMatchObject({
        type: 'error-text',
        value: expect.stringContaining('guarded more strictly'),
      })
      expect(kept.made).toEqual([])
    })

    test('C11 what it is said to do, and what it does, may change: it runs as it is now', async () => {
      const now = ledger()
      const first = agentOf(before, asked)
      await using api = await serve({ agents: [first.agent] })
      const run = await start(api)
      const erase = tool({ ...gated, description: 'Erases, better.', execute: now.enter })
      await restart(api, { agents: [agentOf({ erase, look }, asked).agent] })
      await decide(api, callsOf(run)[0].approval.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect([kept.made, now.inputs()]).toEqual([[], [{ id: 'a' }]])
    })
  })
})
