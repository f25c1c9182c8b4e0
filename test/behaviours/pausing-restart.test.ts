import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { strictModel } from '../support/strict-model.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { agentOf, ledger, messageOf } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  decide,
  finished,
  listApprovals,
  readRun,
  restart,
  start,
  until,
  watchPending,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const errands = join(import.meta.dirname, 'support/errands.ts')

forEachStore(({ serve, database }) => {
  describe('P6 a pause costs no process memory', () => {
    test('P6 fifty runs wait where two can be worked on, and the next one still runs', async () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const { agent } = agentOf({ erase }, [[call('erase', 'a')]])
      const quick = defineAgent({ name: 'quick', model: scriptedModel([[{ text: 'Quick.' }]]) })
      await using api = await serve({ agents: [agent, quick], maxConcurrentRuns: 2 })
      const runs = await Promise.all(Array.from({ length: 50 }, () => start(api)))
      expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['PAUSED']))
      expect(await start(api, { agentName: 'quick' })).toMatchObject({ status: 'COMPLETED' })
      await restart(api)
      expect(await listApprovals(api, { status: ['PENDING'] })).toHaveLength(50)
      await Promise.all(runs.map((run) => decide(api, approvalsOf(run)[0].id)))
      const over = await Promise.all(runs.map(({ id }) => finished(api, id)))
      expect(new Set(over.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
      expect(runs.map((run) => kept.times(callsOf(run)[0].id))).toEqual(runs.map(() => 1))
    })

    test('P6 the server can be restarted between pause and decision, and between two decisions, and everything is there', async () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const { agent } = agentOf({ erase }, [[call('erase', 'a'), call('erase', 'b')]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await restart(api)
      expect(await readRun(api, run.id)).toEqual(run)
      await using pending = watchPending(api)
      const { pendingApprovals } = await pending.data()
      expect(pendingApprovals).toMatchObject({ reason: 'INITIAL', approvals: approvalsOf(run) })
      const [first, second] = approvalsOf(run)
      await decide(api, second.id, { expectedRevision: 1, expectedFingerprint: second.fingerprint })
      await restart(api)
      expect(await until(api, run.id, 'ToolCallsDecided')).toMatchObject({
        status: 'PAUSED',
        requirements: [{ callId: first.callId }],
      })
      await decide(api, first.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    })

    test('P6 the process can be killed between pause and decision, and everything is there', async () => {
      await using db = database()
      using directory = temporaryDirectory()
      const effects = join(directory.path, 'effects')
      writeFileSync(effects, '')
      const options = { agents: errands, authenticated: true, database: db.url, env: { EFFECTS: effects } }
      await using before = await spawnServer(options)
      const run = await start(before, { agentName: 'two' })
      expect(run.status).toBe('PAUSED')
      await before.kill('SIGKILL')
      await using after = await spawnServer(options)
      expect(await readRun(after, run.id)).toEqual(run)
      for (const { id } of approvalsOf(run)) await decide(after, id)
      expect(await finished(after, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const [a, b] = callsOf(run)
      expect(readFileSync(effects, 'utf8')).toBe(`erase a ${a.id}\nerase b ${b.id}\n`)
    })
  })

  describe('P10 a model that needs its reasoning and metadata back gets them after a pause and a restart', () => {
    test('P10 from a provider that refuses a missing signature', async () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      const turns = [[call('erase', 'a')], [{ text: 'And' }, call('erase', 'b')], [{ text: 'Signed.' }]]
      const agent = defineAgent({ name: 'agent', model: strictModel(turns), tools: { erase }, maxRetries: 0 })
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      for (const turn of [1, 2]) {
        await restart(api)
        const paused = await until(api, run.id, 'RunPaused', turn)
        await decide(api, approvalsOf(paused)[turn - 1].id)
        if (turn === 1) await until(api, run.id, 'RunPaused', 2)
      }
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Signed.', error: null })
      expect(kept.inputs()).toEqual([{ id: 'a' }, { id: 'b' }])
    })

    test('P10 each part in its place, with its own', async () => {
      const erase = tool({ inputSchema, approval: 'required', execute: () => null })
      const sign = (signature: string) => ({ providerMetadata: { strict: { signature, nested: [{ n: 1 }] } } })
      const answer: ScriptedPart[] = [
        { reasoning: 'First I think. \u{1f914}', ...sign('1') },
        { text: 'I say.', ...sign('2') },
        { reasoning: '', ...sign('redacted') },
        { ...call('erase', 'a'), id: 'p1', ...sign('3') },
        { reasoning: 'I think again.', ...sign('4') },
        { ...call('erase', 'b'), id: 'p2' },
      ]
      const { agent, prompts } = agentOf({ erase }, [answer])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await restart(api)
      for (const { id } of approvalsOf(run)) await decide(api, id)
      await finished(api, run.id)
      const own = (signature: string) => ({ providerOptions: { strict: { signature, nested: [{ n: 1 }] } } })
      expect(prompts[1]?.find(({ role }) => role === 'assistant')?.content).toEqual([
        { type: 'reasoning', text: 'First I think. \u{1f914}', ...own('1') },
        { type: 'text', text: 'I say.', ...own('2') },
        { type: 'reasoning', text: '', ...own('redacted') },
        { type: 'tool-call', toolCallId: 'p1', toolName: 'erase', input: { id: 'a' }, ...own('3') },
        { type: 'reasoning', text: 'I think again.', ...own('4') },
        { type: 'tool-call', toolCallId: 'p2', toolName: 'erase', input: { id: 'b' } },
      ])
    })
  })

  describe('P11 `when`', () => {
    /** An agent whose `when` gives these, and counts; the run's message says which tools' ids to call with. */
    function asking(when: (input: { id: string }) => boolean | Promise<boolean>) {
      const kept = ledger()
      const asked: string[] = []
      const erase = tool({
        inputSchema,
        approval: 'required',
        when(input) {
          asked.push(input.id)
          return when(input)
        },
        execute: kept.enter,
      })
      const { agent } = agentOf({ erase }, (prompt) =>
        prompt.at(-1)?.role === 'user'
          ? messageOf(prompt)
              .split(' ')
              .map((id) => call('erase', id))
          : [{ text: 'Done.' }],
      )
      return { kept, asked, agent }
    }

    test('P11 is asked once per call, and after a restart and a changed answer its recorded verdict stands', async () => {
      const first = asking(async ({ id }) => id !== 'free')
      await using api = await serve({ agents: [first.agent] })
      const run = await start(api, { message: 'a free b' })
      expect(run).toMatchObject({ status: 'PAUSED' })
      expect(run.requirements.map(({ toolCall }: { toolCall: { arguments: unknown } }) => toolCall.arguments)).toEqual([
        { id: 'a' },
        { id: 'b' },
      ])
      expect(first.kept.inputs()).toEqual([{ id: 'free' }])
      expect(first.asked).toEqual(['a', 'free', 'b'])

      const second = asking(() => false)
      await restart(api, { agents: [second.agent] })
      expect((await readRun(api, run.id)).requirements).toEqual(run.requirements)
      const [a, b] = approvalsOf(run)
      await decide(api, a.id)
      await until(api, run.id, 'ToolCallsDecided')
      expect(second.kept.made).toEqual([])
      await decide(api, b.id, { decision: { reject: {} } })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(second.kept.inputs()).toEqual([{ id: 'a' }])
      expect([first.asked.length, second.asked.length]).toEqual([3, 0])
    })

    test('P11 a verdict of no stands too: a call that was free is not gated by a changed answer while it waits for its turn', async () => {
      const first = asking(({ id }) => id === 'a')
      await using api = await serve({ agents: [first.agent] })
      const run = await start(api, { message: 'a free' })
      const second = asking(() => true)
      await restart(api, { agents: [second.agent] })
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect([first.kept.inputs(), second.kept.inputs(), second.asked]).toEqual([[{ id: 'free' }], [{ id: 'a' }], []])
    })

    const throwing = {
      throws: () => {
        throw new Error('Who knows?')
      },
      rejects: () => Promise.reject(new Error('Who knows?')),
    }
    test.each(Object.entries(throwing))('P11 the call pauses when it %s', async (_, when) => {
      const { kept, asked, agent } = asking(when)
      await using api = await serve({ agents: [agent] })
      const run = await start(api, { message: 'a' })
      expect(run.status).toBe('PAUSED')
      expect(approvalsOf(run)).toMatchObject([{ status: 'PENDING' }])
      expect([kept.made, asked]).toEqual([[], ['a']])
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect([kept.inputs(), asked]).toEqual([[{ id: 'a' }], ['a']])
    })

    test('P11 what it does to its input changes nothing that is recorded, shown or run', async () => {
      const { kept, agent } = asking((input) => Boolean(Object.assign(input, { id: 'forged' })))
      await using api = await serve({ agents: [agent] })
      const run = await start(api, { message: 'a' })
      expect(approvalsOf(run)).toMatchObject([{ arguments: { id: 'a' } }])
      await decide(api, approvalsOf(run)[0].id)
      await finished(api, run.id)
      expect(kept.inputs()).toEqual([{ id: 'a' }])
    })
  })
})
