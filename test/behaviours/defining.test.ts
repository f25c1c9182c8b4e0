import { openai } from '@ai-sdk/openai'
import canonicalize from 'canonicalize'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type ToolRecord } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { sha256 } from '../../src/json.ts'
import { createServer } from '../../src/server/server.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, decide, eventsOf, finished, restart, start, typesOf } from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const execute = () => null
const define = (definition: unknown) =>
  defineAgent({ name: 'helper', model: scriptedModel([]), tools: { wipe: definition } as ToolRecord })

describe('D3 an audit without a pause is refused when its agent is defined, which names the tool and says what to add', () => {
  const audits = [{ approval: 'audit' }, { approval: { type: 'audit' } }, { logApproval: true }]
  test.each(audits)('%o', (audit) => {
    const message = expect.stringMatching(
      /^Agent 'helper': tool 'wipe': .*add pause: 'confirmation', 'user-input' or 'external-execution'/,
    )
    for (const how of [{ execute }, {}]) {
      expect(() => define({ inputSchema, ...how, ...audit })).toThrow(
        expect.objectContaining({ code: 'INVALID_DEFINITION', message }),
      )
    }
    expect(() => define({ inputSchema, execute, ...audit, pause: 'confirmation' })).not.toThrow()
  })
})

describe('D4 a tool is refused when its agent is defined, with both their names, for', () => {
  const outputs = {
    'a date': z.object({ at: z.date() }),
    'a coerced date': z.object({ at: z.coerce.date() }),
    'a transform': z.object({ id: z.string().transform((id) => id.length) }),
    'a class': z.object({ url: z.instanceof(URL) }),
    'a BigInt': z.object({ n: z.bigint() }),
    'a Map': z.object({ map: z.map(z.string(), z.string()) }),
    'a date, deep inside': z.object({ list: z.array(z.object({ at: z.date().optional() })) }),
  }
  const wrong: Record<string, unknown> = {
    'an unknown pause': { inputSchema, execute, pause: 'confirm' },
    'a pause that is null': { inputSchema, execute, pause: null },
    'an unknown approval type': { inputSchema, execute, approval: 'requires' },
    'an approval that is true': { inputSchema, execute, approval: true },
    'an approval that is null': { inputSchema, execute, approval: null },
    'an approval object of an unknown type': { inputSchema, execute, approval: { type: 'optional' } },
    'an approval object that is empty': { inputSchema, execute, approval: {} },
    'a misspelt approval': { inputSchema, execute, aproval: 'required' },
    'execute on an external-execution tool': { inputSchema, execute, pause: 'external-execution' },
    'no execute on a confirmation tool': { inputSchema, pause: 'confirmation' },
    'no execute on a user-input tool': { inputSchema, pause: 'user-input' },
    'no execute on a user-input tool with an approval': { inputSchema, pause: 'user-input', approval: 'required' },
    'execute on an external-execution tool with an approval': {
      inputSchema,
      execute,
      pause: 'external-execution',
      approval: 'required',
    },
    'no inputSchema': { execute },
    'userInput on a tool that pauses for confirmation': {
      inputSchema,
      execute,
      pause: 'confirmation',
      userInput: ['id'],
    },
    'userInput on a tool without a pause': { inputSchema, execute, userInput: ['id'] },
    'userInput on an external-execution tool': { inputSchema, pause: 'external-execution', userInput: ['id'] },
    'userInput naming an unknown field': { inputSchema, execute, pause: 'user-input', userInput: ['nobody'] },
    'audit without a pause': { inputSchema, execute, approval: 'audit' },
    'audit and needsApproval': { inputSchema, execute, approval: 'audit', pause: 'confirmation', needsApproval: true },
    'a when that is no function': { inputSchema, execute, approval: 'required', when: true },
    'a when on a tool without a gate': { inputSchema, execute, when: () => true },
    'a needsApproval that is text': { inputSchema, execute, needsApproval: 'yes' },
    'a needsApproval that is null': { inputSchema, execute, needsApproval: null },
    'a needsApproval that is an object': { inputSchema, execute, needsApproval: { type: 'user-approval' } },
    'a needsApproval function beside when': {
      inputSchema,
      execute,
      needsApproval: () => true,
      when: () => true,
    },
    'a provider-executed tool': openai.tools.webSearch({}),
    'a provider-defined tool with execute': { type: 'provider', id: 'x.y', args: {}, inputSchema, execute },
    ...Object.fromEntries(
      Object.entries(outputs).map(([what, schema]) => [`${what} in the input`, { inputSchema: schema, execute }]),
    ),
  }
  test.each(Object.entries(wrong))('%s', (_, definition) => {
    const names = expect.stringMatching(/^Agent 'helper': tool 'wipe': .{10,}/)
    expect(() => define(definition)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION', message: names }))
  })

  test('nothing, when it is right', () => {
    expect(() => define({ inputSchema, execute, approval: { expiresIn: '24h' } })).not.toThrow()
    expect(() => define({ inputSchema, execute, needsApproval: false })).not.toThrow()
    expect(() =>
      define({ inputSchema: z.object({ at: z.iso.datetime(), n: z.coerce.number() }), execute }),
    ).not.toThrow()
  })
})

describe('D6 a server is not created', () => {
  const named = (name: string) => defineAgent({ name, model: scriptedModel([]) })
  test('with two agents of one name', () => {
    expect(() => createServer({ agents: [named('one'), named('two'), named('one')] })).toThrow(/'one'/)
  })
  test.each(['', ' ', 'a b', '1a', '-a', 'a/b', 'é', 'a\n', 'a'.repeat(65), '__proto__'])(
    'with the name %j',
    (name) => {
      const invalid = expect.objectContaining({ code: 'INVALID_DEFINITION' })
      expect(() => createServer({ agents: [named(name)] })).toThrow(invalid)
    },
  )
})

forEachStore(({ serve }) => {
  test("D1 approval: 'required' with no pause means pause 'confirmation'", async () => {
    const wipe = tool({ inputSchema, approval: 'required', execute })
    const { agent } = agentOf({ wipe }, [[{ call: 'wipe', input: { id: 'a' } }]])
    await using api = await serve({ agents: [agent] })
    const { agents } = await api.data(documents.agents)
    expect(agents[0].tools).toMatchObject([{ name: 'wipe', pauseKind: 'CONFIRMATION', approvalType: 'REQUIRED' }])
    const run = await start(api)
    expect(run).toMatchObject({
      status: 'PAUSED',
      requirements: [{ kind: 'CONFIRMATION', approvalType: 'REQUIRED', decider: 'APPROVER' }],
    })
    expect(approvalsOf(run)).toMatchObject([{ kind: 'CONFIRMATION', type: 'REQUIRED', status: 'PENDING' }])
  })

  test.each([
    ['user-input', { execute }, { values: { id: 'b' } }],
    ['external-execution', {}, { outcome: { success: { result: 'b' } } }],
  ])(
    "D2 approval: 'required' with pause '%s' keeps that pause and adds no confirmation",
    async (pause, how, approve) => {
      const { agent } = agentOf({ wipe: { inputSchema, ...how, pause, approval: 'required' } }, [
        [{ call: 'wipe', input: { id: 'a' } }],
      ])
      await using api = await serve({ agents: [agent] })
      const kind = pause.replace('-', '_').toUpperCase()
      const { agents } = await api.data(documents.agents)
      expect(agents[0].tools).toMatchObject([{ pauseKind: kind, approvalType: 'REQUIRED' }])
      const run = await start(api)
      expect(run.requirements).toMatchObject([{ kind, approvalType: 'REQUIRED', decider: 'APPROVER' }])
      expect(approvalsOf(run)).toMatchObject([{ kind, type: 'REQUIRED', status: 'PENDING' }])
      await decide(api, approvalsOf(run)[0].id, { decision: { approve } })
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(over)).toMatchObject([{ status: 'SUCCEEDED' }])
      expect(approvalsOf(over)).toHaveLength(1)
      expect(typesOf(await eventsOf(api, run.id)).filter((type) => type === 'RunPaused')).toHaveLength(1)
    },
  )

  test('D8 invalid arguments become an error that the model sees, never an approval', async () => {
    const kept = ledger()
    const wipe = tool({ inputSchema: z.object({ id: z.string() }), approval: 'required', execute: kept.enter })
    const { agent, prompts } = agentOf({ wipe }, [
      [
        { call: 'wipe', input: { id: 42 } },
        { call: 'wipe', input: {} },
      ],
    ])
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    expect(run.status).toBe('COMPLETED')
    expect(approvalsOf(run)).toEqual([])
    expect(callsOf(run)).toMatchObject([
      { status: 'FAILED', error: expect.stringContaining('id'), arguments: { id: 42 } },
      { status: 'FAILED', error: expect.stringContaining('id') },
    ])
    expect(heard(prompts[1]).map(({ output }) => output.type)).toEqual(['error-text', 'error-text'])
    expect(kept.made).toEqual([])
  })

  test('D8 input is parsed once: what that gives is recorded, shown, fingerprinted and executed, also after a restart', async () => {
    const kept = ledger()
    const parsed: unknown[] = []
    const schema = z.object({
      amount: z.number().overwrite((amount) => amount * 2),
      currency: z.string().default('EUR'),
      note: z
        .string()
        .optional()
        .refine(() => parsed.push('once') > 0),
      count: z.coerce.number().default(1),
    })
    const pay = tool({ inputSchema: schema, approval: 'required', execute: kept.enter })
    const { agent } = agentOf({ pay }, [[{ call: 'pay', input: { amount: 21, note: 'x', count: '3' } }]])
    const effective = { amount: 42, currency: 'EUR', note: 'x', count: 3 }
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    const [approval] = approvalsOf(run)
    expect(approval.arguments).toEqual(effective)
    expect(callsOf(run)).toMatchObject([{ arguments: effective }])
    const { agents } = await api.data(documents.agents)
    const digest = sha256(canonicalize(agents[0].tools[0].inputSchema) ?? '')
    const shown = canonicalize({ tool: 'pay', inputSchema: digest, arguments: effective })
    expect(approval.fingerprint).toBe(sha256(shown ?? ''))
    await restart(api)
    await decide(api, approval.id, { expectedFingerprint: approval.fingerprint })
    const over = await finished(api, run.id)
    expect(over.status).toBe('COMPLETED')
    expect(callsOf(over)).toMatchObject([{ arguments: effective }])
    expect({ inputs: kept.inputs(), parsed }).toEqual({ inputs: [effective], parsed: ['once'] })
  })
})
