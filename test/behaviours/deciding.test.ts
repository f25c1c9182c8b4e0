import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, decide, finished, person, readApproval, resolve, restart, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })

function scene() {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, [[{ call: 'erase', input: { id: 'a' } }]])
  return { kept, prompts, agents: [agent] }
}

forEachStore(({ serve }) => {
  describe('R1 an APPROVER decides', () => {
    const verdicts = [
      ['approve', 'APPROVED', 1],
      ['reject', 'REJECTED', 0],
    ] as const
    test.each(verdicts)('R1 %s: the record says what, who, when and why, at the next revision', async (verb, status, times) => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api)
      const [before] = approvalsOf(run)
      const from = Date.now()
      const answer = await resolve(api, before.id, { as: 'approver-2', decision: { [verb]: {} }, note: 'Seen. \u{1f440}' })
      expect(answer).toMatchObject({ __typename: 'ResolveApprovalSuccess', run: { id: run.id } })
      const { approval } = answer
      expect(approval).toEqual({
        ...before,
        status,
        revision: before.revision + 1,
        updatedAt: approval.resolution.resolvedAt,
        resolution: {
          ...{ status, cause: 'DECISION', resolvedBy: { id: 'prn_approver-2' }, note: 'Seen. \u{1f440}' },
          ...{ resolvedAt: approval.updatedAt, message: null, arguments: null, values: null, result: null, error: null },
        },
        history: { edges: [...before.history.edges, { node: expect.anything() }] },
      })
      expect(approval.history.edges[1].node).toEqual({
        ...{ revision: 2, at: approval.updatedAt, by: { id: 'prn_approver-2' }, action: status, note: 'Seen. \u{1f440}' },
      })
      const at = Date.parse(approval.resolution.resolvedAt)
      expect(at >= from && at <= Date.now()).toBe(true)
      expect(await readApproval(api, before.id)).toEqual(approval)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      // Nothing changes it afterwards: neither the run that hears of it nor its end.
      expect(await readApproval(api, before.id)).toEqual(approval)
      expect(kept.made).toHaveLength(times)
    })

    test.each(verdicts)('R1 %s, through the library; who it was is the principal and nothing of the input', async (verb, status, times) => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const { server } = api
      const started = await server.runs.start(person('requester-1'), { agentName: 'agent', message: 'Go.', waitMs: 30_000 })
      if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
      const { edges } = await server.approvals.list(person('approver-1'), { filter: { runId: started.run.id } })
      const [before] = edges.map(({ node }) => node)
      if (!before) throw new Error('No approval.')
      const forged = { resolvedBy: 'prn_admin-9', by: 'prn_admin-9', principal: 'prn_admin-9', resolvedAt: 1, at: 1 }
      const input = { ...forged, approvalId: before.id, decision: { [verb]: { ...forged } }, note: 'Seen.' }
      const answer = await server.approvals.resolve(person('approver-2'), input)
      if (answer.__typename !== 'ResolveApprovalSuccess') throw new Error(answer.message)
      expect(answer.run.id).toBe(started.run.id)
      expect(answer.approval).toMatchObject({ status, revision: 2, resolution: { by: 'prn_approver-2', note: 'Seen.' } })
      expect(answer.approval.resolution?.at).toBeGreaterThanOrEqual(before.createdAt)
      await finished(api, started.run.id)
      const after = await server.approvals.get(person('approver-1'), before.id)
      expect(after).toEqual({ ...answer.approval, unheard: false })
      expect(kept.made).toHaveLength(times)
    })

    test('R1 nobody is named in the input over HTTP', async () => {
      const { agents } = scene()
      await using api = await serve({ agents })
      const [approval] = approvalsOf(await start(api))
      await expect(resolve(api, approval.id, { resolvedBy: 'prn_admin-9' })).rejects.toThrow('resolvedBy')
      expect(await readApproval(api, approval.id)).toEqual(approval)
    })
  })

  describe('R2 a thousand resolutions at once of one approval', () => {
    const attempts = Array.from({ length: 1_000 }, (_, index) => ({
      as: `approver-${index}`,
      decision: index % 3 === 0 ? { reject: { message: `No ${index}` } } : { approve: {} },
      note: `Note ${index}`,
    }))

    test('R2 one ResolveApprovalSuccess, 999 ApprovalConflictErrors, each with the record as it stands', async () => {
      const { kept, agents } = scene()
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
      const { kept, agents } = scene()
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
      const losers = answers.flatMap((answer) => (answer.__typename === 'ApprovalConflictError' ? [answer.approval] : []))
      expect(losers).toHaveLength(999)
      // `unheard` is between the record and its run, and goes as soon as the run has heard.
      for (const loser of losers) expect({ ...loser, unheard: true }).toEqual(standing)
      await finished(api, run.id)
      expect(kept.made).toHaveLength(standing?.status === 'APPROVED' ? 1 : 0)
    })
  })

  describe('R3 a second decision is refused with the standing record, and nothing is overwritten', () => {
    const second: Record<string, object> = {
      'the same, by the same': { decision: { approve: {} } },
      'the same, by another, with a note': { as: 'approver-2', decision: { approve: {} }, note: 'Me too.' },
      'the other, by the same': { decision: { reject: { message: 'No!' } } },
      'the other, by an admin': { as: 'admin-1', decision: { reject: {} } },
      'an edit': { decision: { approve: { arguments: { id: 'forged' } } } },
      'one that expects what stands': { expectedRevision: 2, expectedStatus: 'APPROVED', decision: { reject: {} } },
      'one with a key of its own': { idempotencyKey: 'other', decision: { reject: {} } },
    }
    test.each(['approve', 'reject'])('R3 after %s', async (verb) => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [{ id }] = approvalsOf(run)
      const standing = await decide(api, id, { decision: { [verb]: {} }, note: 'First.', idempotencyKey: 'first' })
      const conflict = { __typename: 'ApprovalConflictError', message: expect.any(String), approval: standing }
      for (const attempt of Object.values(second)) expect(await resolve(api, id, attempt)).toEqual(conflict)
      await restart(api)
      for (const attempt of Object.values(second)) expect(await resolve(api, id, attempt)).toEqual(conflict)
      const library = await api.server.approvals.resolve(person('admin-1'), { approvalId: id, decision: { reject: {} } })
      expect(library).toMatchObject({ __typename: 'ApprovalConflictError', approval: { id, revision: 2 } })
      expect(await readApproval(api, id)).toEqual(standing)
      expect(kept.made).toEqual([])
    })
  })

  describe('R4 what is expected must be so', () => {
    const stale: Record<string, (approval: AnyData) => object> = {
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
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      for (const expected of Object.values(stale)) {
        const attempt = expected(approval)
        expect(await resolve(api, approval.id, attempt)).toMatchObject({ __typename: 'ApprovalConflictError', approval })
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
      const { agents } = scene()
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
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      const attempt = { idempotencyKey: 'k', expectedRevision: 1, expectedFingerprint: approval.fingerprint, note: 'Once.' }
      const answers = await Promise.all(Array.from({ length: 100 }, () => resolve(api, approval.id, attempt)))
      const [first] = answers
      expect(first).toMatchObject({ __typename: 'ResolveApprovalSuccess', approval: { revision: 2, status: 'APPROVED' } })
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

    test("R4 a key is its owner's, and of one approval", async () => {
      const { kept, prompts, agents } = scene()
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
