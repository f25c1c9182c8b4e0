import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { AnyData } from '../support/client.ts'
import type { TestServer } from '../support/test-server.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, finished, readRun, restart, start } from './support/api.ts'
import * as documents from './support/documents.ts'
import { bodyOf, nested, refusedOfPeople, sortedJson, takenFromPeople } from './support/hostile-json.ts'
import { forEachStore } from './support/stores.ts'

// What people fill in and what they bring from elsewhere, as approvers and as requesters.

/** Each stands one level deep in the values. */
const taken: typeof takenFromPeople = { ...takenFromPeople, '100 levels': [nested(99)] }
/** For a result, which may be any JSON. */
const { 'a list': _, 'a string that holds JSON': __, ...refused } = refusedOfPeople
const tiers = ['required', 'audit'] as const

function scene() {
  const kept = ledger()
  const tools = tiers.flatMap((approval) => [
    [
      `fill_${approval}`,
      {
        inputSchema: z.object({ to: z.string(), data: z.looseObject({}) }),
        pause: 'user-input',
        userInput: ['data'],
        approval,
        execute: kept.enter,
      },
    ] as const,
    [`ship_${approval}`, { inputSchema: z.object({ to: z.string() }), pause: 'external-execution', approval }] as const,
  ])
  const turn = tools.map(([call]) => ({ call, input: { to: 'Riley' } }))
  return { kept, ...agentOf(Object.fromEntries(tools), [turn]) }
}
const values = (text: string) => `{"approve":{"values":{"data":${text}}}}`
const outcome = (text: string) => `{"approve":{"outcome":{"success":{"result":${text}}}}}`

async function send(api: TestServer, document: string, input: string, as: string): Promise<AnyData> {
  const answer = await api.post(bodyOf(document, input), { authorization: `Bearer ${as}` })
  return await answer.json()
}
const resolveWith = (api: TestServer, id: string, decision: string) =>
  send(api, documents.resolveApproval, `{"approvalId":"${id}","decision":${decision}}`, 'approver-1')
const answerWith = (api: TestServer, runId: string, decisions: Record<string, string>) => {
  const answers = Object.entries(decisions).map(([id, decision]) => `{"callId":"${id}","decision":${decision}}`)
  return send(api, documents.continueRun, `{"runId":"${runId}","answers":[${answers}]}`, 'requester-1')
}

forEachStore(({ serve }) => {
  describe('C17 hostile JSON in answers', () => {
    test.each(Object.entries(taken))(
      'C17 %s in values and in results come back as they were',
      async (_, [text, back = text]) => {
        const { kept, agent, prompts } = scene()
        await using api = await serve({ agents: [agent] })
        const run = await start(api)
        const [fillRequired, shipRequired, fillAudit, shipAudit] = callsOf(run)
        const decided = [
          await resolveWith(api, fillRequired.approval.id, values(text)),
          await resolveWith(api, shipRequired.approval.id, outcome(text)),
        ]
        for (const { data } of decided) expect(data.resolveApproval.__typename).toBe('ResolveApprovalSuccess')
        const answered = await answerWith(api, run.id, { [fillAudit.id]: values(text), [shipAudit.id]: outcome(text) })
        expect(answered.data.continueRun.__typename).toBe('ContinueRunSuccess')
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
        await restart(api)

        const over = await readRun(api, run.id)
        const whole = sortedJson(JSON.parse(`{"to":"Riley","data":${back}}`))
        const own = sortedJson(JSON.parse(back))
        const [one, two, three, four] = callsOf(over)
        expect([one, three].map((call) => sortedJson(call.arguments))).toEqual([whole, whole])
        expect(kept.inputs().map(sortedJson)).toEqual([whole, whole])
        expect([two, four].map((call) => sortedJson(call.result))).toEqual([own, own])
        for (const { kind, resolution } of approvalsOf(over)) {
          expect(sortedJson(kind === 'USER_INPUT' ? resolution.values.data : resolution.result)).toBe(own)
        }
        expect(approvalsOf(over)).toHaveLength(4)
        const told = prompts[1]?.at(-1)?.content as unknown as { output: { type: string; value: unknown } }[]
        expect([told[1], told[3]].map((part) => sortedJson(part?.output))).toEqual(
          Array(2).fill(sortedJson({ type: 'json', value: JSON.parse(back) })),
        )
        expect(({} as Record<string, unknown>).polluted).toBeUndefined()
      },
    )

    test('C17 what no JSON may have is refused in values and in results, and nothing of it is applied', async () => {
      const { kept, agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [fillRequired, shipRequired, fillAudit, shipAudit] = callsOf(run)
      for (const text of Object.values(refused)) {
        for (const answer of [
          await resolveWith(api, fillRequired.approval.id, values(text)),
          await resolveWith(api, shipRequired.approval.id, outcome(text)),
          await answerWith(api, run.id, { [fillAudit.id]: values('{}'), [shipAudit.id]: outcome(text) }),
          await answerWith(api, run.id, { [shipAudit.id]: outcome('1'), [fillAudit.id]: values(text) }),
        ]) {
          expect(answer, text.slice(0, 20)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
        }
      }
      for (const text of ['[1]', '"{}"', 'null', '7']) {
        const one = await resolveWith(api, fillRequired.approval.id, values(text))
        expect(one.data.resolveApproval).toMatchObject({ __typename: 'InvalidInputError' })
        const other = await answerWith(api, run.id, { [shipAudit.id]: outcome('1'), [fillAudit.id]: values(text) })
        expect(other.data.continueRun).toMatchObject({ __typename: 'InvalidInputError' })
      }
      expect(await readRun(api, run.id)).toEqual(run)
      expect([kept.made.length, prompts.length]).toEqual([0, 1])
    })
  })
})
