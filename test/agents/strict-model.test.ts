import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { readStream } from '../support/read-stream.ts'
import { strictModel } from '../support/strict-model.ts'

const model = strictModel([[{ text: 'one' }], [{ text: 'two' }]])
const user: LanguageModelV4Prompt[number] = { role: 'user', content: [{ type: 'text', text: 'hello' }] }

async function firstReasoning() {
  const { stream } = await model.doStream({ prompt: [user] })
  const parts = await readStream(stream)
  const text = parts.map((part) => (part.type === 'reasoning-delta' ? part.delta : '')).join('')
  const end = parts.find((part) => part.type === 'reasoning-end')
  return { type: 'reasoning' as const, text, providerOptions: end?.providerMetadata }
}
const answered = (...content: Extract<LanguageModelV4Prompt[number], { role: 'assistant' }>['content']) =>
  model.doStream({ prompt: [user, { role: 'assistant', content }] })

test('the strict model takes its reasoning back only as it sent it', async () => {
  const { type, text, providerOptions } = await firstReasoning()
  const one = { type: 'text' as const, text: 'one' }
  await expect(answered({ type, text, ...(providerOptions && { providerOptions }) }, one)).resolves.toBeDefined()
  await expect(answered(one)).rejects.toThrow('does not begin with its reasoning')
  await expect(answered({ type, text }, one)).rejects.toThrow("has not its reasoning's signature")
  await expect(answered(one, { type, text, ...(providerOptions && { providerOptions }) })).rejects.toThrow(
    'does not begin',
  )
})
