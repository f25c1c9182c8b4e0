import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parsePrincipal, type Role } from '../../src/access/principal.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import type { ResolveApprovalInput } from '../../src/inputs.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { type Around, faulty, unavailable } from '../runs/faulty-store.ts'
import { agentOf, anna, isDone, openShop, rita } from '../runs/workshop.ts'

const person = (id: string, role: Role, tenant = 'default') => parsePrincipal({ id, roles: [role], tenant })

type Options = { expiresIn?: string; clock?: () => number; around?: Around; allowSelfApproval?: boolean }

/** A run that waits for one approval of `remove({id: 'u_1'})`. */
async function waiting({ expiresIn, clock, around = (_, call) => call(), allowSelfApproval = false }: Options = {}) {
  const removed: unknown[] = []
  const remove = {
    inputSchema: z.object({ id: z.string(), hard: z.boolean().default(false) }),
    approval: { type: 'required', ...(expiresIn && { expiresIn }) },
    execute: (input: unknown) => void removed.push(input),
  }
  const agent = agentOf({ remove }, [[{ call: 'remove', input: { id: 'u_1' } }]])
  const shop = await openShop(
    { agents: [agent], settings: { allowSelfApproval } },
    { ...(clock && { clock }), change: (store) => faulty(store, around) },
  )
  const run = await shop.start({ waitMs: 5_000 })
  const [approval] = await shop.pending(run.id)
  if (!approval) throw new Error('An approval was expected.')
  const resolve = (input: Partial<ResolveApprovalInput> = {}, by = anna) =>
    resolveApproval(shop.engine, by, { approvalId: approval.id, decision: { approve: {} }, ...input })
  return { shop, run, approval, removed, resolve, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() }
}
const stands = (answer: Awaited<ReturnType<typeof resolveApproval>>): ApprovalRecord => {
  if (!('approval' in answer)) throw new Error(answer.message)
  return answer.approval
}

test('R1 a decision is on record with who, when, note and one more revision', async () => {
  await using scene = await waiting()
  const answer = await scene.resolve({ note: 'Checked.', decision: { reject: { message: 'Not this one.' } } })
  expect(answer.__typename).toBe('ResolveApprovalSuccess')
  expect(stands(answer)).toMatchObject({
    status: 'REJECTED',
    revision: 2,
    resolution: { by: anna.id, cause: 'DECISION', note: 'Checked.', message: 'Not this one.', at: expect.any(Number) },
    history: [{ action: 'PROPOSED' }, { action: 'REJECTED', by: anna.id, revision: 2, note: 'Checked.' }],
  })
  expect(await scene.shop.until(scene.run.id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect(scene.removed).toEqual([])
})

test('R2 of 1,000 at once one wins, and the others are told what stands', async () => {
  await using scene = await waiting()
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) =>
      scene.resolve({ decision: n % 2 ? { approve: {} } : { reject: {} } }, person(`approver${n}`, 'APPROVER')),
    ),
  )
  const won = answers.filter(({ __typename }) => __typename === 'ResolveApprovalSuccess')
  expect(won).toHaveLength(1)
  expect(answers.filter(({ __typename }) => __typename === 'ApprovalConflictError')).toHaveLength(999)
  const winner = won[0] && stands(won[0])
  expect(new Set(answers.map((answer) => stands(answer).resolution?.by))).toEqual(new Set([winner?.resolution?.by]))
  expect(new Set(answers.map((answer) => stands(answer).revision))).toEqual(new Set([2]))
  await scene.shop.until(scene.run.id, isDone)
  expect(scene.removed).toHaveLength(winner?.status === 'APPROVED' ? 1 : 0)
})

test('R3 a second decision changes nothing, whether it is the same or another', async () => {
  await using scene = await waiting()
  const first = stands(await scene.resolve({ note: 'first' }))
  for (const decision of [{ approve: {} }, { reject: {} }, { approve: { arguments: { id: 'u_2' } } }]) {
    const answer = await scene.resolve({ decision, note: 'second' })
    expect(answer.__typename).toBe('ApprovalConflictError')
    expect(stands(answer)).toMatchObject({ revision: 2, resolution: first.resolution })
  }
})

test('R4, R5 what the caller expects must be so', async () => {
  await using scene = await waiting()
  const { revision, fingerprint } = scene.approval
  for (const [input, other] of [
    [{ expectedRevision: 2 }, 'its revision is 1'],
    [{ expectedFingerprint: 'f' }, `its fingerprint is ${fingerprint}`],
    [{ expectedStatus: 'APPROVED' }, 'its status is PENDING'],
  ] as const) {
    const answer = await scene.resolve(input)
    expect(answer).toMatchObject({
      __typename: 'ApprovalConflictError',
      message: `The approval is not what you expected: ${other}. Look at it again, then decide.`,
    })
    expect(stands(answer)).toMatchObject({ status: 'PENDING', revision: 1 })
  }
  const right = { expectedRevision: revision, expectedFingerprint: fingerprint, expectedStatus: 'PENDING' }
  expect((await scene.resolve(right)).__typename).toBe('ResolveApprovalSuccess')
})

describe('R4 the same idempotency key', () => {
  test('gets the first answer again; not for another decision, another person or without it', async () => {
    await using scene = await waiting()
    const first = await scene.resolve({ idempotencyKey: 'k' })
    const rejecting = await scene.resolve({ idempotencyKey: 'k', decision: { reject: {} } })
    expect(rejecting.__typename).toBe('ApprovalConflictError')
    const again = await scene.resolve({ idempotencyKey: 'k' })
    expect(again.__typename).toBe('ResolveApprovalSuccess')
    expect(stands(again).resolution).toEqual(stands(first).resolution)
    const other = person('otto', 'APPROVER')
    expect((await scene.resolve({ idempotencyKey: 'k' }, other)).__typename).toBe('ApprovalConflictError')
    expect((await scene.resolve()).__typename).toBe('ApprovalConflictError')
  })

  test('at once, many times, is one decision that all of them made', async () => {
    await using scene = await waiting()
    const answers = await Promise.all(Array.from({ length: 50 }, () => scene.resolve({ idempotencyKey: 'k' })))
    expect(new Set(answers.map(({ __typename }) => __typename))).toEqual(new Set(['ResolveApprovalSuccess']))
    expect(new Set(answers.map((answer) => stands(answer).revision))).toEqual(new Set([2]))
  })
})

describe('S6 a write whose answer was lost', () => {
  const losing = (written: boolean) => {
    let lost = false
    return async (method: string, call: () => Promise<unknown>) => {
      if (method !== 'approvals.decide' || lost) return call()
      lost = true
      if (written) await call()
      throw unavailable()
    }
  }
  test('is the decision that it is, and the run goes on', async () => {
    await using scene = await waiting({ around: losing(true) })
    expect((await scene.resolve()).__typename).toBe('ResolveApprovalSuccess')
    await scene.shop.until(scene.run.id, isDone)
    expect(scene.removed).toEqual([{ id: 'u_1', hard: false }])
  })
  test('and that was not made, fails, and can be made again', async () => {
    await using scene = await waiting({ around: losing(false) })
    await expect(scene.resolve()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await scene.resolve()).__typename).toBe('ResolveApprovalSuccess')
  })
})

test('R6 edited arguments are checked, recorded beside the proposed ones, fingerprinted, and run', async () => {
  await using scene = await waiting()
  const bad = await scene.resolve({ decision: { approve: { arguments: { id: 7 } } } })
  expect(bad).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: ['approve', 'arguments', 'id'] }] })
  const edited = stands(await scene.resolve({ decision: { approve: { arguments: { id: 'u_2' } } } }))
  const text = '{"hard":false,"id":"u_2"}'
  expect(edited).toMatchObject({ arguments: '{"hard":false,"id":"u_1"}', resolution: { arguments: text } })
  const digest = scene.shop.engine.agents.get('agent')?.tools.get('remove')?.schemaDigest ?? ''
  expect(edited.resolution?.fingerprint).toBe(
    fingerprint('remove', digest, edited.resolution?.arguments ?? edited.arguments),
  )
  await scene.shop.until(scene.run.id, isDone)
  expect(scene.removed).toEqual([{ id: 'u_2', hard: false }])
})

test('R13 an unknown, malformed, foreign or invisible approval: NotFoundError, word for word the same', async () => {
  await using scene = await waiting()
  const answers = await Promise.all([
    scene.resolve({ approvalId: scene.approval.id.replace(/_0$/, '_9') }),
    scene.resolve({ approvalId: "' OR 1=1" }),
    scene.resolve({}, person('anna', 'APPROVER', 'other')),
    scene.resolve({}, person('rita', 'ADMIN', 'other')),
    scene.resolve({}, person('otto', 'REQUESTER')),
  ])
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  expect(answers[0]?.__typename).toBe('NotFoundError')
})

test('R14 who requested the run decides nothing of it, unless they may', async () => {
  const alsoApprover = { ...rita, roles: ['REQUESTER', 'APPROVER'] as const }
  await using strict = await waiting()
  expect((await strict.resolve({}, alsoApprover)).__typename).toBe('ForbiddenError')
  expect((await strict.resolve({}, rita)).__typename).toBe('ForbiddenError')
  expect((await strict.resolve({}, person('audrey', 'AUDITOR'))).__typename).toBe('ForbiddenError')
  await using open = await waiting({ allowSelfApproval: true })
  expect((await open.resolve({}, alsoApprover)).__typename).toBe('ResolveApprovalSuccess')
})

describe('R15 from its deadline on', () => {
  test('an approval is EXPIRED for whoever comes, to the millisecond; the call does not run', async () => {
    let now = 1_000_000
    await using scene = await waiting({ expiresIn: '1h', clock: () => now })
    expect(scene.approval.expiresAt).toBe(1_000_000 + 3_600_000)
    now += 3_600_000
    const answer = await scene.resolve()
    expect(answer.__typename).toBe('ApprovalConflictError')
    expect(stands(answer)).toMatchObject({
      status: 'EXPIRED',
      revision: 2,
      resolution: { by: null, cause: 'DEADLINE' },
    })
    expect(await scene.shop.until(scene.run.id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(scene.removed).toEqual([])
  })
  test('and just before it, it can be decided, and runs after it', async () => {
    let now = 1_000_000
    await using scene = await waiting({ expiresIn: '1h', clock: () => now })
    now += 3_599_999
    expect((await scene.resolve()).__typename).toBe('ResolveApprovalSuccess')
    now += 10
    await scene.shop.until(scene.run.id, isDone)
    expect(scene.removed).toHaveLength(1)
  })
})
