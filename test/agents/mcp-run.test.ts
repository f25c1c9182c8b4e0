import { describe, expect, onTestFinished, test } from 'vitest'
import { type McpToolsOptions, mcpTools } from '../../src/index.ts'
import { agentOf, heard } from '../behaviours/support/agents.ts'
import { approvalsOf, callsOf, cancel, decide, finished, resolve, start } from '../behaviours/support/api.ts'
import { type Connect, overHttp, overStdio } from '../support/mcp.ts'
import { testServer } from '../support/test-server.ts'

const inputSchema = {
  type: 'object',
  properties: { id: { type: 'string' }, reason: { type: 'string', default: 'none given' } },
  required: ['id'],
}
const readOnly = { readOnlyHint: true }
const remove = { name: 'remove', description: 'Removes a note.', inputSchema }
const read = { name: 'read', inputSchema, annotations: readOnly }
const readers = (...names: string[]) => names.map((name) => ({ name, inputSchema, annotations: readOnly }))
const call = (name: string, input: object = { id: 'a' }) => ({ call: name, input })

describe.each<[string, Connect]>([
  ['stdio', overStdio],
  ['streamable HTTP', overHttp],
])('the tools of an MCP server over %s', (_, connect) => {
  /** An agent with them, on a server of ours, whose model asks for these calls and is then done. */
  async function serve(
    tools: Parameters<Connect>[0]['tools'],
    calls: Parameters<typeof agentOf>[1] & readonly unknown[],
    options: McpToolsOptions = {},
  ) {
    const mcp = await connect({ tools })
    onTestFinished(() => mcp[Symbol.asyncDispose]())
    const { agent, prompts } = agentOf(await mcpTools(mcp.client, options), calls)
    const api = await testServer({ agents: [agent], database: ':memory:' })
    onTestFinished(() => api[Symbol.asyncDispose]())
    return { api, mcp, prompts }
  }

  test('wait for an approver, who is shown what will be sent, and are called once with it', async () => {
    const { api, mcp, prompts } = await serve([remove], [[call('remove')]])
    const run = await start(api)
    const [approval] = approvalsOf(run)
    const shown = { id: 'a', reason: 'none given' }
    expect(run).toMatchObject({ status: 'PAUSED', requirements: [{ kind: 'CONFIRMATION', decider: 'APPROVER' }] })
    expect(approval).toMatchObject({
      status: 'PENDING',
      type: 'REQUIRED',
      toolDescription: 'Removes a note.',
      inputSchema,
      arguments: shown,
    })
    expect(mcp.effects()).toEqual([])

    const answers = await Promise.all([1, 2, 3].map((by) => resolve(api, approval.id, { as: `approver-${by}` })))
    expect(answers.filter(({ __typename }) => __typename === 'ResolveApprovalSuccess')).toHaveLength(1)
    const over = await finished(api, run.id)
    expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
    const meta = { 'countersign/toolCallId': approval.callId }
    expect(mcp.effects()).toEqual([{ tool: 'remove', arguments: shown, meta }])
    expect(callsOf(over)).toMatchObject([
      { status: 'SUCCEEDED', result: { content: [{ type: 'text', text: 'remove {"id":"a","reason":"none given"}' }] } },
    ])
    expect(heard(prompts[1])).toMatchObject([
      { tool: 'remove', output: { type: 'text', value: 'remove {"id":"a","reason":"none given"}' } },
    ])
  })

  test('are not called when they are rejected', async () => {
    const { api, mcp } = await serve([remove], [[call('remove')]])
    const run = await start(api)
    await decide(api, approvalsOf(run)[0].id, { decision: { reject: {} } })
    expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
    expect(mcp.effects()).toEqual([])
  })

  test('are called with what the approver made of the arguments', async () => {
    const { api, mcp } = await serve([remove], [[call('remove')]])
    const run = await start(api)
    await decide(api, approvalsOf(run)[0].id, { decision: { approve: { arguments: { id: 'b', reason: 'old' } } } })
    await finished(api, run.id)
    expect(mcp.effects()).toMatchObject([{ tool: 'remove', arguments: { id: 'b', reason: 'old' } }])
  })

  test('that are annotated read-only run at once, beside those that wait', async () => {
    const { api, mcp } = await serve([remove, read], [[call('remove'), call('read')]])
    const run = await start(api)
    expect(run.status).toBe('PAUSED')
    expect(approvalsOf(run)).toMatchObject([{ status: 'PENDING', arguments: { id: 'a' } }])
    expect(mcp.effects()).toMatchObject([{ tool: 'read' }])
  })

  test('are not called with what their schema refuses, and nobody is asked: the model hears why', async () => {
    const { api, mcp, prompts } = await serve([remove], [[call('remove', {}), call('remove', { id: 7 })]])
    const run = await start(api)
    expect(run.status).toBe('COMPLETED')
    expect(approvalsOf(run)).toEqual([])
    const wrong = { type: 'error-text', value: expect.stringContaining('id: Invalid input') }
    expect(heard(prompts[1])).toMatchObject([{ output: wrong }, { output: wrong }])
    expect(mcp.effects()).toEqual([])
  })

  test('that fail say why to the model, and no more', async () => {
    const names = ['fail', 'fail_silently', 'refuse']
    const { api, prompts } = await serve(readers(...names), [names.map((name) => call(name))])
    const run = await start(api)
    expect(run.status).toBe('COMPLETED')
    const errors = [
      'The disk is full.\nTry again.',
      'The tool failed without a message.',
      expect.stringMatching(/^MCP error -32602: .*There is no such note\.$/),
    ]
    expect(callsOf(run)).toMatchObject(errors.map((error) => ({ status: 'FAILED', error })))
    expect(heard(prompts[1]).map(({ output }) => output)).toEqual(
      errors.map((value) => ({ type: 'error-text', value })),
    )
    expect(JSON.stringify(prompts[1])).not.toContain('    at ')
  })

  test('give the model what it can take, and the record what came', async () => {
    const names = ['weather', 'forecast', 'measure', 'nothing', 'picture', 'drawing', 'song', 'files']
    const { api, prompts } = await serve(readers(...names), [names.map((name) => call(name))])
    const run = await start(api)
    expect(run.status).toBe('COMPLETED')
    const text = (value: string) => ({ type: 'text', value })
    const file = (mediaType: string, data: unknown) => ({ type: 'file', mediaType, data: { type: 'data', data } })
    expect(heard(prompts[1]).map(({ output }) => output)).toEqual([
      text('{"celsius": 21}'),
      text('It gets warmer.'),
      text('{"metres":3}'),
      text('The tool gave nothing back.'),
      {
        type: 'content',
        value: [{ type: 'text', text: 'A pixel.' }, file('image/png', expect.stringMatching(/^iVBORw0KGgo/))],
      },
      text('[Data of type image/svg+xml, which is not shown to you.]'),
      text('A song.\n[Data of type audio/wav, which is not shown to you.]'),
      {
        type: 'content',
        value: [
          { type: 'text', text: 'What is in a.' },
          file('application/pdf', 'JVBERg=='),
          { type: 'text', text: '{"type":"resource_link","name":"c","uri":"file:///c.txt"}' },
        ],
      },
    ])
    const results = callsOf(run).map(({ result }) => result)
    expect(results[1]).toEqual({
      content: [{ type: 'text', text: 'It gets warmer.' }],
      structuredContent: { celsius: [21, 22] },
    })
    expect(results[6].content[1]).toEqual({ type: 'audio', data: 'UklGRg==', mimeType: 'audio/wav' })
  })

  test('are told to stop when the run is cancelled', async () => {
    const { api, mcp } = await serve(readers('wait'), [[call('wait')]])
    const run = await start(api, { waitMs: 0 })
    await mcp.gate.arrival('wait')
    await cancel(api, run.id)
    await mcp.gate.arrival('stopped')
    const over = await finished(api, run.id)
    expect(over.status).toBe('CANCELLED')
    expect(callsOf(over)).toMatchObject([{ error: expect.stringContaining('The run was cancelled.') }])
  })

  test('that do not answer in time are told to stop, and the model hears that the outcome is unknown', async () => {
    const { api, mcp } = await serve(readers('wait'), [[call('wait')]], { tools: { wait: { timeout: '3s' } } })
    const run = await start(api)
    expect(run).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
    expect(callsOf(run)).toMatchObject([{ status: 'FAILED', error: tooLong }])
    await mcp.gate.arrival('stopped')
    expect(mcp.effects()).toHaveLength(1)
  })

  test('of a server that died while somebody was asked fail, and the run goes on', async () => {
    const { api, mcp } = await serve([remove], [[call('remove')]])
    const run = await start(api)
    await mcp.kill()
    await decide(api, approvalsOf(run)[0].id)
    const over = await finished(api, run.id)
    expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
    expect(callsOf(over)).toMatchObject([{ status: 'FAILED', error: expect.stringMatching(unknown) }])
    expect(mcp.effects()).toEqual([])
  })

  test('of a server that dies in the middle of a call fail, and the call is not made again', async () => {
    const { api, mcp } = await serve([{ ...remove, name: 'wait' }], [[call('wait')]], {
      tools: { wait: { timeout: '3s' } },
    })
    const run = await start(api)
    await decide(api, approvalsOf(run)[0].id)
    await mcp.gate.arrival('wait')
    await mcp.kill()
    const over = await finished(api, run.id)
    expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
    // Over HTTP nobody need notice that it is gone.
    const told = [expect.stringMatching(unknown), tooLong]
    expect(told).toContainEqual(callsOf(over)[0].error)
    expect(mcp.effects()).toHaveLength(1)
  })
})

const tooLong = 'The call took longer than 3 seconds. It was told to stop, and the call may have happened.'
const unknown = /^The MCP server did not answer \(.+\)\. Whether the call took effect is not known\.$/
