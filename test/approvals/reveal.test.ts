import { expect, test } from 'vitest'
import { z } from 'zod'
import { parsePrincipal, type Role } from '../../src/access/principal.ts'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { revealArgument } from '../../src/approvals/reveal.ts'
import type { RevealArgumentInput } from '../../src/inputs.ts'
import type { ApprovalChange, ApprovalRecord } from '../../src/store/records.ts'
import { type Around, faulty, unavailable } from '../runs/faulty-store.ts'
import { agentOf, anna, isDone, openShop, rita } from '../runs/workshop.ts'

const person = (id: string, ...roles: Role[]) => parsePrincipal({ id, roles, tenant: 'default' })

/** A run that waits for one approval of `remove({id: 'u_1'})`, whose id is sensitive. */
async function waiting({
  around = (_, call) => call(),
  allowSelfApproval = false,
}: {
  around?: Around
  allowSelfApproval?: boolean
} = {}) {
  const inputSchema = z.object({ id: z.string().meta({ sensitive: true }) })
  const remove = { inputSchema, approval: 'required', execute: () => 'gone' }
  const shop = await openShop(
    { agents: [agentOf({ remove }, [[{ call: 'remove', input: { id: 'u_1' } }]])], settings: { allowSelfApproval } },
    { change: (store) => faulty(store, around) },
  )
  const run = await shop.start({ waitMs: 5_000 })
  const [approval] = await shop.pending(run.id)
  if (!approval) throw new Error('An approval was expected.')
  const reveal = (by = anna, more: Partial<RevealArgumentInput> = {}) =>
    revealArgument(shop.engine, by, { approvalId: approval.id, path: ['id'], ...more })
  const record = async () => (await shop.store.approvals.get(approval.id)) ?? approval
  return { shop, run, approval, reveal, record, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() }
}

test('a look that cannot be written down shows nothing; one whose answer was lost is on record and shows nothing either', async () => {
  let fails: 'before' | 'after' | null = null
  await using scene = await waiting({
    async around(method, call) {
      if (method !== 'approvals.note' || fails === null) return call()
      if (fails === 'after') await call()
      throw unavailable()
    },
  })
  for (const [how, revision] of [
    ['before', 1],
    ['after', 2],
  ] as const) {
    fails = how
    await expect(scene.reveal()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await scene.record()).revision).toBe(revision)
  }
  fails = null
  expect(await scene.reveal()).toMatchObject({ value: 'u_1', approval: { revision: 3 } })
})

test('the write precedes the answer: by the time a value is given, its look is in the store', async () => {
  await using scene = await waiting()
  const answers = Array.from({ length: 50 }, async () => {
    const answer = await scene.reveal()
    if (answer.__typename !== 'RevealArgumentSuccess') throw new Error(answer.message)
    expect((await scene.record()).revision).toBeGreaterThanOrEqual(answer.approval.revision)
    return answer.approval.revision
  })
  expect((await Promise.all(answers)).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 2))
})

test('who requested the run may look where they may decide, and else not, whatever their role', async () => {
  const both = person(rita.id.slice(4), 'REQUESTER', 'APPROVER')
  const own = { __typename: 'ForbiddenError', message: expect.stringContaining('You requested') }
  await using strict = await waiting()
  expect(await strict.reveal(both)).toMatchObject(own)
  expect(await strict.reveal(person('eve', 'REQUESTER', 'AUDITOR'))).toMatchObject({ __typename: 'ForbiddenError' })
  expect((await strict.record()).revision).toBe(1)
  await using lenient = await waiting({ allowSelfApproval: true })
  expect(await lenient.reveal(both)).toMatchObject({ value: 'u_1' })
})

test('a look after the decision changes nothing of it: the call runs once, with what was decided', async () => {
  await using scene = await waiting()
  const decision = { approve: { arguments: { id: 'u_2' } } }
  await resolveApproval(scene.shop.engine, anna, { approvalId: scene.approval.id, decision })
  expect(await scene.reveal()).toMatchObject({ value: 'u_2' })
  expect(await scene.reveal(anna, { proposed: true })).toMatchObject({ value: 'u_1' })
  expect(await scene.shop.until(scene.run.id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect(await scene.record()).toMatchObject({ status: 'APPROVED', revision: 4, unheard: false })
  expect((await scene.record()).history.map(({ action, note }) => [action, note])).toEqual([
    ['PROPOSED', null],
    ['APPROVED', null],
    ['REVEALED', 'id'],
    ['REVEALED', 'id (as proposed)'],
  ])
})

test('looks have an end, before a record becomes too large to be decided', async () => {
  let looks = 998
  const looked = ({ history, ...record }: ApprovalRecord): ApprovalRecord => ({
    ...record,
    history: [
      ...history,
      ...Array.from({ length: looks }, () => ({ ...history[0], action: 'REVEALED' }) as ApprovalChange),
    ],
  })
  await using scene = await waiting({
    around: async (method, call) => (method === 'approvals.get' ? looked((await call()) as ApprovalRecord) : call()),
  })
  expect(await scene.reveal()).toMatchObject({ __typename: 'RevealArgumentSuccess' })
  looks = 999
  expect(await scene.reveal()).toMatchObject({ __typename: 'ForbiddenError' })
})

test.each<[string, unknown]>([
  ['no list', 'id'],
  ['a number', [0]],
  ['nothing', undefined],
])('without GraphQL, a path that is %s is refused', async (_, path) => {
  await using scene = await waiting()
  expect(await scene.reveal(anna, { path: path as string[] })).toMatchObject({ __typename: 'InvalidInputError' })
  expect((await scene.record()).revision).toBe(1)
})
