import { tool as aiTool, dynamicTool, jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AgentDefinition, defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, decide, finished, readRun, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

// A gated tool passed in every way a tool can be passed keeps its gate; what cannot be one is in no-way-around-refused.test.ts.

const inputSchema = z.object({ id: z.string() })
const kept = ledger()
const plain = { inputSchema, execute: kept.enter }
const gated = () => tool({ ...plain, approval: 'required' })
/** What an MCP client of the AI SDK gives. */
const dynamic = () =>
  dynamicTool({
    inputSchema: jsonSchema({ type: 'object', properties: { id: { type: 'string' } } }),
    execute: (input, { toolCallId }) => kept.enter(input, { toolCallId }),
  })
const inherits = (from: object, own: PropertyDescriptorMap = {}): object => Object.create(from, own)
const hidden = (name: string, value: unknown, from: object = plain) =>
  Object.defineProperty({ ...from }, name, { value, enumerable: false })
const nothing = () => undefined as never

class Wipe {
  inputSchema = inputSchema
  get approval() {
    return 'required'
  }
  execute(input: unknown, options: { toolCallId: string }) {
    return kept.enter(input, options)
  }
}
class WipeWell extends Wipe {
  description = 'Wipes well.'
}

/** Each a tool whose every call needs an approver. */
const ways: Record<string, () => unknown> = {
  'as it is': gated,
  spread: () => ({ ...gated(), description: 'Another.' }),
  'inherited from': () => inherits(gated()),
  'inherited from twice': () => inherits(inherits(gated()), { description: { value: 'Another.', enumerable: true } }),
  'as its __proto__': () => ({ __proto__: gated(), description: 'Another.' }),
  'without a prototype': () => Object.assign(Object.create(null), gated()),
  frozen: () => Object.freeze(gated()),
  'an instance of a class': () => new Wipe(),
  'an instance of a class of its class': () => Object.seal(new WipeWell()),
  'an instance whose own approval is stricter than its class says': () =>
    Object.defineProperty(new Wipe(), 'approval', { value: { type: 'required', expiresIn: '1d' } }),
  'a Proxy': () => new Proxy(gated(), {}),
  'a Proxy of nothing': () => new Proxy({}, { get: (_, field) => Reflect.get(gated(), field) }),
  'an approval that no list of fields shows': () => hidden('approval', 'required'),
  'an approval that is an object': () => ({ ...plain, approval: { type: 'required' } }),
  'an approval that is an object, inherited from': () => ({ ...plain, approval: inherits({ type: 'required' }) }),
  'an approval by a getter that makes it anew': () => ({
    ...plain,
    get approval() {
      return { type: 'required' }
    },
  }),
  'an approval that says its type once': () => {
    const types = ['required']
    return { ...plain, approval: Object.defineProperty({}, 'type', { get: () => types.pop() }) }
  },
  'laid over a tool of the AI SDK': () => ({ ...aiTool(plain), approval: 'required' }),
  'laid over one that needs no approval': () => ({
    ...aiTool({ ...plain, needsApproval: false }),
    approval: 'required',
  }),
  'laid over one whose needsApproval says no': () => ({
    ...aiTool({ ...plain, needsApproval: () => false }),
    approval: 'required',
  }),
  'laid over a dynamic tool': () => ({ ...dynamic(), approval: 'required' }),
  'needsApproval: true': () => aiTool({ ...plain, needsApproval: true }),
  'needsApproval: true, that no list of fields shows': () => hidden('needsApproval', true),
  'needsApproval: true, of a dynamic tool': () => ({ ...dynamic(), needsApproval: true }),
  'needsApproval, a function': () => aiTool({ ...plain, needsApproval: ({ id }) => id !== '' }),
  'needsApproval, an async function': () => aiTool({ ...plain, needsApproval: async () => true }),
  'needsApproval, a function that says nothing': () => aiTool({ ...plain, needsApproval: nothing }),
  'needsApproval, a function that throws': () => aiTool({ ...plain, needsApproval: () => fail('Who knows?') }),
  'needsApproval, a function of a dynamic tool': () => ({ ...dynamic(), needsApproval: () => true }),
  'a when that says nothing': () => ({ ...gated(), when: nothing }),
  'a when that says no in other words': () => ({ ...gated(), when: async () => 0 }),
  'a when that generates': () => ({
    ...gated(),
    *when() {
      yield false
    },
  }),
}

function fail(why: string): never {
  throw new Error(why)
}

forEachStore(({ serve }) => {
  /** The model calls each tool at once: nothing runs; then all but the first are approved, and those run. */
  async function expectGated(names: readonly string[], makeTools: () => AgentDefinition['tools']) {
    const asked = names.map((name, index) => ({ call: name, input: { id: `${index}` } }))
    const scripted = scriptedModel([asked, [{ text: 'Done.' }]])
    const agent = defineAgent({ name: 'agent', model: scripted, tools: makeTools() ?? {} })
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    expect(callsOf(run).map(({ toolName, status, approval }) => [toolName, status, approval?.status])).toEqual(
      names.map((name) => [name, 'WAITING', 'PENDING']),
    )
    expect(new Set(approvalsOf(run).map(({ type }) => type))).toEqual(new Set(['REQUIRED']))
    expect(callsOf(run).map(({ id }) => kept.times(id))).toEqual(names.map(() => 0))
    const [first, ...others] = callsOf(run)
    for (const { approval } of others) await decide(api, approval.id)
    await decide(api, first.approval.id, { decision: { reject: {} } })
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    expect(callsOf(run).map(({ id }) => kept.times(id))).toEqual(names.map((_, index) => (index === 0 ? 0 : 1)))
  }

  describe('D7 a gated tool keeps its gate', () => {
    test('D7 in every way a tool can be made', async () => {
      const entries = Object.entries(ways).map(([way, make]) => [way.replaceAll(/\W+/g, '_'), make()] as const)
      const names = entries.map(([name]) => name)
      await expectGated(names, () => Object.fromEntries(entries))
    })

    test('D7 in a record that hides it, has getters, or is itself made in another way', async () => {
      const getter = () => ({
        get wipe() {
          return gated()
        },
      })
      const records: Record<string, () => AgentDefinition['tools']> = {
        hidden: () => Object.defineProperty({}, 'wipe', { value: gated() }),
        getter,
        frozen: () => Object.freeze({ wipe: gated() }),
        proxy: () => new Proxy({ wipe: gated() }, {}),
        bare: () => Object.assign(Object.create(null), { wipe: gated() }),
        module: () => Object.defineProperty({ wipe: gated() }, Symbol.toStringTag, { value: 'Module' }),
        transpiled: () => Object.defineProperty({ wipe: gated() }, '__esModule', { value: true }),
        made: () => () => ({ wipe: gated() }),
      }
      const agents = Object.entries(records).map(([name, make]) => {
        const model = scriptedModel([[{ call: 'wipe', input: { id: 'a' } }], [{ text: 'Done.' }]])
        return defineAgent({ name, model, tools: make() ?? {} })
      })
      await using api = await serve({ agents })
      for (const { name } of agents) {
        const run = await start(api, { agentName: name })
        expect([name, run.status, approvalsOf(run)[0]?.status]).toEqual([name, 'PAUSED', 'PENDING'])
        expect(kept.times(callsOf(run)[0].id)).toBe(0)
      }
    })

    test('D7 under names that every object has', async () => {
      const names = ['__proto__', 'toString', 'constructor', 'hasOwnProperty', 'valueOf', 'then', 'length', 'execute']
      await expectGated(names, () => Object.fromEntries(names.map((name) => [name, gated()])))
    })

    test('D7 whatever is done to its definition once the agent is defined', async () => {
      const changes: ((definition: Record<string, unknown>) => void)[] = [
        (definition) => delete definition.approval,
        (definition) => Object.assign(definition, { approval: undefined, needsApproval: false, pause: undefined }),
        (definition) => Object.assign(definition, { approval: 'audit', pause: 'confirmation' }),
        (definition) => Object.assign(definition, { when: () => false }),
        (definition) => Object.assign(definition, { execute: () => fail('Not this one.') }),
        (definition) => Object.setPrototypeOf(definition, { approval: undefined }),
        (definition) => Object.defineProperty(definition, 'approval', { get: nothing }),
      ]
      const setting = { type: 'required' }
      const definitions = [
        ...changes.map((): Record<string, unknown> => ({ ...gated() })),
        { ...plain, approval: setting },
      ]
      const names = definitions.map((_, index) => `way-${index}`)
      await expectGated(names, () => {
        const record = Object.fromEntries(definitions.map((definition, index) => [`way-${index}`, definition]))
        // When the agent has been defined.
        queueMicrotask(() => {
          for (const [index, change] of changes.entries()) change(definitions[index] ?? {})
          Object.assign(setting, { type: undefined })
          for (const name of names) delete record[name]
        })
        return record
      })
    })

    test('D7 of one tool in two agents, under two names: what is decided for one is nothing to the other', async () => {
      const shared = gated()
      const turn = (name: string) => [[{ call: name, input: { id: 'a' } }]]
      const one = agentOf({ wipe: shared }, turn('wipe'), { name: 'one' })
      const two = agentOf({ wipe: shared, erase: shared }, turn('erase'), { name: 'two' })
      await using api = await serve({ agents: [one.agent, two.agent] })
      const [first, second] = [await start(api, { agentName: 'one' }), await start(api, { agentName: 'two' })]
      await decide(api, approvalsOf(first)[0].id)
      expect(await finished(api, first.id)).toMatchObject({ status: 'COMPLETED' })
      expect(await readRun(api, second.id)).toEqual(second)
      expect(second).toMatchObject({ status: 'PAUSED' })
      expect([first, second].map((run) => kept.times(callsOf(run)[0].id))).toEqual([1, 0])
    })
  })
})
