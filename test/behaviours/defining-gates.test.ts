import { tool as aiTool, dynamicTool, jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type ToolRecord } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, decide, finished, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })

forEachStore(({ serve }) => {
  describe('D7 a gate holds', () => {
    const kept = ledger()
    const gated = () => tool({ inputSchema, approval: 'required', execute: kept.enter })
    const plain = { description: 'Wipes.', inputSchema, execute: kept.enter }
    /** What an MCP client of the AI SDK gives. */
    const mcp = () =>
      dynamicTool({
        inputSchema: jsonSchema({ type: 'object', properties: { id: { type: 'string' } } }),
        execute: (input, { toolCallId }) => kept.enter(input, { toolCallId }),
      })
    const ways: Record<string, () => ToolRecord | (() => ToolRecord)> = {
      'in a record': () => ({ wipe: gated() }),
      'in a record without a prototype': () => Object.assign(Object.create(null), { wipe: gated() }),
      'from a function that makes a record': () => () => ({ wipe: gated() }),
      'put on a tool of the AI SDK by spread': () => ({ wipe: { ...aiTool(plain), approval: 'required' } }),
      'of a tool that is spread': () => ({ wipe: { ...gated(), description: 'Another.' } }),
      'of a record that is spread': () => ({ ...{ wipe: gated() } }),
      'put on a tool of an MCP server': () => ({ wipe: { ...mcp(), approval: 'required' } }),
      'of a class with fields': () => ({ wipe: new (class extends Gated {})() }),
      "as the AI SDK's needsApproval: true": () => ({ wipe: aiTool({ ...plain, needsApproval: true }) }),
      "as the AI SDK's needsApproval, a function that says yes": () => ({
        wipe: aiTool({ ...plain, needsApproval: async ({ id }) => id === 'a' }),
      }),
      "as the AI SDK's needsApproval on a dynamic tool": () => ({ wipe: { ...mcp(), needsApproval: true } }),
      'whatever is done to the definition afterwards': () => {
        const wipe: Record<string, unknown> = { ...gated() }
        queueMicrotask(() => Object.assign(wipe, { approval: undefined, pause: undefined, needsApproval: false }))
        return { wipe }
      },
    }
    class Gated {
      inputSchema = inputSchema
      get approval() {
        return 'required'
      }
      execute(input: unknown, options: { toolCallId: string }) {
        return kept.enter(input, options)
      }
    }

    test.each(Object.entries(ways))('D7 %s', async (_, makeTools) => {
      const model = scriptedModel([[{ call: 'wipe', input: { id: 'a' } }], [{ text: 'Done.' }]])
      const agent = defineAgent({ name: 'agent', model, tools: makeTools() })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      expect({ status: run.status, approval: approval?.status }).toEqual({ status: 'PAUSED', approval: 'PENDING' })
      expect(kept.times(approval.callId)).toBe(0)
      await decide(api, approval.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.times(approval.callId)).toBe(1)
    })

    test('D7 and tools of the AI SDK without one run unchanged', async () => {
      const seen: unknown[] = []
      const asked: unknown[] = []
      const wipe = aiTool({
        inputSchema,
        needsApproval(input, { toolCallId, messages }) {
          asked.push([input, toolCallId, messages.map(({ role }) => role)])
          return false
        },
        execute(input, { toolCallId, messages, abortSignal }) {
          seen.push([input, toolCallId, messages.map(({ role }) => role), abortSignal instanceof AbortSignal])
          return { wiped: input.id }
        },
        toModelOutput: ({ output }) => ({ type: 'text', value: `wiped ${output.wiped}` }),
      })
      const echo = dynamicTool({ inputSchema: jsonSchema({ type: 'object' }), execute: async (input) => input })
      const { agent, prompts } = agentOf({ wipe, echo }, [
        [
          { call: 'wipe', input: { id: 'a' } },
          { call: 'echo', input: { x: [1] } },
        ],
      ])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(approvalsOf(run)).toEqual([])
      const [call] = callsOf(run)
      expect(asked).toEqual([[{ id: 'a' }, call.id, ['user']]])
      expect(seen).toEqual([[{ id: 'a' }, call.id, ['user'], true]])
      expect(heard(prompts[1])).toMatchObject([
        { output: { type: 'text', value: 'wiped a' } },
        { output: { type: 'json', value: { x: [1] } } },
      ])
    })
  })
})
