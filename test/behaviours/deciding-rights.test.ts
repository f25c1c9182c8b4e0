import { describe, expect, test } from 'vitest'
import type { Authenticate } from '../../src/access/authenticate.ts'
import type { Client } from '../support/client.ts'
import { oneErasure } from './support/agents.ts'
import { approvalsOf, decide, finished, person, readApproval, resolve, restart, start } from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

forEachStore(({ serve }) => {
  describe('R13 what one may not see does not exist', () => {
    test("R13 unknown, malformed, another tenant's and hidden ids get the same NotFoundError, and nothing happens", async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api)
      const [approval] = approvalsOf(run)
      const abroad = await start(api, { as: 'requester-1@two' })
      const { edges } = await api.server.approvals.list(person('approver-1@two'), {})
      const foreign = edges[0]?.node.id ?? ''
      expect(foreign).toContain(abroad.id.slice(4))

      const { id } = approval
      const unknown = `${id.slice(0, -6)}${id.at(-6) === '0' ? '1' : '0'}${id.slice(-5)}`
      const attempts: [string, string][] = [
        ['approver-1', unknown],
        ['approver-1', `${id}1`],
        ['approver-1', foreign],
        ['admin-1', foreign],
        ['approver-1@two', id],
        ['admin-1@two', id],
        ['requester-2', id],
        ['requester-1@two', id],
        ...[
          '',
          ' ',
          'x',
          'apr_',
          `${id} `,
          `${id}\n`,
          id.toUpperCase(),
          run.id,
          approval.callId,
          'null',
          '%',
          "' OR 1=1 --",
        ].map((malformed): [string, string] => ['approver-1', malformed]),
      ]
      const notFound = await resolve(api, unknown)
      expect(notFound).toEqual({ __typename: 'NotFoundError', message: expect.stringMatching(/./) })
      const decisions = [
        { approve: {} },
        { reject: {} },
        { approve: { arguments: { id: 7 } } },
        { approve: { values: {} } },
      ]
      for (const [as, approvalId] of attempts) {
        for (const decision of decisions) {
          const more = { decision, expectedRevision: 9, note: 'x'.repeat(20_000), idempotencyKey: 'k' }
          expect(await resolve(api, approvalId, { as, ...more }), `${as} ${approvalId}`).toEqual(notFound)
          expect(await resolve(api, approvalId, { as, decision }), `${as} ${approvalId}`).toEqual(notFound)
          const input = { approvalId, decision }
          expect(await api.server.approvals.resolve(person(as), input)).toEqual(notFound)
        }
      }
      expect(await readApproval(api, id)).toEqual(approval)
      expect(await readApproval(api, foreign, 'admin-1@two')).toMatchObject({ status: 'PENDING', revision: 1 })
      expect(kept.made).toEqual([])
    })

    test('R13 nor is it there to be read or watched', async () => {
      const { agents } = oneErasure()
      await using api = await serve({ agents })
      const [{ id }] = approvalsOf(await start(api))
      for (const as of ['requester-2', 'approver-1@two', 'admin-1@two']) {
        expect(await readApproval(api, id, as)).toBe(null)
        expect((await api.data(documents.approvals, {}, as)).approvals.edges).toEqual([])
        await using changes = api.subscribe(documents.approvalChanges, { id }, as)
        const { value } = await changes.next()
        expect(value.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
      }
    })
  })

  describe('R14 who requested a run cannot resolve its approvals', () => {
    const rightsOf = async (api: Client, id: string, as: string) =>
      (await api.data(documents.rights, { id }, as)).approval
    const can = { viewerCanResolve: true, viewerCannotResolveReasons: [] }
    const cannot = (...reasons: string[]) => ({ viewerCanResolve: false, viewerCannotResolveReasons: reasons })
    const both = 'requester+approver-1'

    test('R14 and everyone is told beforehand what the answer will be', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const [{ id, callId }] = approvalsOf(await start(api, { as: both, resumeMode: 'MANUAL' }))
      const [{ id: adminsOwn }] = approvalsOf(await start(api, { as: 'admin-1' }))
      const [{ id: anothers }] = approvalsOf(await start(api, { as: 'requester-1' }))
      const refused = [
        [id, both, cannot('OWN_REQUEST')],
        [adminsOwn, 'admin-1', cannot('OWN_REQUEST')],
        [anothers, 'requester-1', cannot('NOT_AN_APPROVER', 'OWN_REQUEST')],
        [anothers, 'auditor-1', cannot('NOT_AN_APPROVER')],
        [anothers, 'requester+auditor-2', cannot('NOT_AN_APPROVER')],
      ] as const
      for (const [approvalId, as, rights] of refused) {
        const before = await readApproval(api, approvalId)
        expect(await rightsOf(api, approvalId, as)).toEqual(rights)
        for (const decision of [{ approve: {} }, { reject: {} }]) {
          expect((await resolve(api, approvalId, { as, decision })).__typename).toBe('ForbiddenError')
          const input = { approvalId, decision }
          expect((await api.server.approvals.resolve(person(as), input)).__typename).toBe('ForbiddenError')
        }
        expect(await readApproval(api, approvalId)).toEqual(before)
      }
      expect(kept.made).toEqual([])
      const allowed = [
        [id, 'approver-1'],
        [adminsOwn, both],
        [anothers, 'admin-2'],
      ] as const
      for (const [approvalId, as] of allowed) {
        expect(await rightsOf(api, approvalId, as)).toEqual(can)
        await decide(api, approvalId, { as })
        expect(await rightsOf(api, approvalId, as)).toEqual(cannot('NOT_PENDING'))
      }
      expect(await rightsOf(api, id, both)).toEqual(cannot('NOT_PENDING', 'OWN_REQUEST'))
      // MANUAL: what was approved waits for who requested it.
      expect(kept.times(callId)).toBe(0)
    })

    test('R14 whichever way the id is written that authentication gives', async () => {
      const names: Record<string, string> = { a: 'alice', b: 'prn_alice' }
      const authenticate: Authenticate = (token) =>
        names[token ?? ''] ? { id: names[token ?? ''] ?? '', roles: ['REQUESTER', 'APPROVER'] } : null
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents, authenticate })
      const run = (
        await api.data(documents.startRun, { input: { agentName: 'agent', message: 'Go', waitMs: 9_000 } }, 'a')
      ).startRun.run
      const [{ id }] = approvalsOf(run)
      expect(await rightsOf(api, id, 'b')).toEqual(cannot('OWN_REQUEST'))
      expect((await resolve(api, id, { as: 'b' })).__typename).toBe('ForbiddenError')
      expect(kept.made).toEqual([])
    })

    test('R14 unless the server is told allowSelfApproval', async () => {
      const { kept, agents } = oneErasure()
      await using api = await serve({ agents })
      const run = await start(api, { as: both })
      const [{ id }] = approvalsOf(run)
      await restart(api, { allowSelfApproval: true })
      expect(await rightsOf(api, id, both)).toEqual(can)
      const only = await start(api, { as: 'requester-1' })
      expect(await rightsOf(api, approvalsOf(only)[0].id, 'requester-1')).toEqual(cannot('NOT_AN_APPROVER'))
      expect((await resolve(api, approvalsOf(only)[0].id, { as: 'requester-1' })).__typename).toBe('ForbiddenError')
      const approval = await decide(api, id, { as: both })
      expect(approval.resolution.resolvedBy).toEqual(approval.requestedBy)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(1)
    })
  })
})
