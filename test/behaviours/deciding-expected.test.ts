import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { heard, oneErasure } from './support/agents.ts'
import {
  approvalsOf,
  decide,
  finished,
  person,
  type Resolve,
  readApproval,
  resolve,
  restart,
  start,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

forEachStore(({ serve }) => {
  describe('R4 what is expected must be so', () => {
    const stale: Record<string, (approval: AnyData) => Resolve> = {
      'a revision of the past': () => ({ expectedRevision: 0 }),
      'a revision of the future': () => ({ expectedRevision: 2 }),
      'another fingerprint': () => ({ expectedFingerprint: 'f'.repeat(64) }),
      'an empty fingerprint': () => ({ expectedFingerprint: '' }),
      'a fingerprint in capitals': ({ fingerprint }) => ({ expectedFingerprint: fingerprint.toUpperCase() }),
      'the right revision and a wrong fingerprint': () => ({ expectedRevision: 1, expectedFingerprint: 'x' }),
      'the right fingerprint and a wrong revision': ({ fingerprint }) => ({
        ...{ expectedRevision: 3, expectedFingerprint: fingerprint },
      }),
    }
    test('R4 any other revision or fingerprint is refused with the current record', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      for (const expected of Object.values(stale)) {
        const attempt = expected(approval)
        expect(await resolve(api, approval.id, attempt)).toMatchObject({
          __typename: 'ApprovalConflictError',
          approval,
        })
        const input = { approvalId: approval.id, decision: { approve: {} }, ...attempt }
        expect(await api.server.approvals.resolve(person('approver-1'), input)).toMatchObject({
          __typename: 'ApprovalConflictError',
          approval: { id: approval.id, status: 'PENDING', revision: 1 },
        })
      }
      expect(await readApproval(api, approval.id)).toEqual(approval)
      await decide(api, approval.id, { expectedRevision: 1, expectedFingerprint: approval.fingerprint })
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(1)
    })

    test('R5 an expectedStatus other than PENDING matches nothing that may be resolved', async () => {
      const { agents } = oneErasure()
      await using api = await serve({ agents })
      const [approval] = approvalsOf(await start(api, { resumeMode: 'MANUAL' }))
      const statuses = ['APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED']
      const all = (standing: AnyData) =>
        Promise.all(
          statuses.map(async (expectedStatus) =>
            expect(await resolve(api, approval.id, { expectedStatus })).toMatchObject({
              ...{ __typename: 'ApprovalConflictError', approval: standing },
            }),
          ),
        )
      await all(approval)
      expect(await readApproval(api, approval.id)).toEqual(approval)
      await all(await decide(api, approval.id, { expectedStatus: 'PENDING' }))
    })

    test('R4 the same key again gets the first answer again: at once a hundred times, later, and after a restart', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      const attempt = {
        idempotencyKey: 'k',
        expectedRevision: 1,
        expectedFingerprint: approval.fingerprint,
        note: 'Once.',
      }
      const answers = await Promise.all(Array.from({ length: 100 }, () => resolve(api, approval.id, attempt)))
      const [first] = answers
      expect(first).toMatchObject({
        __typename: 'ResolveApprovalSuccess',
        approval: { revision: 2, status: 'APPROVED' },
      })
      for (const answer of answers) expect(answer).toEqual(first)
      await finished(api, run.id)
      expect(await resolve(api, approval.id, attempt)).toEqual(first)
      await restart(api)
      expect(await resolve(api, approval.id, attempt)).toEqual(first)
      const input = { approvalId: approval.id, decision: { approve: {} }, ...attempt }
      expect(await api.server.approvals.resolve(person('approver-1'), input)).toMatchObject({
        __typename: 'ResolveApprovalSuccess',
        approval: { revision: 2, resolution: { by: 'prn_approver-1', note: 'Once.' } },
      })
      expect(kept.made).toHaveLength(1)
    })

    test('R4 a key answers for its decision only: another decision under it is a second one, and refused', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const [{ id }] = approvalsOf(await start(api, { resumeMode: 'MANUAL' }))
      const standing = await decide(api, id, { idempotencyKey: 'k' })
      for (const decision of [{ reject: {} }, { approve: { arguments: { id: 'forged' } } }]) {
        const answer = await resolve(api, id, { idempotencyKey: 'k', decision })
        expect.soft(answer).toMatchObject({ __typename: 'ApprovalConflictError', approval: standing })
      }
      expect(await readApproval(api, id)).toEqual(standing)
      expect(kept.made).toEqual([])
    })

    test("R4 a key is its owner's, and of one approval", async () => {
      const { kept, prompts, agents } = oneErasure()
      await using api = await serve({ agents })
      const [one, two] = [await start(api), await start(api)]
      const [first] = approvalsOf(one)
      const [second] = approvalsOf(two)
      const standing = await decide(api, first.id, { idempotencyKey: 'k' })
      const other = await resolve(api, first.id, { idempotencyKey: 'k', as: 'approver-2' })
      expect(other).toMatchObject({ __typename: 'ApprovalConflictError', approval: standing })
      expect(await readApproval(api, second.id)).toEqual(second)
      await decide(api, second.id, { idempotencyKey: 'k', decision: { reject: { message: 'No.' } } })
      await Promise.all([finished(api, one.id), finished(api, two.id)])
      expect(kept.made.map(({ id }) => id)).toEqual([first.callId])
      expect(heard(prompts.at(-1))).toMatchObject([{ output: { type: 'error-text' } }])
    })
  })
})
