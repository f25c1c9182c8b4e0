import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { AnyData, Client } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  start,
  typesOf,
  watchPending,
} from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { sharedDatabase } from './support/servers.ts'

/** A decision this old is looked for by the sweep: a run that goes on sooner has heard of it by its signal. */
const unheardMs = 5_000

/** How long it took, in ms, from the last decision of a run to the first of its calls that was waiting for it. */
function lagOf(run: AnyData): number {
  const decided = approvalsOf(run).map(({ resolution }) => Date.parse(resolution.resolvedAt))
  const started = callsOf(run).flatMap(({ approval, startedAt }) => (approval ? Date.parse(startedAt) : []))
  return Math.min(...started) - Math.max(...decided)
}
const count = (types: readonly string[], name: string) => types.filter((type) => type === name).length

describe.skipIf(mongodbIsOff())('deciding on two servers with one MongoDB database', { timeout: 180_000 }, () => {
  test('R2 a thousand resolutions at once of one approval, half on each: one success, 999 conflicts with the record as it stands', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    const run = await start(a, { message: 'erase:x' })
    const [approval] = approvalsOf(run)
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        resolve(index % 2 ? a : b, approval.id, {
          as: `approver-${index}`,
          decision: index % 3 === 0 ? { reject: { message: `No ${index}` } } : { approve: {} },
          note: `Note ${index}`,
        }),
      ),
    )
    const winner = answers.findIndex(({ __typename }) => __typename === 'ResolveApprovalSuccess')
    const standing = answers[winner]?.approval
    expect(standing).toMatchObject({
      revision: 2,
      status: winner % 3 === 0 ? 'REJECTED' : 'APPROVED',
      resolution: { resolvedBy: { id: `prn_approver-${winner}` }, note: `Note ${winner}` },
    })
    for (const answer of answers.toSpliced(winner, 1)) {
      expect(answer.__typename).toBe('ApprovalConflictError')
      expect(answer.approval).toEqual(standing)
    }
    expect(await finished(b, run.id)).toMatchObject({ status: 'COMPLETED' })
    for (const api of [a, b]) expect(await readApproval(api, approval.id)).toEqual(standing)
    expect(s.begun()).toHaveLength(winner % 3 === 0 ? 0 : 1)
  })

  test('R10 the last two decisions of a run at the same instant, one on each, twenty-five times: it goes on exactly once', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    const lags: number[] = []
    await inBatches(25, 5, async (round) => {
      const [here, there] = round % 2 ? [a, b] : [b, a]
      const run = await start(here, { message: 'erase:x erase:y' })
      const [x, y] = approvalsOf(run)
      await Promise.all([decide(here, x.id, { as: 'approver-1' }), decide(there, y.id, { as: 'approver-2' })])
      const types = typesOf(await eventsOf(there, run.id))
      const over = await readRun(here, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(s.begun().filter((callId) => callId === x.callId)).toHaveLength(1)
      expect(s.begun().filter((callId) => callId === y.callId)).toHaveLength(1)
      const found = ['RunPaused', 'RunResumed', 'ToolCallStarted', 'ToolCallFinished', 'ModelResponded']
      expect(found.map((name) => count(types, name))).toEqual([1, 1, 2, 2, 2])
      lags.push(lagOf(over))
    })
    expect(s.begun()).toHaveLength(50)
    expect(Math.max(...lags)).toBeLessThan(unheardMs)
  })

  test('R12 a decision on B that answers the very announcement of the approval on A, twenty times', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await using pending = watchPending(b)
    await pending.data()
    const decided: Promise<unknown>[] = []
    const answering = (async () => {
      for await (const { data } of pending) {
        const { __typename, approval } = data?.pendingApprovals ?? {}
        if (__typename === 'PendingApprovalAdded') decided.push(decide(b, approval.id))
        if (decided.length === 20) return
      }
    })()
    const lags: number[] = []
    await inBatches(20, 5, async () => {
      const { id } = await start(a, { message: 'erase:x', waitMs: 0 })
      const over = await finished(a, id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      lags.push(lagOf(over))
    })
    await answering
    await Promise.all(decided)
    expect([s.begun().length, new Set(s.begun()).size]).toEqual([20, 20])
    expect(await listApprovals(a, { status: ['PENDING'] })).toEqual([])
    expect(Math.max(...lags)).toBeLessThan(unheardMs)
  })

  test('R12 a decision on B while A writes the pause, forty-eight times', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    const rounds = 48
    const lags: number[] = []
    let paused = 0
    let usual = 20
    await inBatches(rounds, 3, async (round) => {
      const { id } = await start(a, { message: `wait:${round} erase:x`, waitMs: 0 })
      await s.gate.arrival(`${round}`)
      const [approval] = await listApprovals(b, { runId: id })
      // What A waits for before it can pause ends at every moment of a decision's way.
      const began = performance.now()
      const deciding = decide(b, approval.id)
      await delay((usual * round) / rounds)
      s.gate.open(`${round}`)
      await deciding
      usual = performance.now() - began
      const types = typesOf(await eventsOf(b, id))
      expect(types.at(-1)).toBe('RunCompleted')
      if (types.includes('RunPaused')) paused += 1
      lags.push(lagOf(await readRun(a, id)))
    })
    expect([s.begun().length, new Set(s.begun()).size]).toEqual([2 * rounds, 2 * rounds])
    // Both before and after it, else nothing raced.
    expect(paused).toBeGreaterThan(0)
    expect(paused).toBeLessThan(rounds)
    expect(Math.max(...lags)).toBeLessThan(unheardMs)
  })

  test('R15 an approval past its deadline is EXPIRED, once, whichever process looks; a decision that races it has one winner', async () => {
    await using s = await sharedDatabase()
    const both = await s.spawnTwo()
    const [a, b] = both
    await inBatches(30, 15, async (round) => {
      const run = await start(both[round % 2] as Client, { message: 'brief:x' })
      const [{ id, expiresAt }] = approvalsOf(run)
      const answers: AnyData[] = []
      // A third waits for the deadline alone; the others come from both sides, at it or about it.
      if (round % 3 !== 0) {
        await delay(Math.max(0, Date.parse(expiresAt) - Date.now() + (round - 15) * 2))
        answers.push(...(await Promise.all([resolve(a, id), resolve(b, id, { as: 'approver-2' })])))
      }
      const over = await finished(both[(round + 1) % 2] as Client, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const [approval] = approvalsOf(over)
      const won = answers.filter(({ __typename }) => __typename === 'ResolveApprovalSuccess')
      expect(approval).toMatchObject({
        revision: 2,
        status: won.length === 1 ? 'APPROVED' : 'EXPIRED',
        history: { edges: [{ node: { action: 'PROPOSED' } }, { node: { revision: 2 } }] },
      })
      for (const answer of answers) expect(answer.approval).toEqual(approval)
      expect(s.begun().filter((callId) => callId === approval.callId)).toHaveLength(won.length)
      expect(callsOf(over)).toMatchObject([{ status: won.length === 1 ? 'SUCCEEDED' : 'EXPIRED' }])
    })
  })

  test('R16 cancelling on A against deciding on B, forty-eight times: one winner each, and what is cancelled does not run', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    const rounds = 48
    const outcomes = new Set<string>()
    let usual = 20
    await inBatches(rounds, 4, async (round) => {
      const run = await start(round % 2 ? a : b, { message: 'erase:x erase:y' })
      const [x, y] = approvalsOf(run)
      await decide(a, x.id)
      // From long before the decision to well after it: a cancel takes several of its times.
      const lead = usual * ((8 * round) / rounds - 5)
      const began = performance.now()
      const deciding = delay(Math.max(0, -lead)).then(() => resolve(b, y.id))
      const cancelling = delay(Math.max(0, lead)).then(() => cancel(a, run.id))
      const resolved = await deciding
      usual = performance.now() - began - Math.max(0, -lead)
      const cancelled = await cancelling
      const types = typesOf(await eventsOf(b, run.id))
      const over = await readRun(b, run.id)
      const [, approval] = approvalsOf(over)
      const won = resolved.__typename === 'ResolveApprovalSuccess'
      expect(approval).toMatchObject({ revision: 2, status: won ? 'APPROVED' : 'CANCELLED' })
      expect(resolved.approval).toEqual(approval)
      expect(cancelled).toMatchObject(
        over.status === 'CANCELLED'
          ? { __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } }
          : { __typename: 'RunStateError', run: { status: 'COMPLETED' } },
      )
      expect(types.at(-1)).toBe(over.status === 'CANCELLED' ? 'RunCancelled' : 'RunCompleted')
      // What ran is on record, and ran once; what is on record as cancelled did not run.
      const made = s.begun().filter((callId) => [x.callId, y.callId].includes(callId))
      const calls = callsOf(over)
      expect(made.toSorted()).toEqual(
        calls.flatMap(({ id, status }) => (status === 'SUCCEEDED' ? [id] : [])).toSorted(),
      )
      expect(calls.map(({ status }) => status)).toEqual(calls.map(() => (made.length > 0 ? 'SUCCEEDED' : 'CANCELLED')))
      if (!won) expect(made).toEqual([])
      if (over.status === 'COMPLETED') expect(made).toHaveLength(2)
      outcomes.add(`${over.status} ${approval.status}`)
    })
    expect(await listApprovals(a, { status: ['PENDING'] })).toEqual([])
    // Each of the two was too late at times, else nothing raced.
    expect(outcomes).toContain('CANCELLED CANCELLED')
    expect(outcomes).toContain('CANCELLED APPROVED')
  })
})
