import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  finished,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  until,
} from './support/api.ts'
import { eachPause, input, inputSchema, type Pause, pauses } from './support/pauses.ts'
import { forEachStore, type Tampering } from './support/stores.ts'

// Records that look expired, or look as if they were not.

function scene(pause: Pause) {
  const kept = ledger()
  const approval = { type: 'required', expiresIn: '1h' }
  const pay = { inputSchema, execute: kept.enter, ...pauses[pause].fields, approval }
  return { kept, ...agentOf({ pay }, [[{ call: 'pay', input }]]) }
}
const past = Date.parse('2001-01-01')

forEachStore(({ serve, approvalRecord, editApproval }) => {
  describe.each(eachPause)('a required call, %s', (pause) => {
    const { approve } = pauses[pause]
    const ran = pause === 'external-execution' ? 0 : 1

    async function paused() {
      const { kept, agent, prompts } = scene(pause)
      const api = await serve({ agents: [agent] })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [{ id }] = approvalsOf(run)
      const tamper = (change: Tampering) => editApproval(api.database, id, change)
      return { kept, prompts, api, run, id, tamper, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
    }
    type Scene = Awaited<ReturnType<typeof paused>>
    async function expectExpired({ api, run, id, kept, prompts }: Scene) {
      expect(await readApproval(api, id)).toMatchObject({ status: 'EXPIRED' })
      expect(await resolve(api, id, { decision: { approve } })).toMatchObject({
        __typename: 'ApprovalConflictError',
        approval: { status: 'EXPIRED' },
      })
      await continueRun(api, run.id)
      const over = await finished(api, run.id)
      expect(callsOf(over)).toMatchObject([{ status: 'EXPIRED', result: null }])
      expect(JSON.stringify(heard(prompts[1]))).toMatch(/expired/i)
      expect(JSON.stringify(heard(prompts[1]))).not.toMatch(/reject/i)
      expect(kept.made).toEqual([])
    }

    test('whose deadline is over does not run, whoever approves it, also after a restart', async () => {
      await using s = await paused()
      await s.tamper({ expiresAt: past })
      await restart(s.api)
      const answers = await Promise.all(
        ['approver-1', 'approver-2', 'admin-1'].map((as) => resolve(s.api, s.id, { as, decision: { approve } })),
      )
      for (const answer of answers) {
        expect(answer).toMatchObject({
          __typename: 'ApprovalConflictError',
          approval: { status: 'EXPIRED', revision: 2, resolution: { cause: 'DEADLINE', resolvedBy: null } },
        })
      }
      await expectExpired(s)
    })

    test('that was approved in time runs once, also when its deadline is over by then', async () => {
      await using s = await paused()
      await decide(s.api, s.id, { decision: { approve } })
      await until(s.api, s.run.id, 'ToolCallsDecided')
      await s.tamper({ expiresAt: past })
      await restart(s.api)
      await continueRun(s.api, s.run.id)
      expect(callsOf(await finished(s.api, s.run.id))).toMatchObject([{ status: 'SUCCEEDED' }])
      expect(s.kept.made).toHaveLength(ran)
    })

    test('that expired does not run when somebody makes its record look pending or approved again', async () => {
      const revivals: Record<string, (resolution: AnyData) => Tampering> = {
        'the status, to PENDING': () => ({ status: 'PENDING' }),
        'the status, to PENDING, with a new deadline': () => ({ status: 'PENDING', expiresAt: null, unheard: true }),
        'the status, to APPROVED': () => ({ status: 'APPROVED' }),
        'status and resolution': (resolution) => ({
          status: 'APPROVED',
          resolution: { ...resolution, status: 'APPROVED', cause: 'DECISION', by: 'prn_approver-1' },
        }),
        'all, to what it was before': () => ({ status: 'PENDING', resolution: null, revision: 1, expiresAt: null }),
      }
      await using s = await paused()
      for (const [what, revive] of Object.entries(revivals)) {
        const run = await start(s.api, { resumeMode: 'MANUAL' })
        const [{ id, callId }] = approvalsOf(run)
        await editApproval(s.api.database, id, { expiresAt: past })
        expect(await resolve(s.api, id, { decision: { approve } })).toMatchObject({ approval: { status: 'EXPIRED' } })
        await until(s.api, run.id, 'ToolCallsDecided')
        const { resolution } = await approvalRecord(s.api.database, id)
        await editApproval(s.api.database, id, revive(resolution))
        await resolve(s.api, id, { decision: { approve } })
        await continueRun(s.api, run.id)
        const over = await readRun(s.api, run.id)
        expect([over.status, callsOf(over)[0].status, s.kept.times(callId)], what).toEqual(['COMPLETED', 'EXPIRED', 0])
      }
    })

    test('that looks expired and was decided by nobody waits, and does not run', async () => {
      await using s = await paused()
      await s.tamper({ status: 'EXPIRED' })
      await restart(s.api)
      expect(await resolve(s.api, s.id, { decision: { approve } })).toMatchObject({
        __typename: 'ApprovalConflictError',
      })
      expect(await continueRun(s.api, s.run.id)).toMatchObject({
        __typename: 'ApprovalPendingError',
        pending: [{ id: s.id }],
      })
      expect(await readRun(s.api, s.run.id)).toMatchObject({ status: 'PAUSED', requirements: [expect.anything()] })
      expect(s.kept.made).toEqual([])
    })
  })
})
