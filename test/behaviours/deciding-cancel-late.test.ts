import { expect, test } from 'vitest'
import { z } from 'zod'
import { scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { faulty, turns } from '../runs/faulty-store.ts'
import { agentOf, isDone, openShop, rita } from '../runs/workshop.ts'
import { ledger } from './support/agents.ts'

// A store that answers late lets the model's answer come between the cancel's signal and the look at it. Over SQLite alone it never does.

test('R16 a cancel that is seen when approvals are drafted and not yet written leaves none of them PENDING', async () => {
  const kept = ledger()
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const looking = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<void>()
  let late = false
  const erase = tool({ inputSchema: z.object({ id: z.string() }), approval: 'required', execute: kept.enter })
  const model = scriptedModel(async (prompt) => {
    asked.resolve()
    await answer.promise
    return turnOf(prompt) === 0 ? [{ call: 'erase', input: { id: 'a' } }] : [{ text: 'Done.' }]
  })
  await using shop = await openShop(
    { agents: [agentOf({ erase }, [], { model })] },
    {
      change: (store) =>
        faulty(store, async (method, call) => {
          const result = await call()
          if (method !== 'runs.get' || !late) return result
          late = false
          looking.resolve()
          await seen.promise
          return result
        }),
    },
  )
  const { id } = await shop.start()
  await asked.promise
  await turns(5)
  await shop.store.runs.signal(id, { by: rita.id, at: shop.store.now(), reason: null })
  late = true
  shop.engine.worker.wake(id)
  await looking.promise
  answer.resolve()
  await turns(20)
  seen.resolve()
  expect((await shop.until(id, isDone)).status).toBe('CANCELLED')
  expect(await shop.pending(id)).toEqual([])
  expect(kept.made).toEqual([])
})
