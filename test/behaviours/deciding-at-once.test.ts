import { describe, expect, test } from 'vitest'
import { oneErasure } from './support/agents.ts'
import { approvalsOf, finished, person, readApproval, resolve, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

forEachStore(({ serve }) => {
  describe('R2 a thousand resolutions at once of one approval', () => {
    const attempts = Array.from({ length: 1_000 }, (_, index) => ({
      as: `approver-${index}`,
      decision: index % 3 === 0 ? { reject: { message: `No ${index}` } } : { approve: {} },
      note: `Note ${index}`,
    }))

    test('R2 one ResolveApprovalSuccess, 999 ApprovalConflictErrors, each with the record as it stands', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      const answers = await Promise.all(attempts.map((attempt) => resolve(api, approval.id, attempt)))
      const won = answers.flatMap(({ __typename }, index) => (__typename === 'ResolveApprovalSuccess' ? [index] : []))
      expect(won).toHaveLength(1)
      const [winner = 0] = won
      const standing = answers[winner].approval
      expect(standing).toMatchObject({
        revision: 2,
        status: winner % 3 === 0 ? 'REJECTED' : 'APPROVED',
        resolution: { resolvedBy: { id: `prn_approver-${winner}` }, note: `Note ${winner}` },
      })
      for (const [index, answer] of answers.entries()) {
        if (index === winner) continue
        expect(answer.__typename).toBe('ApprovalConflictError')
        expect(answer.approval).toEqual(standing)
      }
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(await readApproval(api, approval.id)).toEqual(standing)
      expect(kept.made).toHaveLength(winner % 3 === 0 ? 0 : 1)
    })

    test('R2 through the library', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      const answers = await Promise.all(
        attempts
          .toReversed()
          .map(({ as, ...input }) => api.server.approvals.resolve(person(as), { approvalId: id, ...input })),
      )
      const winners = answers.filter(({ __typename }) => __typename === 'ResolveApprovalSuccess')
      expect(winners).toHaveLength(1)
      const standing = winners[0] && 'approval' in winners[0] ? winners[0].approval : null
      const losers = answers.flatMap((answer) =>
        answer.__typename === 'ApprovalConflictError' ? [answer.approval] : [],
      )
      expect(losers).toHaveLength(999)
      // `unheard` is between the record and its run, and goes as soon as the run has heard.
      for (const loser of losers) expect({ ...loser, unheard: true }).toEqual(standing)
      await finished(api, run.id)
      expect(kept.made).toHaveLength(standing?.status === 'APPROVED' ? 1 : 0)
    })
  })
})
