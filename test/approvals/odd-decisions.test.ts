import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { continueRun } from '../../src/runs/continue.ts'
import { turns } from '../runs/faulty-store.ts'
import { agentOf, isDone, openShop, rita, tally } from '../runs/workshop.ts'
import { testServer } from '../support/test-server.ts'

const inputSchema = z.object({})
const requester = { id: 'requester-1', roles: ['REQUESTER' as const] }
const approver = { id: 'approver-1', roles: ['APPROVER' as const] }

/** What a caller without types may send; each of them must decide nothing. */
const odd = [
  { approve: false },
  { approve: '' },
  { approve: 0 },
  { reject: '' },
  { reject: false },
  { reconcile: '' },
  [],
  null,
  'approve',
  { aprove: {} },
  { approve: { argument: { id: 'other' } } },
] as never[]

/** Edits that are no JSON. */
const unreadable = () => {
  const circle: Record<string, unknown> = {}
  circle.of = circle
  return [circle, { id: 1n }].map((edited) => ({ approve: { arguments: edited } })) as never[]
}

describe('a decision that is not understood decides nothing', () => {
  test('of an approver, through server.approvals.resolve; understood, it lets the tool run once', async () => {
    const { mark, made } = tally()
    const agent = agentOf({ guarded: { inputSchema, approval: 'required', execute: mark } }, [[{ call: 'guarded' }]])
    await using api = await testServer({ agents: [agent] })
    const { runs, approvals } = api.server
    const started = await runs.start(requester, { agentName: 'agent', message: 'Do it', waitMs: 20_000 })
    if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
    const page = await approvals.list(approver, {})
    const approval = page.edges[0]?.node
    if (!approval) throw new Error('An approval was expected.')
    const decide = (decision: never, idempotencyKey?: string) =>
      approvals.resolve(approver, { approvalId: approval.id, decision, ...(idempotencyKey && { idempotencyKey }) })
    for (const decision of [...odd, ...unreadable()]) {
      for (const key of [undefined, 'k'])
        expect(await decide(decision, key), inspect(decision)).toMatchObject({ __typename: 'InvalidInputError' })
      expect(await approvals.get(approver, approval.id)).toMatchObject({ status: 'PENDING', revision: 1 })
    }
    expect(made.size).toBe(0)
    expect(await decide({ approve: {} } as never)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
    while ((await runs.get(requester, started.run.id))?.status !== 'COMPLETED') await turns(3)
    expect([...made.values()]).toEqual([1])
  })

  test('of a requester, through continueRun; understood, it lets the tool run once', async () => {
    const { mark, made } = tally()
    const agent = agentOf({ send: { inputSchema, pause: 'confirmation', execute: mark } }, [[{ call: 'send' }]])
    await using shop = await openShop({ agents: [agent] })
    const { id, seq } = await shop.start({ waitMs: 20_000 })
    const callId = (await shop.journal(id)).flatMap((entry) => (entry.type === 'proposed' ? entry.calls : []))[0]
      ?.callId
    const answer = (decision: never) =>
      continueRun(shop.engine, rita, { runId: id, answers: [{ callId: callId ?? '', decision }] })
    for (const decision of odd) {
      expect(await answer(decision), JSON.stringify(decision)).toMatchObject({ __typename: 'InvalidInputError' })
      expect(await shop.store.runs.get(id)).toMatchObject({ status: 'PAUSED', seq })
    }
    expect(made.size).toBe(0)
    expect(await answer({ approve: {} } as never)).toMatchObject({ __typename: 'ContinueRunSuccess' })
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect([...made.values()]).toEqual([1])
  })
})
