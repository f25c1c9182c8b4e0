import { jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { askUser } from '../../src/agents/ask-user.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, continueRun, decide, finished, readRun, resolve, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({
  to: z.string(),
  amount: z.object({ euros: z.number().positive(), cents: z.number().int().default(0) }),
  note: z.string().optional(),
})
const approve = (values: unknown, more = {}) => ({ approve: { values, ...more } })

/** What the model is told of a tool's input. */
async function shownToModel(definition: object) {
  const shown: unknown[] = []
  const { agent } = agentOf({ pay: definition }, [])
  const doStream = agent.model.doStream.bind(agent.model)
  Object.assign(agent.model, {
    doStream(options: Parameters<typeof doStream>[0]) {
      shown.push(options.tools)
      return doStream(options)
    },
  })
  return { agent, shown }
}

forEachStore(({ serve }) => {
  describe('D5 fields that a person fills', () => {
    test.each<[string, string[] | undefined, string[]]>([
      ['some', ['amount'], ['to', 'note']],
      ['all, without a list', undefined, []],
      ['all, with an empty one', [], []],
    ])('D5 are hidden from the model, and the others are left to it: %s', async (_, userInput, left) => {
      const pay = { inputSchema, execute: () => 'paid', pause: 'user-input', ...(userInput && { userInput }) }
      const { agent, shown } = await shownToModel(pay)
      await using api = await serve({ agents: [agent] })
      await start(api)
      const [[{ inputSchema: told }]] = shown as [[{ inputSchema: { properties: object; required?: string[] } }]]
      expect(Object.keys(told.properties)).toEqual(left)
      expect(told.required ?? []).toEqual(left.filter((field) => field === 'to'))
    })

    test('D5 what a model says of them all the same is left out', async () => {
      const kept = ledger()
      const pay = tool({ inputSchema, execute: kept.enter, pause: 'user-input', userInput: ['amount'] })
      const input = { to: 'Riley', amount: { euros: 1_000_000 } }
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run.requirements[0].toolCall.arguments).toEqual({ to: 'Riley' })
      const [{ callId }] = run.requirements
      await continueRun(api, run.id, { answers: [{ callId, decision: approve({ amount: { euros: 2 } }) }] })
      expect(kept.inputs()).toEqual([{ to: 'Riley', amount: { euros: 2, cents: 0 } }])
    })
  })

  describe('R7 values', () => {
    const scene = (definition = inputSchema as never) => {
      const kept = ledger()
      const pay = {
        inputSchema: definition,
        execute: kept.enter,
        approval: 'required',
        pause: 'user-input',
        userInput: ['amount', 'note'],
      }
      return { kept, ...agentOf({ pay }, [[{ call: 'pay', input: { to: 'Riley' } }]]) }
    }

    test.each<[string, unknown, string[]]>([
      ['none', undefined, ['approve', 'values']],
      ['a missing one', {}, ['approve', 'values', 'amount']],
      ['a wrong type', { amount: 5 }, ['approve', 'values', 'amount']],
      ['a wrong one inside', { amount: { euros: -1 } }, ['approve', 'values', 'amount', 'euros']],
      ['an unknown one', { amount: { euros: 1 }, iban: 'x' }, ['approve', 'values', 'iban']],
      ['one that is the model’s', { amount: { euros: 1 }, to: 'Eve' }, ['approve', 'values', 'to']],
      ['a list', [], ['approve', 'values']],
    ])('R7 that do not fit are refused with issues, and the record stays PENDING: %s', async (_, values, path) => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      const refusal = Array.isArray(values)
        ? await api.server.approvals.resolve(
            { id: 'ada', roles: ['ADMIN'] },
            { approvalId: id, decision: approve(values) },
          )
        : await resolve(api, id, { decision: approve(values) })
      expect(refusal).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path }] })
      expect(approvalsOf(await readRun(api, run.id))).toMatchObject([{ status: 'PENDING', revision: 1 }])
      expect(kept.made).toEqual([])
    })

    test('R7 an approver fills them in and edits the rest; the record shows both, and what ran', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      const decision = approve({ amount: { euros: 3 } }, { arguments: { to: 'Robin' } })
      expect(await decide(api, id, { decision })).toMatchObject({
        arguments: { to: 'Riley' },
        resolution: { arguments: { to: 'Robin' }, values: { amount: { euros: 3, cents: 0 } } },
      })
      await finished(api, run.id)
      expect(kept.inputs()).toEqual([{ to: 'Robin', amount: { euros: 3, cents: 0 } }])
    })

    test('R7 what they filled in is not told to the model with what they edited', async () => {
      const pay = { inputSchema, execute: () => 'paid', approval: 'required', pause: 'user-input', userInput: ['note'] }
      const input = { to: 'Riley', amount: { euros: 2 } }
      const { agent, prompts } = agentOf({ pay }, [[{ call: 'pay', input }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      await decide(api, id, { decision: approve({ note: 'Between us.' }, { arguments: { ...input, to: 'Robin' } }) })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(JSON.stringify(prompts.at(-1))).toContain('Robin')
      expect(JSON.stringify(prompts.at(-1))).not.toContain('Between us.')
    })

    test('R7 a rule over all fields holds for what was filled in', async () => {
      const kept = ledger()
      const checked = inputSchema.refine(
        ({ to, amount }) => to !== 'Riley' || amount.euros < 10,
        'At most 10 to Riley.',
      )
      const pay = { inputSchema: checked, execute: kept.enter, pause: 'user-input', userInput: ['amount'] }
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { to: 'Riley' } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const answer = (euros: number) => ({
        answers: [{ callId: run.requirements[0].callId, decision: approve({ amount: { euros } }) }],
      })
      expect(await continueRun(api, run.id, answer(50))).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ message: 'At most 10 to Riley.' }],
      })
      expect(await continueRun(api, run.id, answer(5))).toMatchObject({ __typename: 'ContinueRunSuccess' })
      expect(kept.inputs()).toMatchObject([{ amount: { euros: 5 } }])
    })

    test('R7 of a plain JSON Schema they are typed as well', async () => {
      const kept = ledger()
      const schema = jsonSchema({
        type: 'object',
        properties: { to: { type: 'string' }, euros: { type: 'integer' } },
        required: ['to', 'euros'],
        additionalProperties: false,
      })
      const pay = { inputSchema: schema, execute: kept.enter, pause: 'user-input', userInput: ['euros'] }
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { to: 'Riley' } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const answer = (euros: unknown) => ({
        answers: [{ callId: run.requirements[0].callId, decision: approve({ euros }) }],
      })
      expect(await continueRun(api, run.id, answer('5'))).toMatchObject({ issues: [{ message: expect.any(String) }] })
      await continueRun(api, run.id, answer(5))
      expect(kept.inputs()).toEqual([{ to: 'Riley', euros: 5 }])
    })

    test('P11 a condition that lets a call go without asking lets only one go that is whole', async () => {
      const kept = ledger()
      const fields = { execute: kept.enter, pause: 'user-input', userInput: ['note'], when: () => false }
      const whole = { inputSchema, ...fields }
      const lacking = { inputSchema, ...fields, userInput: ['amount'] }
      const { agent } = agentOf({ whole, lacking }, [
        [
          { call: 'whole', input: { to: 'Riley', amount: { euros: 1 } } },
          { call: 'lacking', input: { to: 'Riley' } },
        ],
      ])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run.requirements).toMatchObject([{ toolCall: { toolName: 'lacking' } }])
      expect(kept.inputs()).toEqual([{ to: 'Riley', amount: { euros: 1, cents: 0 } }])
    })

    test('P11 a condition is asked of the input that the call would run with: a default is no way around it', async () => {
      const kept = ledger()
      const asked: unknown[] = []
      const pay = {
        inputSchema: z.object({ to: z.string(), euros: z.number().default(500), note: z.string() }),
        execute: kept.enter,
        pause: 'user-input',
        approval: 'required',
        when: (input: { euros: number }) => {
          asked.push(input)
          return input.euros > 20
        },
      }
      const [defaulted, lacking] = [
        { ...pay, userInput: ['euros'] },
        { ...pay, userInput: ['note'] },
      ]
      const calls = [
        { call: 'defaulted', input: { to: 'Riley', note: 'Hi' } },
        { call: 'lacking', input: { to: 'Riley', euros: 5 } },
      ]
      const { agent } = agentOf({ defaulted, lacking }, [calls])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run.status).toBe('PAUSED')
      expect(approvalsOf(run).map(({ status }) => status)).toEqual(['PENDING', 'PENDING'])
      expect(callsOf(run).map((call) => call.arguments)).toEqual(calls.map(({ input }) => input))
      expect(asked).toEqual([{ to: 'Riley', note: 'Hi', euros: 500 }])
      expect(kept.inputs()).toEqual([])
    })

    test('D8 of a call that a condition lets go have their defaults, before it is recorded', async () => {
      const kept = ledger()
      const defaults = z.object({
        to: z.string().overwrite((to) => `${to}!`),
        note: z.string().default('Thank you.'),
        copies: z.object({ of: z.number().default(1) }).prefault({}),
      })
      const pay = {
        inputSchema: defaults,
        execute: kept.enter,
        pause: 'user-input',
        userInput: ['note', 'copies'],
        when: () => false,
      }
      const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { to: 'Riley' } }]])
      await using api = await serve({ agents: [agent] })
      const [call] = callsOf(await start(api))
      const whole = { to: 'Riley!', note: 'Thank you.', copies: { of: 1 } }
      expect([call.status, call.arguments]).toEqual(['SUCCEEDED', whole])
      expect(kept.inputs()).toEqual([whole])
    })
  })

  describe('ask_user', () => {
    const questions = [
      { question: 'Which size?', options: [{ label: 'S' }, { label: 'L', description: 'large' }] },
      { question: 'Which colours?', options: [{ label: 'red' }, { label: 'blue' }], multiple: true },
      { question: 'Anything else?' },
    ]

    test('asks what the model wants to know, and tells it the answers', async () => {
      const { agent, prompts } = agentOf({ ask_user: askUser }, [[{ call: 'ask_user', input: { questions } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ callId, answerSchema, kind, decider }] = run.requirements
      expect({ kind, decider }).toEqual({ kind: 'USER_INPUT', decider: 'REQUESTER' })
      expect(answerSchema.properties.answers).toMatchObject({
        required: ['q1', 'q2', 'q3'],
        properties: {
          q1: { title: 'Which size?', oneOf: [{ const: 'S' }, { const: 'L', description: 'large' }] },
          q2: { type: 'array', items: { oneOf: [{ const: 'red' }, { const: 'blue' }] } },
          q3: { type: 'string', title: 'Anything else?' },
        },
      })
      const answer = (answers: unknown) => ({ answers: [{ callId, decision: approve({ answers }) }] })
      const wrong = [
        {},
        { q1: 'XL', q2: [], q3: 'no' },
        { q1: ['S'], q2: [], q3: 'no' },
        { q1: 'S', q2: 'red', q3: 'no' },
        { q1: 'S', q2: ['red', 'red'], q3: 'no' },
        { q1: 'S', q2: [], q3: '' },
        { q1: 'S', q2: [], q3: 'no', q4: 'x' },
      ]
      for (const answers of wrong) {
        expect(await continueRun(api, run.id, answer(answers))).toMatchObject({ __typename: 'InvalidInputError' })
      }
      await continueRun(api, run.id, answer({ q1: 'L', q2: ['blue', 'red'], q3: 'No, thanks.' }))
      expect(heard(prompts[1])).toMatchObject([
        {
          output: {
            value: [
              { question: 'Which size?', answer: 'L' },
              { question: 'Which colours?', answer: ['blue', 'red'] },
              { question: 'Anything else?', answer: 'No, thanks.' },
            ],
          },
        },
      ])
    })

    test('may be put to an approver, and may not be answered', async () => {
      const definition = { ...askUser, approval: 'required' }
      const { agent, prompts } = agentOf({ ask_user: definition }, [[{ call: 'ask_user', input: { questions } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id, answerSchema }] = approvalsOf(run)
      expect(answerSchema.properties.answers.required).toEqual(['q1', 'q2', 'q3'])
      await decide(api, id, { decision: { reject: { message: 'Decide yourself.' } } })
      await finished(api, run.id)
      expect(JSON.stringify(heard(prompts[1]))).toContain('Decide yourself.')
    })

    test.each<[string, unknown[]]>([
      ['no questions', []],
      ['eleven questions', Array.from({ length: 11 }, () => ({ question: 'Why?' }))],
      ['21 options', [{ question: 'Which?', options: Array.from({ length: 21 }, (_, n) => ({ label: `${n}` })) }]],
      ['one option', [{ question: 'Which?', options: [{ label: 'this' }] }]],
      ['an option twice', [{ question: 'Which?', options: [{ label: 'this' }, { label: 'this' }] }]],
      ['an empty question', [{ question: '' }]],
    ])('a model that asks badly is told so: %s', async (_, asked) => {
      const { agent, prompts } = agentOf({ ask_user: askUser }, [[{ call: 'ask_user', input: { questions: asked } }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(callsOf(run)).toMatchObject([{ status: 'FAILED', error: expect.stringContaining('questions') }])
      expect(heard(prompts[1])).toMatchObject([{ output: { type: 'error-text' } }])
    })
  })
})
