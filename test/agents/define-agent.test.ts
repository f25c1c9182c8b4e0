import { dynamicTool, jsonSchema, tool as sdkTool } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { AgentTool } from '../../src/agents/agent.ts'
import { type AgentDefinition, agentsByName, defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'

const model = scriptedModel([])
const inputSchema = z.object({ id: z.string() })
const execute = () => 'done'
const base = { inputSchema, execute }
const aDay = { type: 'required', expiresIn: '24h' }
const confirmed = { pause: 'CONFIRMATION', approval: 'REQUIRED', deadline: null, when: null }

const define = (given: object, more: Partial<AgentDefinition> = {}) =>
  defineAgent({ name: 'support', model, tools: { remove: given }, ...more })
const read = (given: object): AgentTool => {
  const found = define(given).tools.get('remove')
  if (!found) throw new Error('The tool is gone.')
  return found
}

/** Refused with a message that names agent and tool and says this. */
function refused(given: object, says: RegExp) {
  let error: unknown
  try {
    define(given)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ code: 'INVALID_DEFINITION' })
  expect(error).toMatchObject({ message: expect.stringMatching(/^Agent 'support': tool 'remove': /) })
  expect(error).toMatchObject({ message: expect.stringMatching(says) })
}

test("D1 approval: 'required' without a pause means confirmation", () => {
  expect(read({ ...base, approval: 'required' }).gate).toEqual(confirmed)
  // Also by its deadline alone: no more than a required one has one.
  for (const approval of [{ type: 'required', expiresIn: '24h' }, { expiresIn: '24h' }])
    expect(read({ ...base, approval }).gate).toEqual({
      ...confirmed,
      deadline: { expiresInMs: 86_400_000, onExpiry: 'EXPIRE', remindBeforeMs: [] },
    })
})

test('a deadline may have reminders, each once and the earliest first, and an end', () => {
  const approval = { ...aDay, remindAt: ['10m', '1h', 600_000], onExpiry: 'cancel-run' }
  expect(read({ ...base, approval }).gate).toEqual({
    ...confirmed,
    deadline: { expiresInMs: 86_400_000, onExpiry: 'CANCEL_RUN', remindBeforeMs: [3_600_000, 600_000] },
  })
})

test('a pause without an approval is for the requester', () => {
  expect(read({ ...base, pause: 'confirmation' }).gate).toEqual({ ...confirmed, approval: null })
})

describe('D3 an audit without a pause is refused and told what to add', () => {
  test.each([{ approval: 'audit' }, { approval: { type: 'audit' } }, { logApproval: true }])('%o', (gate) =>
    refused({ ...base, ...gate }, /needs a pause: add pause: 'confirmation'/),
  )
})

describe('D4 a wrong tool is refused', () => {
  test.each<[string, object, RegExp]>([
    ['an unknown pause', { pause: 'confirm' }, /pause: 'confirm' is unknown/],
    ['a pause that every object has', { pause: 'toString' }, /is unknown/],
    ['a pause of null', { pause: null }, /is unknown/],
    ['an unknown approval', { approval: 'requird' }, /approval: 'requird' is unknown/],
    ['approval: true', { approval: true }, /unknown/],
    ['approval: false', { approval: false }, /unknown/],
    ['an empty approval', { approval: '' }, /unknown/],
    ['an unknown type of approval', { approval: { type: 'admin' } }, /approval: 'admin' is unknown/],
    ['an approval without its type', { approval: { onExpiry: 'cancel-run' } }, /approval needs its type/],
    ['an approval of nothing', { approval: {} }, /approval/],
    ['an approval that is a list', { approval: ['required'] }, /approval/],
    ['an approval of null', { approval: null }, /approval/],
    ['an unknown setting of approval', { approval: { type: 'required', expires: '1h' } }, /no setting 'expires'/],
    ['a deadline that is none', { approval: { type: 'required', expiresIn: 'soon' } }, /no duration/],
    ['a deadline of nothing', { approval: { type: 'required', expiresIn: 0 } }, /no duration/],
    [
      'a deadline that no clock reaches',
      { approval: { type: 'required', expiresIn: Number.MAX_SAFE_INTEGER } },
      /no duration/,
    ],
    ['a deadline of more than ten years', { approval: { type: 'required', expiresIn: '4000d' } }, /up to 3650d/],
    ['a deadline of less than a millisecond', { approval: { type: 'required', expiresIn: 0.2 } }, /no duration/],
    ['required and logApproval', { approval: 'required', logApproval: true }, /exclude each other/],
    ['logApproval that is no yes or no', { logApproval: 'yes' }, /logApproval/],
    ['userInput without its pause', { userInput: ['id'] }, /userInput .* exclude each other/],
    ['userInput with another pause', { userInput: [], pause: 'confirmation' }, /exclude each other/],
    ['execute and external-execution', { pause: 'external-execution' }, /exclude each other/],
    [
      'userInput that names no field',
      { pause: 'user-input', userInput: ['amount'] },
      /'amount', which is no field .* id/,
    ],
    ['userInput that is no list', { pause: 'user-input', userInput: 'id' }, /userInput is a list/],
    ['a reminder without a deadline', { approval: { type: 'required', remindAt: ['1h'] } }, /add expiresIn/],
    ['an end without a deadline', { approval: { type: 'required', onExpiry: 'expire' } }, /add expiresIn/],
    ['an unknown end', { approval: { ...aDay, onExpiry: 'reject' } }, /onExpiry: 'reject' is unknown/],
    ['an end that every object has', { approval: { ...aDay, onExpiry: 'toString' } }, /is unknown/],
    [
      'a reminder as early as the call',
      { approval: { ...aDay, remindAt: ['1h', '24h'] } },
      /each must be shorter than expiresIn, and '24h' is not/,
    ],
    ['a reminder that is no duration', { approval: { ...aDay, remindAt: ['early'] } }, /no duration/],
    ['reminders that are no list', { approval: { ...aDay, remindAt: '1h' } }, /is a list/],
    ['eleven reminders', { approval: { ...aDay, remindAt: Array(11).fill('1h') } }, /at most 10/],
    ['a reminder of an audit', { pause: 'confirmation', approval: { type: 'audit', remindAt: ['1h'] } }, /no deadline/],
    ['an end of an audit', { pause: 'confirmation', approval: { type: 'audit', onExpiry: 'expire' } }, /no deadline/],
    ['a deadline of an audit', { pause: 'confirmation', approval: { type: 'audit', expiresIn: '1h' } }, /no deadline/],
    [
      'when and external-execution',
      { pause: 'external-execution', execute: undefined, when: () => true },
      /'external-execution' exclude/,
    ],
    ['when without a pause', { when: () => true }, /'when' without a pause/],
    ['a when that is no function', { approval: 'required', when: true }, /when is a function/],
    [
      'needsApproval that cannot be mapped',
      { needsApproval: 'sometimes' },
      /needsApproval: sometimes cannot be mapped/,
    ],
    ['needsApproval: null', { needsApproval: null }, /cannot be mapped/],
    [
      'needsApproval and audit',
      { needsApproval: true, approval: 'audit', pause: 'confirmation' },
      /exclude each other/,
    ],
    ['two conditions', { needsApproval: () => true, when: () => true }, /exclude each other/],
    ['an unknown field', { aproval: 'required' }, /unknown field 'aproval'/],
    ['a provider-executed tool', { type: 'provider', id: 'openai.web_search', args: {} }, /model provider/],
    ['a timeout that is none', { timeout: '5 minutes' }, /no duration/],
    ['a timeout longer than a timer', { timeout: '30d' }, /timeout is at most 24 days/],
    ['execute that is no function', { execute: 'rm -rf' }, /execute is no function/],
    ['reconcile that is no function', { reconcile: true }, /reconcile is a function/],
    ['reconcile of null', { reconcile: null }, /reconcile is a function/],
    ['reconcile and idempotent', { reconcile: () => null, idempotent: true }, /idempotent and reconcile exclude/],
  ])('%s', (_, more, says) => refused({ ...base, ...more }, says))

  test('one that has no execute and is executed here', () => {
    refused({ inputSchema, pause: 'confirmation' }, /pause: 'confirmation' needs execute/)
    refused({ inputSchema, approval: 'audit' }, /needs a pause/)
  })

  test('one that could be asked what became of a call that it never makes', () => {
    refused({ inputSchema, reconcile: () => null }, /reconcile needs execute/)
    refused({ inputSchema, pause: 'external-execution', reconcile: () => null }, /reconcile needs execute/)
  })

  test('user input into a schema without fields', () => {
    for (const schema of [z.object({}), z.record(z.string(), z.string()), jsonSchema({ type: 'object' })])
      refused({ inputSchema: schema, execute, pause: 'user-input' }, /an object with fields/)
  })

  test.each<[string, unknown]>([
    ['a date', z.object({ at: z.date() })],
    ['a transform', z.object({ id: z.string().transform((id) => new Set([id])) })],
    ['a BigInt', z.object({ id: z.bigint() })],
    ['a Map', z.object({ map: z.map(z.string(), z.string()) })],
  ])('one whose input is not JSON after its schema: %s', (_, schema) =>
    refused({ execute, approval: 'required', inputSchema: schema }, /must be JSON|JSON Schema/),
  )

  test.each<[string, unknown]>([
    ['none', undefined],
    ['null', null],
    ['a plain object', { id: 'string' }],
    ['text', 'string'],
  ])('one whose input schema is no schema: %s', (_, schema) =>
    refused({ execute, inputSchema: schema }, /inputSchema|schema/i),
  )

  test.each([null, undefined, 7, 'tool', () => 1])('one that is no tool: %o', (given) => {
    const tools = { remove: given }
    expect(() => defineAgent({ name: 'support', model, tools })).toThrow(
      /^Agent 'support': tool 'remove': it is no tool/,
    )
  })

  test.each(['', '1st', 'a b', 'a.b', 'x'.repeat(65), 'tö'])('one whose name is %j', (name) => {
    expect(() => defineAgent({ name: 'support', model, tools: { [name]: base } })).toThrow(
      /its name must be .* beginning with a letter or _$/,
    )
  })
})

describe('an agent is refused', () => {
  test.each<[string, object, RegExp]>([
    [
      'whose model is of an older specification',
      { model: { ...model, specificationVersion: 'v2' } },
      /specification v4/,
    ],
    ['whose model is a name', { model: 'openai/gpt-5' }, /specification v4/],
    ['without a name', { name: undefined }, /^Agent 'undefined': a name is/],
    ['with a misspelt field', { maxStep: 3 }, /^Agent 'support': it has an unknown field 'maxStep'$/],
    ['without a model', { model: undefined }, /specification v4/],
    ['that retries a fraction', { maxRetries: 0.5 }, /maxRetries/],
    ['that makes no step', { maxSteps: 0 }, /maxSteps/],
    ['that may take no token', { maxTotalTokens: 0 }, /'maxTotalTokens' is a whole number from 1/],
    ['that may take half a token', { maxTotalTokens: 0.5 }, /maxTotalTokens/],
    ['whose tokens are no number', { maxTotalTokens: '1000' }, /maxTotalTokens/],
    ['whose timeout is none', { timeout: '5 minutes' }, /Agent 'support': '5 minutes' is no duration/],
    ['whose timeout is no time', { timeout: 0 }, /no duration/],
    ['whose timeout is longer than a timer', { timeout: '30d' }, /Agent 'support': timeout is at most 24 days/],
    ['whose tools come later', { tools: async () => ({ remove: base }) }, /tools/],
    ['whose tools are no record', { tools: new Map([['remove', base]]) }, /tools/],
  ])('%s', (_, more, says) => {
    expect(() => define(base, more as Partial<AgentDefinition>)).toThrow(
      expect.objectContaining({ code: 'INVALID_DEFINITION', message: expect.stringMatching(says) }),
    )
  })
})

test.each(['', '1a', 'a b', '-a', 'a/b', 'x'.repeat(65), 'é', '__proto__'])(
  'D6 an agent is refused when it is named %j',
  (name) => {
    expect(() => defineAgent({ name, model })).toThrow(/a name is 1 to 64 letters, .*, beginning with a letter$/)
  },
)

describe('D6 the agents of a server', () => {
  const named = (name: string) => defineAgent({ name, model })
  test('are found by their names', () => {
    expect([...agentsByName([named('a'), named('B-2_x')]).keys()]).toEqual(['a', 'B-2_x'])
  })
  test('are refused when two have one name', () => {
    expect(() => agentsByName([named('a'), named('a')])).toThrow(/Two agents are named 'a'/)
  })
})

describe('D7 a gate holds however the tool reaches the agent', () => {
  const guarded = tool({ ...base, approval: 'required' })
  const gateOf = (tools: AgentDefinition['tools']) =>
    defineAgent({ name: 'a', model, ...(tools && { tools }) }).tools.get('remove')?.gate

  test('in a record, from a function, or spread', () => {
    expect(gateOf({ remove: guarded })).toEqual(confirmed)
    expect(gateOf(() => ({ remove: guarded }))).toEqual(confirmed)
    expect(gateOf({ ...{ remove: { ...guarded } } })).toEqual(confirmed)
    expect(gateOf({ remove: { ...sdkTool(base), approval: 'required' } })).toEqual(confirmed)
  })
  test('on an object of a class, whose fields are inherited', () => {
    class Remove {
      inputSchema = inputSchema
      get approval() {
        return 'required'
      }
      execute() {
        return 'done'
      }
    }
    expect(gateOf({ remove: new Remove() })).toEqual(confirmed)
  })
  test('and nothing done to the definition afterwards changes it', () => {
    const definition: { approval?: string; execute: () => string } = { ...base, approval: 'required' }
    const agent = define(definition)
    delete definition.approval
    const found = agent.tools.get('remove')
    expect(found?.gate).toEqual(confirmed)
    expect(Object.isFrozen(found) && Object.isFrozen(found?.gate) && Object.isFrozen(agent)).toBe(true)
  })
  test("the AI SDK's needsApproval is honoured: true, false, a function", () => {
    const asks = ({ id }: { id: string }) => id === 'u_1'
    expect(read(sdkTool({ ...base, needsApproval: true })).gate).toEqual(confirmed)
    expect(read(sdkTool({ ...base, needsApproval: false })).gate).toBeNull()
    const { when, ...gate } = read(sdkTool({ ...base, needsApproval: asks })).gate ?? {}
    expect(gate).toEqual({ pause: 'CONFIRMATION', approval: 'REQUIRED', deadline: null })
    expect([
      when?.({ id: 'u_1' }, { toolCallId: 'c', messages: [] }),
      when?.({ id: 'u_2' }, { toolCallId: 'c', messages: [] }),
    ]).toEqual([true, false])
  })
  test("and approval: 'required' laid over it makes every call pause, unless a when of its own says otherwise", () => {
    const theirs = sdkTool({ ...base, needsApproval: () => false })
    const when = () => true
    expect(read({ ...theirs, approval: 'required' }).gate).toEqual(confirmed)
    expect(read({ ...theirs, approval: { type: 'required' } }).gate).toEqual(confirmed)
    expect(read({ ...sdkTool({ ...base, needsApproval: true }), approval: 'required', when }).gate?.when).toBe(when)
  })
  test('needsApproval: false does not take away a gate of ours', () => {
    expect(read({ ...base, needsApproval: false, approval: 'required' }).gate).toEqual(confirmed)
  })
})

describe('tools of the AI SDK are taken as they are', () => {
  const schema = jsonSchema<{ id: string }>({
    type: 'object',
    properties: { id: { type: 'string' } },
    required: ['id'],
  })
  test.each<[string, object]>([
    ['tool()', sdkTool({ description: 'Looks.', inputSchema, execute })],
    ['tool() with jsonSchema()', sdkTool({ description: 'Looks.', inputSchema: schema, execute })],
    ['dynamicTool()', dynamicTool({ description: 'Looks.', inputSchema: schema, execute })],
    [
      'tool() with all that it may have',
      sdkTool({
        ...base,
        description: 'Looks.',
        title: 'Look',
        inputExamples: [{ input: { id: 'x' } }],
        strict: true,
        providerOptions: {},
        onInputStart: () => {},
        toModelOutput: () => ({ type: 'text', value: 'x' }),
      }),
    ],
  ])('%s', async (_, given) => {
    const found = read(given)
    expect(found).toMatchObject({ name: 'remove', description: 'Looks.', gate: null })
    expect(JSON.parse(found.schemaText)).toMatchObject({ properties: { id: { type: 'string' } }, required: ['id'] })
    expect(await found.schema.parse({ id: 'x' })).toEqual({ ok: true, value: { id: 'x' } })
    expect(await found.schema.parse({ id: 1 })).toMatchObject({ ok: false })
  })
})

describe('D8 input is parsed with', () => {
  test('defaults filled in and the changes of the schema made', async () => {
    const inputSchema = z.object({
      id: z.string().trim(),
      hard: z.boolean().default(true),
      n: z.number().overwrite((x) => x * 2),
    })
    expect(await read({ execute, inputSchema }).schema.parse({ id: ' x ', n: 2 })).toEqual({
      ok: true,
      value: { id: 'x', hard: true, n: 4 },
    })
  })
  test('issues that have their place', async () => {
    const inputSchema = z.object({ users: z.array(z.object({ id: z.string() })) })
    expect(await read({ execute, inputSchema }).schema.parse({ users: [{ id: 'a' }, { id: 1 }] })).toMatchObject({
      ok: false,
      issues: [{ path: ['users', '1', 'id'] }],
    })
  })
})

test('a duration is milliseconds, or a number with its unit', () => {
  const expiresIn = (duration: unknown) =>
    read({ ...base, approval: { type: 'required', expiresIn: duration } }).gate?.deadline?.expiresInMs
  expect([1_500, '250ms', '90s', '15m', '1.5h', '7d'].map(expiresIn)).toEqual([
    1_500, 250, 90_000, 900_000, 5_400_000, 604_800_000,
  ])
})
