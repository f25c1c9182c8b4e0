import { expect, test } from 'vitest'
import { z } from 'zod'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { continueRun } from '../../src/runs/continue.ts'
import { hidden } from '../../src/sensitive.ts'
import { agentOf, anna, openShop, rita } from '../runs/workshop.ts'

test.each([
  ['hidden where nothing is', (n: number) => ({ list: Array.from({ length: n }, () => hidden) })],
  ['of another type', (n: number) => ({ list: Array.from({ length: n }, () => 'x') })],
  ['unknown', (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`field${i}`, i]))],
])('an edit that is wrong in very many places is refused, and told of the first: %s', async (_, edited) => {
  const inputSchema = z.object({ list: z.array(z.number()).default([]) })
  const guarded = { inputSchema, approval: 'required' as const, execute: () => 'done' }
  await using shop = await openShop({ agents: [agentOf({ guarded }, [[{ call: 'guarded', input: {} }]])] })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  const edit = (n: number) =>
    resolveApproval(shop.engine, anna, { approvalId: approval.id, decision: { approve: { arguments: edited(n) } } })
  for (const n of [1_000, 200_000]) {
    const answer = await edit(n)
    if (answer.__typename !== 'InvalidInputError') throw new Error(`It is ${answer.__typename}.`)
    expect(answer.issues.length).toBeLessThanOrEqual(100)
  }
  expect(await edit(0)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
})

test('very many answers to no call are refused, and told of the first', async () => {
  const plain = { inputSchema: z.object({}), pause: 'confirmation' as const, execute: () => 'done' }
  await using shop = await openShop({ agents: [agentOf({ plain }, [[{ call: 'plain', input: {} }]])] })
  const { id } = await shop.start({ waitMs: 20_000 })
  for (const n of [1_000, 200_000]) {
    const answers = Array.from({ length: n }, () => ({ callId: '', decision: { approve: {} } }))
    const answer = await continueRun(shop.engine, rita, { runId: id, answers })
    if (answer.__typename !== 'InvalidInputError') throw new Error(`It is ${answer.__typename}.`)
    expect(answer.issues.length).toBeLessThanOrEqual(100)
  }
})
