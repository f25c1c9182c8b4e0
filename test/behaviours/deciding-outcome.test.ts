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
  readApproval,
  readRun,
  resolve,
  restart,
  start,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

forEachStore(({ serve }) => {
  describe('R6 an approver edits the arguments', () => {
    const proposed = { to: 'a@example.com', amount: 21, options: { urgent: true } }
    function scene() {
      const kept = ledger()
      const asked: unknown[] = []
      const inputSchema = z.object({
        to: z.email(),
        amount: z.number().max(100),
        options: z.object({ urgent: z.boolean(), copies: z.number().default(1) }),
      })
      const send = tool({
        inputSchema,
        approval: 'required',
        when: (input) => asked.push(input) > 0,
        execute: (input, options) => {
          kept.enter(input, options)
          return { sent: input.to }
        },
      })
      const { agent, prompts } = agentOf({ send }, [[{ call: 'send', input: proposed }]])
      return { kept, asked, prompts, agents: [agent] }
    }
    const completed = { ...proposed, options: { urgent: true, copies: 1 } }
    const edited = { to: 'b@example.com', amount: 42, options: { urgent: false, copies: 3 } }
    const approve = (args: unknown) => ({ decision: { approve: { arguments: args } } })

    test('R6 both are on record, the tool runs with the edited ones, and the model is told', async () => {
      const { kept, asked, prompts, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [before] = approvalsOf(run)
      const after = await decide(api, before.id, { ...approve(edited), expectedFingerprint: before.fingerprint })
      expect(after).toMatchObject({
        ...{
          status: 'APPROVED',
          arguments: completed,
          fingerprint: before.fingerprint,
          inputSchema: before.inputSchema,
        },
        resolution: { arguments: edited },
      })
      await restart(api)
      expect((await continueRun(api, run.id)).run).toMatchObject({ status: 'COMPLETED' })
      const over = await readRun(api, run.id)
      expect(callsOf(over)).toMatchObject([
        { arguments: edited, status: 'SUCCEEDED', result: { sent: 'b@example.com' } },
      ])
      expect(approvalsOf(over)).toEqual([after])
      expect([kept.inputs(), asked]).toEqual([[edited], [completed]])
      const [{ output } = { output: null }] = heard(prompts[1])
      expect(output).toEqual({
        type: 'json',
        value: { note: expect.stringMatching(/changed/), arguments: edited, result: { sent: 'b@example.com' } },
      })
    })

    const wrong: Record<string, [unknown, string[]]> = {
      'a wrong type': [{ ...edited, amount: '42' }, ['amount']],
      'a value that is not allowed': [{ ...edited, amount: 101 }, ['amount']],
      'a missing parameter': [{ to: 'b@example.com', options: { urgent: true } }, ['amount']],
      'an unknown parameter': [{ ...edited, cc: 'c@example.com' }, ['cc']],
      'an unknown parameter, deep inside': [{ ...edited, options: { urgent: true, later: 1 } }, ['options', 'later']],
      'null for a parameter': [{ ...edited, options: null }, ['options']],
      'nothing at all': [{}, ['to']],
    }
    test.each(Object.entries(wrong))(
      'R6 is refused with issues for %s, and the record stays as it was',
      async (_, [args, at]) => {
        const { kept, agents } = scene()
        await using api = await serve({ agents })
        const [approval] = approvalsOf(await start(api))
        const answer = await resolve(api, approval.id, approve(args))
        expect(answer.__typename).toBe('InvalidInputError')
        expect(answer.issues.map(({ path }: { path: string[] }) => path)).toContainEqual([
          'approve',
          'arguments',
          ...at,
        ])
        for (const { message } of answer.issues) expect(message).not.toBe('')
        expect(await readApproval(api, approval.id)).toEqual(approval)
        expect(kept.made).toEqual([])
      },
    )

    test('R6 what was left out is filled in, and an edit that changes nothing is none', async () => {
      const { kept, prompts, agents } = scene()
      await using api = await serve({ agents })
      const [one, two] = [await start(api), await start(api)]
      const [first] = approvalsOf(one)
      const [second] = approvalsOf(two)
      const filled = { ...edited, options: { urgent: false, copies: 1 } }
      const half = await decide(api, first.id, approve({ ...edited, options: { urgent: false } }))
      expect(half.resolution.arguments).toEqual(filled)
      await finished(api, one.id)
      const same = await decide(
        api,
        second.id,
        approve({ options: { copies: 1, urgent: true }, amount: 21, to: proposed.to }),
      )
      expect(same.resolution.arguments).toBe(null)
      await finished(api, two.id)
      expect(kept.inputs()).toEqual([filled, completed])
      expect(heard(prompts.at(-1))).toMatchObject([{ output: { type: 'json', value: { sent: 'a@example.com' } } }])
    })

    test('R6 what the approver wrote is what runs: a schema that changes its value does not change it again', async () => {
      const kept = ledger()
      const inputSchema = z.object({ amount: z.number().overwrite((amount) => amount * 2) })
      const pay = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { amount: 10 } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      expect(approval.arguments).toEqual({ amount: 20 })
      expect((await decide(api, approval.id, approve({ amount: 30 }))).resolution.arguments).toEqual({ amount: 30 })
      await finished(api, run.id)
      expect(kept.inputs()).toEqual([{ amount: 30 }])
    })

    test('R6 the schema holds inside lists too: what is unknown there is refused, what was left out is filled in', async () => {
      const kept = ledger()
      const line = z.object({ item: z.string(), count: z.number().default(1) })
      const order = tool({ inputSchema: z.object({ lines: z.array(line) }), approval: 'required', execute: kept.enter })
      const { agent } = agentOf({ order }, [[{ call: 'order', input: { lines: [] } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      const unknown = await resolve(api, id, approve({ lines: [{ item: 'a', count: 1, price: 0 }] }))
      expect.soft(unknown.__typename).toBe('InvalidInputError')
      await resolve(api, id, approve({ lines: [{ item: 'a' }] }))
      await finished(api, run.id)
      expect(kept.inputs()).toEqual([{ lines: [{ item: 'a', count: 1 }] }])
    })

    test('R6 the tool gets values of the types that its schema gives', async () => {
      const kept = ledger()
      const inputSchema = z.object({ amount: z.coerce.number() })
      const pay = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { amount: '10' } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id, arguments: shown }] = approvalsOf(run)
      expect(shown).toEqual({ amount: 10 })
      const answer = await resolve(api, id, approve({ amount: '30' }))
      if (answer.__typename === 'InvalidInputError') await decide(api, id, approve({ amount: 30 }))
      await finished(api, run.id)
      expect(kept.inputs()).toEqual([{ amount: 30 }])
    })

    test('R6 a rejection edits nothing, and neither values nor an outcome belong to a confirmation', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const [approval] = approvalsOf(await start(api))
      const refused = { __typename: 'InvalidInputError' }
      for (const extra of [{ values: {} }, { outcome: { success: { result: 1 } } }]) {
        expect(await resolve(api, approval.id, { decision: { approve: extra } })).toMatchObject(refused)
      }
      for (const reconcile of [{ runAgain: { confirm: true } }, { happened: { success: { result: 1 } } }]) {
        expect(await resolve(api, approval.id, { decision: { reconcile } })).toMatchObject(refused)
      }
      expect(await readApproval(api, approval.id)).toEqual(approval)
      expect(kept.made).toEqual([])
    })
  })

  describe('R9 a rejected call never runs, the model hears why, and the run goes on', () => {
    const inputSchema = z.object({ id: z.string() })
    function scene(setting: { approval: 'required' } | { pause: 'confirmation' }) {
      const kept = ledger()
      const erase = tool({ inputSchema, ...setting, execute: kept.enter })
      const { agent, prompts } = agentOf({ erase }, [[{ call: 'erase', input: { id: 'a' } }]])
      return { kept, prompts, agents: [agent] }
    }
    const message = 'Not this user: "u_42" \u{1f6ab}\nAsk <b>me</b>.'

    test('R9 by an approver, with a message; the note is not for the model', async () => {
      const { kept, prompts, agents } = scene({ approval: 'required' })
      await using api = await serve({ agents })
      const run = await start(api)
      const decision = { reject: { message } }
      const approval = await decide(api, approvalsOf(run)[0].id, { decision, note: 'A secret among approvers.' })
      expect(approval.resolution).toMatchObject({ message, note: 'A secret among approvers.' })
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(callsOf(over)).toMatchObject([{ status: 'REJECTED', result: null, startedAt: null }])
      const [{ output } = { output: null }] = heard(prompts[1])
      expect(output).toEqual({ type: 'error-text', value: expect.stringContaining(message) })
      expect(JSON.stringify(prompts)).not.toContain('secret')
      await restart(api)
      expect(kept.made).toEqual([])
    })

    test('R9 by an approver who says nothing', async () => {
      const { kept, prompts, agents } = scene({ approval: 'required' })
      await using api = await serve({ agents })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id, { decision: { reject: {} } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(heard(prompts[1])).toMatchObject([
        { output: { type: 'error-text', value: expect.stringMatching(/reject/) } },
      ])
      expect(JSON.stringify(prompts[1])).not.toMatch(/null|undefined/)
      expect(kept.made).toEqual([])
    })

    test('R9 by the requester, where the requester decides', async () => {
      const { kept, prompts, agents } = scene({ pause: 'confirmation' })
      await using api = await serve({ agents })
      const run = await start(api)
      expect(approvalsOf(run)).toEqual([])
      const answers = [{ callId: callsOf(run)[0].id, decision: { reject: { message } }, note: 'A secret.' }]
      const { run: over } = await continueRun(api, run.id, { answers })
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(over)).toMatchObject([{ status: 'REJECTED', result: null }])
      expect(heard(prompts[1])).toMatchObject([{ output: { value: expect.stringContaining(message) } }])
      expect(JSON.stringify(prompts)).not.toContain('secret')
      expect(kept.made).toEqual([])
    })
  })
})
