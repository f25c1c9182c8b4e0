import { expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, openShop, tally } from './workshop.ts'

const inputSchema = z.object({ list: z.array(z.unknown()).default([]) })

/** As providers do: what the model is sent is JSON. */
function agentThatIsSent(input: string) {
  const { mark, made } = tally()
  const sent: string[] = []
  const agent = agentOf(
    { look: { inputSchema, execute: mark } },
    (prompt) => {
      sent.push(JSON.stringify(prompt))
      return sent.length === 1 ? [{ call: 'look', input }] : [{ text: 'Done.' }]
    },
    { maxRetries: 0 },
  )
  return { agent, made, sent }
}

test.each<[string, string]>([
  ['do not parse', '{"list":'],
  ['are no object', '[1]'],
  ['are of the wrong type', '{"list":7}'],
  ['hold an integer beyond 2^53', '{"list":[9007199254740993]}'],
  ['are nested 101 levels deep', `{"list":${'['.repeat(101)}${']'.repeat(101)}}`],
  ['are nested 5,000 levels deep', `{"list":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ['are too long', JSON.stringify({ list: ['x'.repeat(300_000)] })],
])('arguments that %s become an error that the model hears, and the run goes on', async (_, input) => {
  const { agent, made, sent } = agentThatIsSent(input)
  await using shop = await openShop({ agents: [agent] })
  const run = await shop.start({ waitMs: 10_000 })
  expect(run).toMatchObject({ status: 'COMPLETED', error: null })
  expect(made.size).toBe(0)
  expect(sent[1]).toContain('error-text')
})

test('no arguments at all are an empty object', async () => {
  const { agent, made } = agentThatIsSent('')
  await using shop = await openShop({ agents: [agent] })
  expect(await shop.start({ waitMs: 10_000 })).toMatchObject({ status: 'COMPLETED' })
  expect(made.size).toBe(1)
})
