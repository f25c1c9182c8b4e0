import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, heard } from './support/agents.ts'
import { approvalsOf, callsOf, decide, finished, person, readApproval, resolve, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })

function scene() {
  const ship = { description: 'Ships.', inputSchema, approval: 'required', pause: 'external-execution' }
  return agentOf({ ship }, [[{ call: 'ship', input: { id: 'a' } }]])
}

forEachStore(({ serve }) => {
  describe('R8 a call that is made elsewhere', () => {
    const json = (value: unknown) => ({ type: 'json', value })
    const outcomes: Record<string, [outcome: object, result: unknown, told: object]> = {
      'a result': [
        { success: { result: { parcel: 'P-7', items: [1, null] } } },
        { parcel: 'P-7', items: [1, null] },
        json({ parcel: 'P-7', items: [1, null] }),
      ],
      'a text': [{ success: { result: 'On its way.' } }, 'On its way.', { type: 'text', value: 'On its way.' }],
      false: [{ success: { result: false } }, false, json(false)],
      'an empty list': [{ success: { result: [] } }, [], json([])],
      'a result of null': [{ success: { result: null } }, null, json(null)],
      'no result': [{ success: {} }, null, json(null)],
    }
    test.each(Object.entries(outcomes))(
      'R8 ends with %s, which the record shows and the model hears',
      async (_, [outcome, result, told]) => {
        const { agent, prompts } = scene()
        await using api = await serve({ agents: [agent] })
        const run = await start(api)
        const [{ id }] = approvalsOf(run)
        const approval = await decide(api, id, { decision: { approve: { outcome } }, note: 'By courier.' })
        expect(approval).toMatchObject({
          status: 'APPROVED',
          arguments: { id: 'a' },
          resolution: { result, error: null, values: null, arguments: null, note: 'By courier.' },
        })
        const over = await finished(api, run.id)
        expect(over).toMatchObject({ status: 'COMPLETED' })
        expect(callsOf(over)).toMatchObject([{ status: 'SUCCEEDED', result, error: null, startedAt: null }])
        expect(heard(prompts[1])).toMatchObject([{ tool: 'ship', output: told }])
      },
    )

    test('R8 fails with a message, which is the error that the model hears, and the run goes on', async () => {
      const { agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const message = 'Out of "stock" \u{1f4e6}.'
      const decision = { approve: { outcome: { failure: { message } } } }
      const approval = await decide(api, approvalsOf(run)[0].id, { decision })
      expect(approval).toMatchObject({ status: 'APPROVED', resolution: { result: null, error: message } })
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(over)).toMatchObject([{ status: 'FAILED', result: null, error: message }])
      expect(heard(prompts[1])).toMatchObject([{ output: { type: 'error-text', value: message } }])
    })

    test('R8 needs exactly one outcome: else it is refused with issues, and the record stays PENDING', async () => {
      const { agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      const success = { result: 1 }
      const failure = { message: 'x' }
      const wrong: [approve: object, path: string[]][] = [
        [{}, ['outcome']],
        [{ outcome: null }, ['outcome']],
        [{ values: { id: 'a' } }, ['values']],
        [{ outcome: { success }, values: {} }, ['values']],
        [{ outcome: { success }, arguments: { id: 'b' } }, ['arguments']],
        [{ outcome: { failure: { message: 'x'.repeat(10_001) } } }, ['outcome', 'failure', 'message']],
        [{ outcome: { success: { result: 'x'.repeat(1024 * 1024) } } }, ['outcome', 'success', 'result']],
      ]
      for (const [approve, path] of wrong) {
        const answer = await resolve(api, approval.id, { decision: { approve } })
        expect(answer.__typename).toBe('InvalidInputError')
        expect(answer.issues.map((issue: { path: string[] }) => issue.path)).toContainEqual(['approve', ...path])
      }
      // What GraphQL's types refuse already is refused to the library too.
      for (const outcome of [
        {},
        { success, failure },
        { success: 1 },
        { success: { result: 1, more: 2 } },
        { failure: {} },
        { failure: { message: 1 } },
        { succes: success },
        'done',
        [],
      ]) {
        const decision = { approve: { outcome } } as never
        expect(
          await api.server.approvals.resolve(person('approver-1'), { approvalId: approval.id, decision }),
        ).toMatchObject({
          __typename: 'InvalidInputError',
        })
        await expect(resolve(api, approval.id, { decision })).rejects.toThrow(/outcome|CallOutcomeInput/)
      }
      expect(await readApproval(api, approval.id)).toEqual(approval)
      expect(prompts).toHaveLength(1)
    })
  })
})
