import { describe, expect, test } from 'vitest'
import { oneErasure } from './support/agents.ts'
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
  describe('R1 an APPROVER decides', () => {
    const verdicts = [
      ['approve', 'APPROVED', 1],
      ['reject', 'REJECTED', 0],
    ] as const
    test.each(verdicts)(
      'R1 %s: the record says what, who, when and why, at the next revision',
      async (verb, status, times) => {
        const { kept, agents } = oneErasure()
        await using api = await serve({ agents })
        const run = await start(api)
        const [before] = approvalsOf(run)
        const from = Date.now()
        const answer = await resolve(api, before.id, {
          as: 'approver-2',
          decision: { [verb]: {} },
          note: 'Seen. \u{1f440}',
        })
        expect(answer).toMatchObject({ __typename: 'ResolveApprovalSuccess', run: { id: run.id } })
        const { approval } = answer
        expect(approval).toEqual({
          ...before,
          status,
          revision: before.revision + 1,
          updatedAt: approval.resolution.resolvedAt,
          resolution: {
            ...{ status, cause: 'DECISION', resolvedBy: { id: 'prn_approver-2' }, note: 'Seen. \u{1f440}' },
            ...{ resolvedAt: approval.updatedAt, via: null, message: null, arguments: null, values: null },
            ...{ editedPaths: null, fingerprint: null, reconciled: null, result: null, error: null },
          },
          history: { edges: [...before.history.edges, { node: expect.anything() }] },
        })
        expect(approval.history.edges[1].node).toEqual({
          ...{
            revision: 2,
            at: approval.updatedAt,
            by: { id: 'prn_approver-2' },
            via: null,
            action: status,
            note: 'Seen. \u{1f440}',
          },
        })
        const at = Date.parse(approval.resolution.resolvedAt)
        expect(at >= from && at <= Date.now()).toBe(true)
        expect(await readApproval(api, before.id)).toEqual(approval)
        expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
        // Nothing changes it afterwards: neither the run that hears of it nor its end.
        expect(await readApproval(api, before.id)).toEqual(approval)
        expect(kept.made).toHaveLength(times)
      },
    )

    test.each(verdicts)(
      'R1 %s, through the library; who it was is the principal and nothing of the input',
      async (verb, status, times) => {
        const { kept, agents } = oneErasure()
        await using api = await serve({ agents })
        const { server } = api
        const started = await server.runs.start(person('requester-1'), {
          agentName: 'agent',
          message: 'Go.',
          waitMs: 30_000,
        })
        if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
        const { edges } = await server.approvals.list(person('approver-1'), { filter: { runId: started.run.id } })
        const [before] = edges.map(({ node }) => node)
        if (!before) throw new Error('No approval.')
        // Whoever is named in the input is nobody that it takes: it is refused, and changes nothing.
        const forged = { resolvedBy: 'prn_admin-9', by: 'prn_admin-9', principal: 'prn_admin-9', resolvedAt: 1, at: 1 }
        // Inside the decision such fields are refused: nothing there may be taken for something else.
        const misplaced = { approvalId: before.id, decision: { [verb]: { ...forged } } }
        expect(await server.approvals.resolve(person('approver-2'), misplaced)).toMatchObject({
          __typename: 'InvalidInputError',
        })
        const input = { approvalId: before.id, decision: { [verb]: {} }, note: 'Seen.' }
        for (const [name, value] of Object.entries(forged))
          await expect(
            server.approvals.resolve(person('approver-2'), Object.assign({ [name]: value }, input)),
          ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining(`\`${name}\``) })
        expect(await server.approvals.get(person('approver-1'), before.id)).toEqual(before)
        const answer = await server.approvals.resolve(person('approver-2'), input)
        if (answer.__typename !== 'ResolveApprovalSuccess') throw new Error(answer.message)
        expect(answer.run.id).toBe(started.run.id)
        expect(answer.approval).toMatchObject({
          status,
          revision: 2,
          resolution: { by: 'prn_approver-2', note: 'Seen.' },
        })
        expect(answer.approval.resolution?.at).toBeGreaterThanOrEqual(before.createdAt)
        await finished(api, started.run.id)
        const after = await server.approvals.get(person('approver-1'), before.id)
        expect(after).toEqual({ ...answer.approval, unheard: false })
        expect(kept.made).toHaveLength(times)
      },
    )

    test('R1 nobody is named in the input over HTTP', async () => {
      const { agents } = oneErasure()
      await using api = await serve({ agents })
      const [approval] = approvalsOf(await start(api))
      await expect(resolve(api, approval.id, { resolvedBy: 'prn_admin-9' })).rejects.toThrow('resolvedBy')
      expect(await readApproval(api, approval.id)).toEqual(approval)
    })
  })

  describe('R3 a second decision is refused with the standing record, and nothing is overwritten', () => {
    const second: Record<string, Resolve> = {
      'the same, by the same': { decision: { approve: {} } },
      'the same, by another, with a note': { as: 'approver-2', decision: { approve: {} }, note: 'Me too.' },
      'the other, by the same': { decision: { reject: { message: 'No!' } } },
      'the other, by an admin': { as: 'admin-1', decision: { reject: {} } },
      'an edit': { decision: { approve: { arguments: { id: 'forged' } } } },
      'one that expects what stands': { expectedRevision: 2, expectedStatus: 'APPROVED', decision: { reject: {} } },
      'one with a key of its own': { idempotencyKey: 'other', decision: { reject: {} } },
    }
    test.each(['approve', 'reject'])('R3 after %s', async (verb) => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [{ id }] = approvalsOf(run)
      const standing = await decide(api, id, { decision: { [verb]: {} }, note: 'First.', idempotencyKey: 'first' })
      const conflict = { __typename: 'ApprovalConflictError', message: expect.any(String), approval: standing }
      for (const attempt of Object.values(second)) expect(await resolve(api, id, attempt)).toEqual(conflict)
      await restart(api)
      for (const attempt of Object.values(second)) expect(await resolve(api, id, attempt)).toEqual(conflict)
      const library = await api.server.approvals.resolve(person('admin-1'), {
        approvalId: id,
        decision: { reject: {} },
      })
      expect(library).toMatchObject({ __typename: 'ApprovalConflictError', approval: { id, revision: 2 } })
      expect(await readApproval(api, id)).toEqual(standing)
      expect(kept.made).toEqual([])
    })
  })
})
