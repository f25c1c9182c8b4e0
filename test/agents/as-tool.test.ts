import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Agent } from '../../src/agents/agent.ts'
import { asTool } from '../../src/agents/as-tool.ts'
import { agentsByName, defineAgent, type ToolRecord } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { createServer } from '../../src/server/server.ts'

const model = scriptedModel([])
const agent = (name: string, tools: ToolRecord | (() => ToolRecord) = {}, description?: string): Agent =>
  defineAgent({ name, model, tools, ...(description === undefined ? {} : { description }) })
const inner = agent('inner')
const toolOf = (tool: object) => agent('outer', { ask: tool }).tools.get('ask')
const gateOf = (tool: object) => toolOf(tool)?.gate

describe('an agent as a tool', () => {
  test('is given a message, and described as the agent is unless it is said otherwise', () => {
    expect(toolOf(asTool(inner))).toMatchObject({
      agent: inner,
      gate: null,
      description: expect.stringContaining('inner'),
    })
    expect(toolOf(asTool(agent('inner', {}, 'Knows all.')))?.description).toBe('Knows all.')
    expect(toolOf(asTool(inner, { description: 'Ask it.' }))?.description).toBe('Ask it.')
    expect(toolOf(asTool(inner))?.modelSchema.json).toMatchObject({ required: ['message'] })
  })

  const confirmation = { pause: 'CONFIRMATION', deadline: null, when: null }
  test.each<[string, object, object | null]>([
    ['none', asTool(inner), null],
    ["approval: 'required'", { ...asTool(inner), approval: 'required' }, { ...confirmation, approval: 'REQUIRED' }],
    [
      'a deadline',
      { ...asTool(inner), approval: { type: 'required', expiresIn: '1m' } },
      {
        ...confirmation,
        approval: 'REQUIRED',
        deadline: { expiresInMs: 60_000, onExpiry: 'EXPIRE', remindBeforeMs: [] },
      },
    ],
    ["pause: 'confirmation'", { ...asTool(inner), pause: 'confirmation' }, { ...confirmation, approval: null }],
    [
      'an audit',
      { ...asTool(inner), pause: 'confirmation', logApproval: true },
      { ...confirmation, approval: 'AUDIT' },
    ],
    [
      "the AI SDK's needsApproval",
      { ...asTool(inner), needsApproval: true },
      { ...confirmation, approval: 'REQUIRED' },
    ],
  ])('may have a gate: %s', (_, tool, gate) => expect(gateOf(tool)).toEqual(gate))

  test('may have a gate that a condition opens', () => {
    const when = () => false
    expect(gateOf({ ...asTool(inner), approval: 'required', when })).toMatchObject({ approval: 'REQUIRED', when })
  })

  test('keeps its gate, and stays the agent, however it is copied', () => {
    const gated = { ...asTool(inner), approval: 'required' }
    const ways = {
      spread: { ...gated },
      'spread, and described anew': { ...gated, description: 'Another.' },
      'Object.create': Object.create(gated),
      'Object.assign': Object.assign({}, gated),
      frozen: Object.freeze({ ...gated }),
    }
    for (const [way, copy] of Object.entries(ways))
      expect(toolOf(copy), way).toMatchObject({ agent: inner, gate: { approval: 'REQUIRED' } })
    const made = toolOf(gated)
    gated.approval = 'audit'
    expect(made?.gate).toMatchObject({ approval: 'REQUIRED' })
  })
})

describe('is refused when the agent is defined', () => {
  test.each<[string, object, RegExp]>([
    ['with execute', { ...asTool(inner), execute: () => 'done' }, /execute and asTool exclude each other/],
    ['with pause: user-input', { ...asTool(inner), pause: 'user-input' }, /pause: 'user-input' and asTool/],
    [
      'with pause: user-input and fields',
      { ...asTool(inner), pause: 'user-input', userInput: ['message'] },
      /pause: 'user-input' and asTool/,
    ],
    ['with pause: external-execution', { ...asTool(inner), pause: 'external-execution' }, /'external-execution' and/],
    ['with toModelOutput', { ...asTool(inner), toModelOutput: () => 1 }, /toModelOutput and asTool/],
    ['with a timeout', { ...asTool(inner), timeout: '1m' }, /timeout and asTool/],
    [
      'with an input of another kind',
      { ...asTool(inner), inputSchema: z.object({ q: z.string() }) },
      /given a message/,
    ],
    ['with a condition and no pause', { ...asTool(inner), when: () => true }, /'when' without a pause/],
    ['with a misspelt gate', { ...asTool(inner), aproval: 'required' }, /unknown field 'aproval'/],
    ['with an audit of no pause', { ...asTool(inner), approval: 'audit' }, /needs a pause/],
    ['of what is not there yet', asTool(undefined as never), /asTool takes an agent/],
    ['of a name', asTool('inner' as never), /asTool takes an agent/],
    ['of a definition', asTool({ name: 'inner', model, tools: new Map() } as never), /asTool takes an agent/],
    ['of a copy of an agent', asTool({ ...inner }), /asTool takes an agent/],
    ['of null', asTool(null as never), /asTool takes an agent/],
  ])('%s', (_, tool, says) => {
    expect(() => toolOf(tool)).toThrow(
      expect.objectContaining({
        code: 'INVALID_DEFINITION',
        message: expect.stringMatching(new RegExp(`^Agent 'outer': tool 'ask': .*${says.source}`)),
      }),
    )
  })
})

describe('a server', () => {
  const twice = { code: 'INVALID_DEFINITION', message: expect.stringMatching(/^Two agents are named 'inner'/) }

  test('has the agents within agents, each once, and offers only those that it is given', () => {
    const [a, b] = [agent('a', { ask: asTool(inner), again: asTool(inner) }), agent('b', { ask: asTool(inner) })]
    expect([...agentsByName([a, b]).keys()].sort()).toEqual(['a', 'b', 'inner'])
    expect([...agentsByName([inner, a, b]).keys()].sort()).toEqual(['a', 'b', 'inner'])
    expect([...agentsByName([agent('top', { a: asTool(a), b: asTool(b) })]).keys()].sort()).toEqual([
      ...['a', 'b', 'inner', 'top'],
    ])
  })

  test('refuses two agents of one name, however deep', () => {
    const other = agent('inner')
    const deep = agent('deep', { ask: asTool(other) })
    for (const agents of [
      [inner, agent('outer', { ask: asTool(other) })],
      [agent('outer', { one: asTool(inner), two: asTool(other) })],
      [agent('outer', { one: asTool(inner), two: asTool(deep) })],
      [agent('inner', { ask: asTool(inner) })],
      [inner, inner],
    ]) {
      expect(() => agentsByName(agents)).toThrow(expect.objectContaining(twice))
      expect(() => createServer({ agents, database: ':memory:' })).toThrow(expect.objectContaining(twice))
    }
  })

  test('takes no longer for agents that are asked in many ways', () => {
    let top = inner
    for (let level = 0; level < 40; level++) top = agent(`level${level}`, { one: asTool(top), two: asTool(top) })
    expect(agentsByName([top]).size).toBe(41)
  })
})
