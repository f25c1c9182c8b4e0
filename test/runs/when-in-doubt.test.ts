import { tool as sdkTool } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, isDone, openShop, tally } from './workshop.ts'

const inputSchema = z.object({ amount: z.number() })

/** Where a run stands whose model asks for a payment of 5, how often it was made, and what its condition is said to have said. */
async function pay(tool: object) {
  const { mark, made } = tally()
  const agent = agentOf({ pay: { ...tool, inputSchema, execute: mark } as never }, [
    [{ call: 'pay', input: { amount: 5 } }],
  ])
  await using shop = await openShop({ agents: [agent] })
  const { id, status } = await shop.start({ waitMs: 20_000 })
  const calls = (await shop.journal(id)).flatMap((entry) => (entry.type === 'proposed' ? entry.calls : []))
  const before = made.size
  const pending = await shop.pending(id)
  for (const approval of pending) await shop.decide(approval)
  const end = pending.length > 0 ? await shop.until(id, isDone) : null
  return { status, before, pending: pending.length, when: calls[0]?.when, after: made.size, end: end?.status }
}
const paused = { status: 'PAUSED', before: 0, pending: 1, after: 1, end: 'COMPLETED' }

describe('a call pauses unless its condition says false', () => {
  test.each<[string, () => unknown]>([
    ['nothing', () => {}],
    ['null', () => null],
    ['0', () => 0],
    ["''", () => ''],
    ['NaN', () => Number.NaN],
    ['a promise of nothing', async () => {}],
    ['a promise of 0', async () => 0],
    ["'no'", () => 'no'],
    ['true', () => true],
  ])('when it says %s', async (_, when) => {
    expect(await pay({ approval: 'required', when })).toEqual({ ...paused, when: 'yes' })
    expect(await pay({ needsApproval: when })).toEqual({ ...paused, when: 'yes' })
  })

  test('and then it is made at once', async () => {
    const free = { status: 'COMPLETED', before: 1, pending: 0, when: 'no', after: 1, end: undefined }
    expect(await pay({ approval: 'required', when: () => false })).toEqual(free)
    expect(await pay({ approval: 'required', when: async () => false })).toEqual(free)
    expect(await pay({ needsApproval: async () => false })).toEqual(free)
  })
})

test("approval: 'required' laid over a tool of the AI SDK whose needsApproval frees calls: each call pauses", async () => {
  const theirs = sdkTool({ inputSchema, execute: () => 1, needsApproval: async ({ amount }) => amount > 1_000 })
  expect(await pay({ ...theirs })).toMatchObject({ status: 'COMPLETED', when: 'no' })
  expect(await pay({ ...theirs, approval: 'required' })).toEqual({ ...paused, when: 'not-asked' })
})
