import { expect, test } from 'vitest'
import { z } from 'zod'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { agentOf, anna, isDone, openShop } from '../runs/workshop.ts'

/** What the tool is made with when the model proposes and the approver edits. */
async function madeWith(inputSchema: z.ZodObject, proposed: object, edited: object) {
  const made: unknown[] = []
  const execute = (input: unknown) => {
    made.push(input)
    return 'done'
  }
  const agent = agentOf({ remove: { inputSchema, approval: 'required', execute } }, [
    [{ call: 'remove', input: proposed }],
  ])
  await using shop = await openShop({ agents: [agent] })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  const decision = { approve: { arguments: edited } }
  const answer = await resolveApproval(shop.engine, anna, { approvalId: approval.id, decision })
  expect(answer).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  return made
}

test('edited arguments run as the schema gives them, where its output is settled', async () => {
  const schema = z.object({
    mode: z
      .string()
      .toLowerCase()
      .pipe(z.enum(['a', 'b'])),
    path: z
      .string()
      .overwrite((path) => path.replaceAll('..', ''))
      .startsWith('/'),
  })
  const made = await madeWith(schema, { mode: 'A', path: '/x' }, { mode: 'B', path: '/../../etc' })
  expect(made).toEqual([{ mode: 'b', path: '///etc' }])
})

test('edited arguments run as they were written, with what was left out filled in, where the schema changes its own output', async () => {
  const schema = z.object({ amount: z.number().overwrite((x) => x * 2), mode: z.string().toLowerCase().default('a') })
  expect(await madeWith(schema, { amount: 5 }, { amount: 7 })).toEqual([{ amount: 7, mode: 'a' }])
})
