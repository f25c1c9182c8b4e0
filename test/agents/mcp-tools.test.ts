import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { type McpToolSettings, type McpToolsOptions, mcpTools, scriptedModel } from '../../src/index.ts'
import { agentOf } from '../behaviours/support/agents.ts'
import { approvalsOf, callsOf, decide, finished, start } from '../behaviours/support/api.ts'
import { type McpSettings, overHttp } from '../support/mcp.ts'
import { testServer } from '../support/test-server.ts'

type Listed = McpSettings['tools'][number]

const inputSchema = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }
const listed = (name: string, annotations?: object): Listed => ({ name, inputSchema, annotations })
const write = listed('write')
const read = listed('read', { readOnlyHint: true })

async function connect(settings: McpSettings) {
  const mcp = await overHttp(settings)
  onTestFinished(() => mcp[Symbol.asyncDispose]())
  return mcp
}

/** The tools as an agent has them. */
async function define(tools: readonly Listed[], options?: McpToolsOptions) {
  const { client } = await connect({ tools })
  const agent = defineAgent({ name: 'helper', model: scriptedModel([]), tools: await mcpTools(client, options) })
  return agent.tools
}

const required = { pause: 'CONFIRMATION', approval: 'REQUIRED', deadline: null, when: null }

describe('the gate of a tool of an MCP server', () => {
  const annotations: Record<string, [annotations: object | undefined, gate: object | null, destructive: boolean]> = {
    'that says nothing of itself': [undefined, required, true],
    'that is annotated with nothing': [{}, required, true],
    'that only adds': [{ destructiveHint: false }, required, false],
    'that destroys': [{ readOnlyHint: false, destructiveHint: true }, required, true],
    'that only reads': [{ readOnlyHint: true }, null, false],
    'that only reads and destroys': [{ readOnlyHint: true, destructiveHint: true }, required, true],
    'that may be repeated': [{ idempotentHint: true }, required, true],
  }
  test.each(Object.entries(annotations))('%s', async (_, [given, gate, destructive]) => {
    const tools = await define([listed('tool', given)])
    expect(tools.get('tool')).toMatchObject({ gate, destructive, idempotent: false, timeoutMs: 60_000 })
  })

  const options: Record<string, [options: McpToolsOptions, write: object | null, read: object | null]> = {
    'is there when nothing is said': [{}, required, null],
    'is there when undefined is said': [{ approval: undefined, tools: undefined }, required, null],
    'is there when a setting is undefined': [{ tools: { write: { approval: undefined } } }, required, null],
    'stays when something else is said of the tool': [
      { tools: { write: { destructive: false, idempotent: true, description: 'Writes.' } } },
      required,
      null,
    ],
    'has another approval': [
      { approval: { type: 'required', expiresIn: '1h' } },
      { ...required, deadline: { expiresInMs: 3_600_000, onExpiry: 'EXPIRE', remindBeforeMs: [] } },
      null,
    ],
    'is for the record': [{ approval: 'audit', pause: 'confirmation' }, { ...required, approval: 'AUDIT' }, null],
    'is a plain one': [{ approval: false, pause: 'confirmation' }, { ...required, approval: null }, null],
    'is taken away from all': [{ approval: false }, null, null],
    'is taken away from one': [{ tools: { write: { approval: false } } }, null, null],
    'is taken away from one, with the pause of all': [
      { approval: 'audit', pause: 'confirmation', tools: { write: { approval: false } } },
      null,
      null,
    ],
    'is taken away from all but one': [{ approval: false, tools: { write: { approval: 'required' } } }, required, null],
    'is put on one that only reads': [{ tools: { read: { approval: 'required' } } }, required, required],
    'is there for all of a server that is not trusted': [{ trustAnnotations: false }, required, required],
    'is taken away from one of a server that is not trusted': [
      { trustAnnotations: false, tools: { read: { approval: false } } },
      required,
      null,
    ],
    'is one in which a person fills fields': [
      { tools: { write: { pause: 'user-input', userInput: ['id'] } } },
      { ...required, pause: 'USER_INPUT' },
      null,
    ],
    'is there sometimes': [
      { tools: { write: { when: ({ id }) => id !== 'a' } } },
      { ...required, when: expect.any(Function) },
      null,
    ],
  }
  test.each(Object.entries(options))('%s', async (_, [given, writeGate, readGate]) => {
    const tools = await define([write, read], given)
    expect([tools.get('write')?.gate, tools.get('read')?.gate]).toEqual([writeGate, readGate])
  })
})

describe('D7 the gate of a tool of an MCP server holds', () => {
  const ways: Record<string, (tools: Awaited<ReturnType<typeof mcpTools>>) => Parameters<typeof agentOf>[0]> = {
    'as it is given': (tools) => tools,
    'in a record that is spread': (tools) => ({ ...tools }),
    'in a tool that is spread': ({ write }) => ({ write: { ...write, description: 'Another.' } }),
    'put on a tool that only reads by spread': ({ read }) => ({ write: { ...read, approval: 'required' } }),
    'whatever is done to the tool afterwards': (tools) => {
      queueMicrotask(() => Object.assign(tools.write ?? {}, { approval: undefined, execute: () => 'another' }))
      return tools
    },
  }
  test.each(Object.entries(ways))('%s', async (_, lay) => {
    const mcp = await connect({ tools: [write, read] })
    const tools = lay(await mcpTools(mcp.client))
    const { agent } = agentOf(tools, [[{ call: 'write', input: { id: 'a' } }]])
    await using api = await testServer({ agents: [agent], database: ':memory:' })
    const run = await start(api)
    const [approval] = approvalsOf(run)
    expect({ status: run.status, approval: approval?.status }).toEqual({ status: 'PAUSED', approval: 'PENDING' })
    expect(mcp.effects()).toEqual([])
    await decide(api, approval.id)
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    expect(mcp.effects()).toHaveLength(1)
  })

  test('from a function that makes the record, but a promise of it is no record', async () => {
    const { client } = await connect({ tools: [write] })
    const model = scriptedModel([])
    const tools = await mcpTools(client)
    const { tools: defined } = defineAgent({ name: 'helper', model, tools: () => tools })
    expect(defined.get('write')?.gate).toEqual(required)
    const promised = mcpTools(client)
    expect(() => defineAgent({ name: 'helper', model, tools: promised as never })).toThrow(/not a promise/)
    await promised
  })
})

describe('mcpTools refuses', () => {
  const dotted = listed('notes.write')
  const wrong: Record<string, [tools: readonly Listed[], options: unknown, message: RegExp]> = {
    'names that are none here': [
      [dotted, listed('2nd'), write],
      {},
      /'notes\.write', '2nd'.*tools: \{ 'notes\.write': \{ name: 'notes_write' \}, '2nd': \{ name: '_2nd' \} \}.*false/,
    ],
    'a name that is none, given to a tool': [[write], { tools: { write: { name: 'a b' } } }, /'a b'/],
    'a name that is no text, given to a tool': [[write], { tools: { write: { name: null } } }, /'null'/],
    'a name for two': [[write, dotted], { tools: { 'notes.write': { name: 'write' } } }, /'write'.*another name/],
    'two tools of one name': [[read, { ...read, annotations: {} }], {}, /lists two tools named 'read'/],
    'settings of a tool that is not there': [
      [write, read],
      { tools: { raed: { approval: 'required' } } },
      /'raed', which is no tool of the MCP server\. Its tools: write, read/,
    ],
    'a tool left out that is not there': [[write], { tools: { wrte: false } }, /'wrte'/],
    'a tool left out of a server without any': [[], { tools: { write: false } }, /Its tools: none/],
    'the name of what every object has': [[write], { tools: { constructor: {} } }, /'constructor'/],
    'settings that are true': [[write], { tools: { write: true } }, /settings of 'write' are a plain object, or false/],
    'settings that are undefined': [[write], { tools: { write: undefined } }, /settings of 'write'/],
    'settings that are a Map': [[write], { tools: { write: new Map() } }, /settings of 'write'/],
    'settings by the names of a Map': [[write], { tools: new Map([['write', {}]]) }, /'tools' of mcpTools is a plain/],
    'a misspelt option': [[write], { tool: { read: { approval: 'required' } } }, /no option 'tool'/],
    'options that are none': [[write], 'required', /options of mcpTools/],
    'a tool that wants to be a task': [
      [{ ...write, execution: { taskSupport: 'required' } }],
      {},
      /'write' is to be called as a task.*tools: \{ 'write': false \}/,
    ],
  }
  test.each(Object.entries(wrong))('%s', async (_, [tools, options, message]) => {
    const { client } = await connect({ tools })
    const invalid = expect.objectContaining({ code: 'INVALID_DEFINITION', message: expect.stringMatching(message) })
    await expect(mcpTools(client, options as McpToolsOptions)).rejects.toEqual(invalid)
  })

  test('a list without an end', async () => {
    const { client } = await connect({ tools: [write], endless: true })
    await expect(mcpTools(client)).rejects.toThrow(/more than 100 pages/)
  })

  test.each([null, {}, { listTools() {} }])('%j in place of a client', async (client) => {
    await expect(mcpTools(client as never)).rejects.toThrow(/connected Client/)
  })

  const definitions: Record<string, [settings: object, message: RegExp]> = {
    'a misspelt setting': [{ aproval: false }, /unknown field 'aproval'/],
    'an approval that is null': [{ approval: null }, /approval needs its type/],
    'an audit without a pause': [{ approval: 'audit' }, /needs a pause/],
    'a pause that is done elsewhere': [{ pause: 'external-execution' }, /exclude each other/],
    'a field for a person that is none': [{ pause: 'user-input', userInput: ['it'] }, /'it', which is no field/],
  }
  test.each(Object.entries(definitions))('%s, when the agent is defined', async (_, [settings, message]) => {
    await expect(define([write], { tools: { write: settings as McpToolSettings } })).rejects.toThrow(message)
  })
})

test('all pages of a list are read, and tools are renamed and left out', async () => {
  const names = Array.from({ length: 25 }, (_, index) => `tool_${index}`)
  const tools = [...names.map((name) => listed(name)), listed('notes.write'), listed('notes/read')]
  const mcp = await connect({ tools, pageSize: 2 })
  const settings = { 'notes.write': { name: 'write' }, 'notes/read': false } as const
  const { agent } = agentOf(await mcpTools(mcp.client, { approval: false, tools: settings }), [
    [
      { call: 'tool_24', input: { id: 'a' } },
      { call: 'write', input: { id: 'b' } },
    ],
  ])
  expect([...agent.tools.keys()]).toEqual([...names, 'write'])
  await using api = await testServer({ agents: [agent], database: ':memory:' })
  expect(await start(api)).toMatchObject({ status: 'COMPLETED' })
  expect(mcp.effects().map(({ tool }) => tool)).toEqual(['tool_24', 'notes.write'])
})

test('a schema that says what zod cannot is checked by the server alone, or by one that is laid over it', async () => {
  const conditional = { ...inputSchema, if: { required: ['id'] }, else: { required: ['name'] } }
  const tools = [
    { name: 'write', inputSchema: conditional },
    { name: 'strict', inputSchema: conditional },
  ]
  const strict = { inputSchema: z.object({ id: z.string().max(3) }) }
  const defined = await define(tools, { tools: { strict } })
  expect(defined.get('write')?.schema.json).toEqual(conditional)
  expect(await defined.get('write')?.schema.parse({ id: 7 })).toEqual({ ok: true, value: { id: 7 } })
  expect(await defined.get('strict')?.schema.parse({ id: 'long' })).toMatchObject({ ok: false })
})

test('a client may be an object that connects anew when the server has gone', async () => {
  const first = await connect({ tools: [write] })
  const second = await connect({ tools: [write] })
  let current = first.client
  const tools = await mcpTools({ request: (...args) => current.request(...args) })
  const { agent } = agentOf(tools, [[{ call: 'write', input: { id: 'a' } }]])
  await using api = await testServer({ agents: [agent], database: ':memory:' })
  const run = await start(api)
  await first.kill()
  current = second.client
  await decide(api, approvalsOf(run)[0].id)
  expect(callsOf(await finished(api, run.id))).toMatchObject([{ status: 'SUCCEEDED' }])
  expect([first.effects().length, second.effects().length]).toEqual([0, 1])
})

test('an answer that is no result is an error that says that the call ran', async () => {
  const { client } = await connect({ tools: [write] })
  const tools = await mcpTools({
    request: async (request, ...rest) =>
      request.method === 'tools/call' ? 'Hello.' : client.request(request, ...rest),
  })
  const { agent } = agentOf({ write: { ...tools.write, approval: undefined } }, [
    [{ call: 'write', input: { id: 'a' } }],
  ])
  await using api = await testServer({ agents: [agent], database: ':memory:' })
  const error = expect.stringMatching(/^The call ran, but its result cannot be read: /)
  expect(callsOf(await start(api))).toMatchObject([{ status: 'FAILED', error }])
})

test('a list that is none is refused', async () => {
  const lists = { request: async () => ({ tools: [{ name: 'write', inputSchema: { type: 'string' } }] }) }
  const invalid = { code: 'INVALID_DEFINITION', message: expect.stringMatching(/cannot be read: .*inputSchema/s) }
  await expect(mcpTools(lists)).rejects.toMatchObject(invalid)
})
