import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readRun,
  start,
  typesOf,
  until,
  watchPending,
  watchRun,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const pausing = ['RunStarted', 'ModelResponded', 'ToolCallsProposed', 'RunPaused']

forEachStore(({ serve, database, refuseApprovals }) => {
  describe('P7 while an approval cannot be written', () => {
    /** Beside the gated call stands one that needs nobody: it must not run either, its proposal is in the same step. */
    function scene() {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const look = tool({ inputSchema, execute: kept.enter })
      const asked = [
        { call: 'erase', input: { id: 'a' } },
        { call: 'look', input: { id: 'b' } },
      ]
      const { agent, prompts } = agentOf({ erase, look }, [asked])
      const quick = defineAgent({ name: 'quick', model: scriptedModel([[{ text: 'Quick.' }]]) })
      return { kept, prompts, agents: [agent, quick] }
    }

    test('P7 the run is not paused without it, nothing runs, nobody hears of a pause, and others are not held up', async () => {
      const { kept, prompts, agents } = scene()
      await using api = await serve({ agents })
      const refusal = await refuseApprovals(api.database)
      let allowed = false
      await using pending = watchPending(api)
      expect((await pending.data()).pendingApprovals).toMatchObject({ reason: 'INITIAL', approvals: [] })
      const added = pending.data().then(({ pendingApprovals }) => ({ ...pendingApprovals, allowed }))
      const { id } = await start(api, { waitMs: 0 })
      await using events = watchRun(api, id)
      expect(await events.data()).toMatchObject({ runEvents: { __typename: 'RunStarted' } })
      const next = events.data().then(({ runEvents }) => ({ ...runEvents, allowed }))

      // Each of these commits several times, and the refused step comes between them again and again.
      for (let left = 40; left > 0; left -= 1) {
        expect(await start(api, { agentName: 'quick' })).toMatchObject({ status: 'COMPLETED' })
      }
      expect(await readRun(api, id)).toMatchObject({ status: 'RUNNING', lastSeq: 1, requirements: [] })
      expect(await listApprovals(api, {})).toEqual([])
      expect([prompts.length, kept.made.length]).toEqual([1, 0])

      allowed = true
      await refusal[Symbol.asyncDispose]()
      expect(await next).toMatchObject({ __typename: 'ModelResponded', allowed: true })
      const told = await added
      expect(told).toMatchObject({ __typename: 'PendingApprovalAdded', allowed: true, approval: { run: { id } } })
      const run = await until(api, id, 'RunPaused')
      expect(approvalsOf(run)).toMatchObject([{ id: told.approval.id, status: 'PENDING', revision: 1 }])
      // The step was tried again, not the model; and what needed nobody ran once.
      expect([prompts.length, kept.inputs()]).toEqual([1, [{ id: 'b' }]])
      await decide(api, told.approval.id)
      expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'b' }, { id: 'a' }])
    })

    test('P7 the server can be closed, and what was not written is done again by the next one', async () => {
      const { kept, prompts, agents } = scene()
      await using db = database()
      let id = ''
      {
        await using refusing = await serveOn(db.url, agents)
        const refusal = await refuseApprovals(db.url)
        ;({ id } = await start(refusing, { waitMs: 0 }))
        while (prompts.length === 0) await start(refusing, { agentName: 'quick' })
        await refusing[Symbol.asyncDispose]()
        await refusal[Symbol.asyncDispose]()
      }
      await using api = await serveOn(db.url, agents)
      const run = await until(api, id, 'RunPaused')
      expect(approvalsOf(run)).toMatchObject([{ status: 'PENDING' }])
      expect(typesOf(await eventsOf(api, id, ({ __typename }) => __typename === 'RunPaused')).slice(0, 3)).toEqual(
        pausing.slice(0, 3),
      )
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'b' }, { id: 'a' }])
    })
    const serveOn = (url: string, agents: ReturnType<typeof scene>['agents']) =>
      serve({ agents, database: url, leaseMs: 500 })
  })

  describe('P8 the run is not wedged and calls are not mixed up', () => {
    const tools = (kept: ReturnType<typeof ledger>) => {
      const echo = (input: { id: string }, options: { toolCallId: string }) => {
        kept.enter(input, options)
        return { echo: input.id }
      }
      return {
        erase: tool({ inputSchema, approval: 'required', execute: echo }),
        look: tool({ inputSchema, execute: echo }),
      }
    }
    const repeated = (name: string, id: string, providerId = 'x') => ({ call: name, input: { id }, id: providerId })
    const finds = (id: string) => ({ type: 'json', value: { echo: id } })

    /** Every call of a prompt, with the result that has its id; a provider pairs them so. */
    function pairs(prompt: LanguageModelV4Prompt) {
      const parts = prompt.flatMap(({ content }) => (typeof content === 'string' ? [] : [...content]))
      const calls = parts.filter((part) => part.type === 'tool-call')
      const results = parts.filter((part) => part.type === 'tool-result')
      expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(calls.length)
      expect(calls.every(({ toolCallId }) => toolCallId !== '')).toBe(true)
      return calls.map(({ toolCallId, input }) => [
        (input as { id?: string }).id,
        results.filter((result) => result.toolCallId === toolCallId).map(({ output }) => output),
      ])
    }

    test.each(['x', ''])('P8 by calls of one turn with the same id %j', async (id) => {
      const kept = ledger()
      const turn = [repeated('erase', '1', id), repeated('look', '2', id), repeated('erase', '3', id)]
      const { agent, prompts } = agentOf(tools(kept), [turn])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(new Set(callsOf(run).map((one) => one.id)).size).toBe(3)
      expect(callsOf(run).map(({ status }) => status)).toEqual(['WAITING', 'SUCCEEDED', 'WAITING'])
      const [first, third] = approvalsOf(run)
      expect([first.arguments, third.arguments]).toEqual([{ id: '1' }, { id: '3' }])
      await decide(api, third.id)
      await decide(api, first.id, { decision: { reject: { message: 'Not this one.' } } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: '2' }, { id: '3' }])
      const refused = { type: 'error-text', value: expect.stringContaining('Not this one.') }
      expect(pairs(prompts[1] ?? [])).toEqual([
        ['1', [refused]],
        ['2', [finds('2')]],
        ['3', [finds('3')]],
      ])
    })

    test('P8 by ids that repeat in other turns and runs', async () => {
      const kept = ledger()
      const { agent, prompts } = agentOf(tools(kept), [[repeated('look', '1')], [repeated('erase', '2')]])
      await using api = await serve({ agents: [agent] })
      const runs: { id: string }[] = []
      for (const message of ['One.', 'Two.']) {
        const run = await start(api, { sessionId: 's', message })
        runs.push(run)
        await decide(api, approvalsOf(run)[0].id)
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      }
      expect(kept.inputs()).toEqual([{ id: '1' }, { id: '2' }, { id: '1' }, { id: '2' }])
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(4)
      const once = [
        ['1', [finds('1')]],
        ['2', [finds('2')]],
      ]
      expect(pairs(prompts.at(-1) ?? [])).toEqual([...once, ...once])
    })

    const wrong: Record<string, ScriptedPart> = {
      'an unknown tool': { call: 'nothing', input: { id: 'a' } },
      'a tool named as what every object has': { call: 'constructor', input: { id: 'a' } },
      'a tool named __proto__': { call: '__proto__', input: { id: 'a' } },
      'a tool without a name': { call: '', input: { id: 'a' } },
      'half of an object': { call: 'erase', input: '{"id": "a"' },
      'text for arguments': { call: 'erase', input: 'please' },
      'a list for arguments': { call: 'erase', input: [{ id: 'a' }] },
      'null for arguments': { call: 'erase', input: 'null' },
      'no arguments at all': { call: 'erase', input: '' },
    }
    test.each(Object.entries(wrong))('P8 by %s', async (_, bad) => {
      const kept = ledger()
      const turn = [bad, repeated('look', '2', 'y'), repeated('erase', '3', 'z')]
      const { agent, prompts } = agentOf(tools(kept), [turn])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      expect(run).toMatchObject({ status: 'PAUSED', requirements: [{ toolCall: { arguments: { id: '3' } } }] })
      expect(approvalsOf(run)).toHaveLength(1)
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: '2' }, { id: '3' }])
      const error = { type: 'error-text', value: expect.stringMatching(/tool|arguments/) }
      expect(heard(prompts[1]).map(({ output }) => output)).toEqual([error, finds('2'), finds('3')])
      expect(callsOf(await readRun(api, run.id)).map(({ status }) => status)).toEqual([
        'FAILED',
        'SUCCEEDED',
        'SUCCEEDED',
      ])
    })
  })
})
