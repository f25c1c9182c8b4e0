import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defaultSettings } from '../../src/engine.ts'
import { agentOf, openShop } from './workshop.ts'

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
) {
  const prompts: LanguageModelV4Prompt[] = []
  let current = ''
  const look = { inputSchema: z.object({}), execute: () => result }
  const agent = agentOf({ look }, (prompt) => {
    prompts.push(prompt)
    return prompt.at(-1)?.role === 'user' ? [{ call: 'look' }] : [{ text: said(current) }]
  })
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
