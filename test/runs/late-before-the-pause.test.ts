import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { agentOf, isDone, openShop, tally } from './workshop.ts'

test('a call whose deadline passes before its run has paused expires by itself', async () => {
  const calls = tally()
  const afterTheDeadline = async () => {
    for (const asked = Date.now(); Date.now() < asked + 10; ) await setImmediate()
    return true
  }
  const approval = { type: 'required' as const, expiresIn: '1ms' as const }
  const remove = { inputSchema: z.object({}), approval, when: afterTheDeadline, execute: calls.mark }
  await using shop = await openShop({ agents: [agentOf({ remove }, [[{ call: 'remove' }], [{ text: 'Too late.' }]])] })
  const { id } = await shop.start()
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED', output: 'Too late.', due: null })
  expect(await shop.pending(id)).toEqual([])
  expect(calls.made.size).toBe(0)
})
