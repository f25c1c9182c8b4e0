import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defaultSettings } from '../../src/engine.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { agentOf, isDone, openShop, openWorkplace } from './workshop.ts'

const usersIn = (prompt: LanguageModelV4Prompt | undefined) =>
  (prompt ?? []).flatMap(({ role, content }) =>
    role === 'user' ? content.flatMap((part) => (part.type === 'text' ? [part.text.slice(0, 3)] : [])) : [],
  )

/** What the last of some runs in one session, each with this message and this result of its tool, was sent. */
async function lastPromptOf(
  messages: readonly string[],
  transcript: number,
  result: string,
  said: (message: string) => string = () => 'ok',
  maxHistoryMessages = 200,
) {
  const prompts: LanguageModelV4Prompt[] = []
  let current = ''
  const look = { inputSchema: z.object({}), execute: () => result }
  const agent = agentOf(
    { look },
    (prompt) => {
      prompts.push(prompt)
      return prompt.at(-1)?.role === 'user' ? [{ call: 'look' }] : [{ text: said(current) }]
    },
    { maxHistoryMessages },
  )
  const limits = { ...defaultSettings.limits, transcript }
  await using shop = await openShop({ agents: [agent], settings: { limits } })
  for (const message of messages) {
    current = message
    const run = await shop.start({ message, sessionId: 'talk', waitMs: 20_000 })
    expect(run).toMatchObject({ status: 'COMPLETED', output: said(message) })
  }
  return prompts.at(-1)
}
const messages = ['one', 'two', 'tri', 'for', 'now'].map((name) => name.padEnd(1_000, '.'))

test('of a session larger than a transcript the newest runs that fit are in the prompt, whole and in order', async () => {
  // Each run takes its message, its result and its answers: a good 2,000 bytes.
  const prompt = await lastPromptOf(messages, 5_000, 'r'.repeat(1_000))
  expect(usersIn(prompt)).toEqual(['tri', 'for', 'now'])
  const roles = ['user', 'assistant', 'tool', 'assistant']
  expect(prompt?.map(({ role }) => role)).toEqual([...roles, ...roles, 'user', 'assistant', 'tool'])
})

test('one that fits is all there', async () => {
  expect(usersIn(await lastPromptOf(messages, 20_000, 'r'))).toEqual(['one', 'two', 'tri', 'for', 'now'])
})

test('nothing is taken from before a run that does not fit: the conversation would have a hole', async () => {
  const said = (message: string) => (message.startsWith('big') ? 'x'.repeat(4_500) : 'ok')
  const prompt = await lastPromptOf(['old', 'big'.padEnd(1_000, '.'), 'now'], 5_000, 'r', said)
  expect(usersIn(prompt)).toEqual(['now'])
})

test('of a session with more messages than the agent is given, the newest runs that fit, each whole', async () => {
  // Each run takes four messages: the question, the call, its result, the answer.
  const usersWith = async (most: number) => usersIn(await lastPromptOf(messages, 1_000_000, 'r', () => 'ok', most))
  expect(await usersWith(0)).toEqual(['now'])
  expect(await usersWith(3)).toEqual(['now'])
  expect(await usersWith(4)).toEqual(['for', 'now'])
  expect(await usersWith(11)).toEqual(['tri', 'for', 'now'])
  expect(await usersWith(16)).toEqual(['one', 'two', 'tri', 'for', 'now'])
})

test('a run keeps to the number of messages that held when it started, whoever goes on with it', async () => {
  const sent: LanguageModelV4Prompt[] = []
  const wait = { inputSchema: z.object({}), approval: 'required', execute: () => 'waited' }
  const agentWith = (maxHistoryMessages: number) =>
    agentOf(
      { wait },
      (prompt) => {
        sent.push(prompt)
        return prompt.at(-1)?.role === 'user' && usersIn(prompt).at(-1) === 'now'
          ? [{ call: 'wait' }]
          : [{ text: 'ok' }]
      },
      { maxHistoryMessages },
    )
  await using store = await openSqliteStore({ path: ':memory:' })
  const first = await openWorkplace({ agents: [agentWith(2)], store })
  for (const message of ['one', 'two']) await first.start({ message, sessionId: 'talk', waitMs: 20_000 })
  const { id } = await first.start({ message: 'now', sessionId: 'talk', waitMs: 20_000 })
  expect(usersIn(sent.at(-1))).toEqual(['two', 'now'])
  await first[Symbol.asyncDispose]()
  await using second = await openWorkplace({ agents: [agentWith(100)], store })
  for (const approval of await second.pending(id)) await second.decide(approval)
  await second.until(id, isDone)
  expect(usersIn(sent.at(-1))).toEqual(['two', 'now'])
  const [entry] = await second.journal(id)
  expect(entry).toMatchObject({ type: 'started', historyMessages: 2, history: [{}, {}] })
})
