import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AgentDefinition, defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { messageOf } from './support/agents.ts'
import { approvalsOf, decide, finished, person, restart, start } from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

/** Erases what the message says after 'erase', fails at 'fail', and else echoes; what it was sent is kept by message. */
function scene(settings: Pick<AgentDefinition, 'maxHistoryMessages'> = {}) {
  const sent = new Map<string, LanguageModelV4Prompt[]>()
  const erase = tool({
    inputSchema: z.object({ id: z.string() }),
    approval: 'required',
    execute: ({ id }) => ({ erased: id }),
  })
  const model = scriptedModel((prompt) => {
    const message = messageOf(prompt)
    sent.set(message, [...(sent.get(message) ?? []), structuredClone(prompt)])
    if (message === 'fail') throw new Error('Never.')
    const [verb, id = ''] = message.split(' ')
    return verb === 'erase' && turnOf(prompt) === 0 ? [{ call: 'erase', input: { id } }] : [{ text: `Re: ${message}` }]
  })
  return {
    sent,
    agent: defineAgent({
      name: 'agent',
      model,
      tools: { erase },
      maxRetries: 0,
      instructions: 'Be brief.',
      ...settings,
    }),
  }
}

/** What was said by whom, without the calls. */
const talk = (prompt: LanguageModelV4Prompt | undefined) =>
  (prompt ?? []).map(({ role, content }) =>
    typeof content === 'string'
      ? `${role}: ${content}`
      : `${role}: ${content.map((part) => (part.type === 'text' ? part.text : part.type)).join(' ')}`,
  )
const said = (message: string) => [`user: ${message}`, `assistant: Re: ${message}`]
const erased = (message: string) => [
  `user: ${message}`,
  'assistant: tool-call',
  'tool: tool-result',
  `assistant: Re: ${message}`,
]

forEachStore(({ serve, deleteRun }) => {
  describe('C14 a session', () => {
    test('C14 a later run sees the conversation so far, and a paused, a failed and a cancelled run do not break it', async () => {
      const { sent, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const session = { sessionId: 'talk' }
      await start(api, { ...session, message: 'one' })
      const paused = await start(api, { ...session, message: 'erase a' })
      expect(await start(api, { ...session, message: 'fail' })).toMatchObject({ status: 'FAILED' })
      expect(await start(api, { ...session, message: 'two' })).toMatchObject({ status: 'COMPLETED', output: 'Re: two' })
      expect(talk(sent.get('two')?.[0])).toEqual(['system: Be brief.', ...said('one'), 'user: two'])
      await start(api, { message: 'elsewhere' })
      expect(talk(sent.get('elsewhere')?.[0])).toEqual(['system: Be brief.', 'user: elsewhere'])

      await decide(api, approvalsOf(paused)[0].id)
      expect(await finished(api, paused.id)).toMatchObject({ status: 'COMPLETED' })
      await start(api, { ...session, message: 'three' })
      expect(talk(sent.get('three')?.[0])).toEqual([
        'system: Be brief.',
        ...said('one'),
        ...erased('erase a'),
        ...said('two'),
        'user: three',
      ])
    })

    test('C14 its conversation is fixed at a run’s start: another run that finishes in between, and a restart, change nothing', async () => {
      const first = scene()
      await using api = await serve({ agents: [first.agent] })
      const session = { sessionId: 'talk' }
      await start(api, { ...session, message: 'one' })
      const other = await start(api, { ...session, message: 'erase other' })
      const run = await start(api, { ...session, message: 'erase mine' })
      const [before] = first.sent.get('erase mine') ?? []
      expect(talk(before)).toEqual(['system: Be brief.', ...said('one'), 'user: erase mine'])
      await decide(api, approvalsOf(other)[0].id)
      expect(await finished(api, other.id)).toMatchObject({ status: 'COMPLETED' })
      await start(api, { ...session, message: 'two' })

      const second = scene()
      await restart(api, { agents: [second.agent] })
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Re: erase mine' })
      const [after] = second.sent.get('erase mine') ?? []
      expect(after?.slice(0, before?.length)).toEqual(before)
      expect(after?.slice(before?.length).map(({ role }) => role)).toEqual(['assistant', 'tool'])
    })

    test('C14 of it the model is sent the newest runs whose messages fit, as the limit was at a run’s start', async () => {
      const first = scene({ maxHistoryMessages: 5 })
      await using api = await serve({ agents: [first.agent] })
      const session = { sessionId: 'talk' }
      for (const message of ['one', 'two', 'three']) await start(api, { ...session, message })
      const run = await start(api, { ...session, message: 'erase a' })
      const newest = ['system: Be brief.', ...said('two'), ...said('three')]
      expect(talk(first.sent.get('erase a')?.[0])).toEqual([...newest, 'user: erase a'])

      const second = scene({ maxHistoryMessages: 4 })
      await restart(api, { agents: [second.agent] })
      await decide(api, approvalsOf(run)[0].id)
      await finished(api, run.id)
      expect(talk(second.sent.get('erase a')?.[0]).slice(0, newest.length)).toEqual(newest)
      // The four messages of this run fit, and nothing before it.
      await start(api, { ...session, message: 'four' })
      expect(talk(second.sent.get('four')?.[0])).toEqual(['system: Be brief.', ...erased('erase a'), 'user: four'])
    })

    test('C14 goes on without a run that was deleted', async () => {
      const first = scene()
      await using api = await serve({ agents: [first.agent] })
      const session = { sessionId: 'talk' }
      const gone = await start(api, { ...session, message: 'one' })
      await start(api, { ...session, message: 'two' })
      const run = await start(api, { ...session, message: 'erase a' })
      await deleteRun(api.database, gone.id)

      const second = scene()
      await restart(api, { agents: [second.agent] })
      await decide(api, approvalsOf(run)[0].id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Re: erase a' })
      const left = ['system: Be brief.', ...said('two')]
      expect(talk(second.sent.get('erase a')?.[0]).slice(0, 4)).toEqual([...left, 'user: erase a'])
      await start(api, { ...session, message: 'three' })
      expect(talk(second.sent.get('three')?.[0])).toEqual([...left, ...erased('erase a'), 'user: three'])
    })

    test('C14 of another requester is NotFound, for admins too, and another tenant’s of that name is another session', async () => {
      const { sent, agent } = scene()
      await using api = await serve({ agents: [agent] })
      // The session exists from its first run on, also while that is paused.
      const run = await start(api, { sessionId: 'talk', message: 'erase a' })
      const input = { agentName: 'agent', message: 'hello', sessionId: 'talk', waitMs: 30_000 }
      for (const as of ['requester-2', 'admin-1', 'requester+approver-1']) {
        const { startRun } = await api.data(documents.startRun, { input }, as)
        expect(startRun).toEqual({ __typename: 'NotFoundError', message: 'There is no such session.' })
        const answer = await api.server.runs.start(person(as), { ...input, idempotencyKey: as })
        expect(answer.__typename).toBe('NotFoundError')
      }
      expect(sent.has('hello')).toBe(false)
      const mine = await start(api, { ...input, as: 'requester-1@two' })
      expect(mine).toMatchObject({ status: 'COMPLETED' })
      expect(talk(sent.get('hello')?.[0])).toEqual(['system: Be brief.', 'user: hello'])
      const { runs } = await api.data(
        '{ runs(filter: { sessionId: "talk" }) { edges { node { id } } } }',
        {},
        'admin-1',
      )
      expect(runs.edges).toEqual([{ node: { id: run.id } }])
    })

    test('C14 two requesters who begin it at once: it is the first one’s', async () => {
      const { agent } = scene()
      await using api = await serve({ agents: [agent] })
      for (const n of Array.from({ length: 20 }, (_, index) => index)) {
        const input = { agentName: 'agent', message: 'hello', sessionId: `talk ${n}`, waitMs: 30_000 }
        const both = ['requester-1', 'requester-2'].map((as) => api.data(documents.startRun, { input }, as))
        const names = (await Promise.all(both)).map(({ startRun }) => startRun.__typename)
        expect(names.sort()).toEqual(['NotFoundError', 'StartRunSuccess'])
      }
    })
  })
})
