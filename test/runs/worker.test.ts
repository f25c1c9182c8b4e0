import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { continueRun } from '../../src/runs/continue.ts'
import { loadState } from '../../src/runs/load.ts'
import { faulty, randomFrom, turns, unavailable } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})

/** Two calls in one turn that an approver decides, and one that nobody does. */
function guardedTwice() {
  const calls = tally()
  const guarded = { inputSchema, approval: 'required' as const, execute: calls.mark }
  const tools = { look: { inputSchema, execute: calls.mark }, remove: guarded, refund: guarded }
  const turn = [{ call: 'look' }, { call: 'remove' }, { call: 'refund' }]
  return { ...calls, agent: agentOf(tools, [turn, [{ text: 'Removed.' }]]) }
}

test('a run pauses at its approvals, goes on when both are given, and ends', async () => {
  const { agent, made } = guardedTwice()
  await using shop = await openShop({ agents: [agent] })
  const run = await shop.start({ waitMs: 5_000 })
  expect(run).toMatchObject({ status: 'PAUSED', lease: null, gated: true, due: null })
  expect(made.size).toBe(1)
  const [first, second] = await shop.pending(run.id)
  if (!first || !second) throw new Error('Two approvals were expected.')
  await shop.decide(second)
  await shop.decide(first)
  expect(await shop.until(run.id, isDone)).toMatchObject({ status: 'COMPLETED', output: 'Removed.', lease: null })
  expect([...made.values()]).toEqual([1, 1, 1])
  expect(shop.errors).toEqual([])
})

test('two approvals decided at once, 200 times: each tool is entered exactly once', async () => {
  const { agent, made } = guardedTwice()
  await using shop = await openShop({ agents: [agent] })
  const one = async () => {
    const run = await shop.start({ waitMs: 20_000 })
    const answers = await Promise.all((await shop.pending(run.id)).map((approval) => shop.decide(approval)))
    expect(answers.map(({ __typename }) => __typename)).toEqual(['ResolveApprovalSuccess', 'ResolveApprovalSuccess'])
    return shop.until(run.id, isDone)
  }
  const runs = await Promise.all(Array.from({ length: 200 }, one))
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
  expect(made.size).toBe(600)
  expect(new Set(made.values())).toEqual(new Set([1]))
  expect(shop.errors).toEqual([])
})

test('a decision that comes while the pause is still being written is not lost, whenever it comes', async () => {
  const random = randomFrom(20)
  const { agent, made } = guardedTwice()
  const slow = { change: slowed(random) }
  await using shop = await openShop({ agents: [agent], settings: { maxConcurrentRuns: 400 } }, slow)
  // Decided as soon as it is there, which is before the run can have paused.
  const decided: Promise<unknown>[] = []
  shop.engine.hub.listen((news) => {
    if (news.kind !== 'approval' || news.revision !== 1) return
    const later = Math.floor(random() * 12)
    decided.push(
      turns(later).then(async () => {
        const approval = await shop.store.approvals.get(news.id)
        if (approval) await shop.decide(approval, random() < 0.2 ? 'reject' : 'approve')
      }),
    )
  })
  const runs = await Promise.all(Array.from({ length: 300 }, () => shop.start()))
  const ended = await Promise.all(runs.map(({ id }) => shop.until(id, isDone)))
  await Promise.all(decided)
  expect(decided).toHaveLength(600)
  expect(ended.filter(({ status }) => status !== 'COMPLETED')).toEqual([])
  expect([...made.values()].filter((times) => times !== 1)).toEqual([])
  expect(shop.errors).toEqual([])
})

test('more runs than a process works on at once all come to their end', async () => {
  const { agent, made } = guardedTwice()
  await using shop = await openShop({ agents: [agent], settings: { maxConcurrentRuns: 8 } })
  const runs = await Promise.all(Array.from({ length: 500 }, () => shop.start()))
  for (const { id } of runs) {
    await shop.until(id, isPaused)
    for (const approval of await shop.pending(id)) await shop.decide(approval)
  }
  const ended = await Promise.all(runs.map(({ id }) => shop.until(id, isDone)))
  expect(new Set(ended.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
  expect(made.size).toBe(1_500)
  expect(new Set(made.values())).toEqual(new Set([1]))
})

test('a paused run that is looked at again for nothing is let go again, and left alone', async () => {
  const { agent } = guardedTwice()
  let steps = 0
  const counting = faultyOnStep(() => void steps++)
  await using shop = await openShop({ agents: [agent] }, { change: counting })
  const { id, seq } = await shop.start({ waitMs: 5_000 })
  const before = steps
  shop.engine.worker.wake(id)
  await shop.until(id, ({ fence, lease }) => fence === 2 && lease === null)
  await turns(50)
  expect(steps - before).toBeLessThanOrEqual(1)
  expect(await shop.store.runs.get(id)).toMatchObject({ fence: 2, lease: null, seq, status: 'PAUSED' })
})

describe('while the store fails for a while', () => {
  test.each([1, 2, 3, 4, 5])('every run ends and no tool runs twice (seed %i)', async (seed) => {
    const random = randomFrom(seed)
    const { agent, twice, made } = guardedTwice()
    let failures = 0
    const change = (store: Parameters<typeof faulty>[0]) =>
      faulty(store, async (method, call) => {
        // Start and decision are the callers' to repeat.
        if (method === 'runs.create' || method === 'approvals.decide' || method.startsWith('principals')) return call()
        if (failures >= 60 || random() > 0.2) return call()
        failures += 1
        if (random() < 0.5) await call()
        throw unavailable()
      })
    await using shop = await openShop({ agents: [agent], settings: { leaseMs: 1_000 } }, { change })
    const runs = await Promise.all(Array.from({ length: 6 }, () => shop.start()))
    await insist(() =>
      Promise.all(
        runs.map(async ({ id }) => {
          const run = await shop.store.runs.get(id)
          if (!run || isDone(run)) return
          for (const approval of await shop.pending(id)) await shop.decide(approval)
          throw unavailable()
        }),
      ),
    )
    const ended = await Promise.all(runs.map(({ id }) => shop.store.runs.get(id)))
    expect(new Set(ended.map((run) => run?.status))).toEqual(new Set(['COMPLETED']))
    expect(twice()).toEqual([])
    expect(made.size).toBe(18)
    expect(failures).toBeGreaterThan(10)
  })
})

test('what was written for an unknown answer is read back and not written again', async () => {
  const { agent, made } = guardedTwice()
  let lost = 0
  const change = (store: Parameters<typeof faulty>[0]) =>
    faulty(store, async (method, call) => {
      const answer = await call()
      if (method !== 'runs.step' || lost++ % 2 === 0) return answer
      throw unavailable()
    })
  await using shop = await openShop({ agents: [agent] }, { change })
  const { id } = await shop.start({ waitMs: 5_000 })
  for (const approval of await shop.pending(id)) await shop.decide(approval)
  await shop.until(id, isDone)
  const entries = await shop.journal(id)
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, at) => at + 1))
  expect((await loadState(shop.store, id)).status).toBe('COMPLETED')
  expect(typesOf(entries).filter((type) => type === 'call-started')).toHaveLength(3)
  expect([...made.values()]).toEqual([1, 1, 1])
  expect(lost).toBeGreaterThan(5)
})

test('a run with resumeMode MANUAL goes on when it is told to, and its tools run once for two who tell it', async () => {
  const { agent, made } = guardedTwice()
  await using shop = await openShop({ agents: [agent] })
  const { id } = await shop.start({ waitMs: 5_000, resumeMode: 'MANUAL' })
  for (const approval of await shop.pending(id)) await shop.decide(approval)
  await shop.until(id, ({ lease, seq }) => lease === null && seq > 6)
  expect(made.size).toBe(1)
  const answers = await Promise.all([1, 2, 3].map(() => continueRun(shop.engine, rita, { runId: id, waitMs: 5_000 })))
  expect(answers.map(({ __typename }) => __typename)).toContain('ContinueRunSuccess')
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect([...made.values()]).toEqual([1, 1, 1])
})

/** Every call of the store takes a few turns of the event loop, before and after it. */
const slowed = (random: () => number) => (store: Parameters<typeof faulty>[0]) =>
  faulty(store, async (_, call) => {
    await turns(Math.floor(random() * 4))
    const answer = await call()
    await turns(Math.floor(random() * 4))
    return answer
  })

const faultyOnStep = (onStep: () => void) => (store: Parameters<typeof faulty>[0]) =>
  faulty(store, (method, call) => {
    if (method === 'runs.step') onStep()
    return call()
  })

/** As a client does: again, until the database is there. */
async function insist(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await attempt())
    } catch {
      await turns(20)
    }
  }
}
