import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { continueRun } from '../../src/runs/continue.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { faulty, turns } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, openWorkplace, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})

/** A tool that is entered, and ends when it is told to. */
function slowTool() {
  const { mark, made } = tally()
  const entered = Promise.withResolvers<void>()
  const end = Promise.withResolvers<string>()
  const execute = (input: unknown, options: { toolCallId: string }) => {
    mark(input, options)
    entered.resolve()
    return end.promise
  }
  return { made, entered: entered.promise, end: () => end.resolve('done'), tool: { inputSchema, execute } }
}

test('an approved call whose sibling blocked the process longer than the lease is still made', async () => {
  const { mark, made } = tally()
  const execute = (input: unknown, options: { toolCallId: string }) => {
    for (const until = performance.now() + 400; performance.now() < until; );
    return mark(input, options)
  }
  const guarded = { inputSchema, approval: 'required' as const, execute }
  const agent = agentOf({ guarded }, [[{ call: 'guarded' }, { call: 'guarded' }]])
  await using shop = await openShop({ agents: [agent], settings: { leaseMs: 300 } })
  const { id } = await shop.start({ waitMs: 20_000 })
  for (const approval of await shop.pending(id)) await shop.decide(approval)
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect([...made.values()]).toEqual([1, 1])
  const outcomes = (await shop.journal(id)).flatMap((entry) => (entry.type === 'call-finished' ? [entry.outcome] : []))
  expect(outcomes).toEqual([{ result: '"done"' }, { result: '"done"' }])
})

test('a clock that jumps past the leases, as when the machine was suspended, takes no run from the process that works on it', async () => {
  let ahead = 0
  let sweeps = 0
  const change = (store: Store) =>
    faulty(store, (method, call) => {
      if (method === 'runs.claimDue') sweeps += 1
      return call()
    })
  const { tool, entered, end, made } = slowTool()
  const agents = [agentOf({ tool }, [[{ call: 'tool' }]])]
  const clock = () => Date.now() + ahead
  await using shop = await openShop({ agents, settings: { leaseMs: 3_000 } }, { change, clock })
  const { id } = await shop.start()
  await entered
  for (let times = 0; times < 5; times++) {
    ahead += 3_600_000
    const seen = sweeps
    await shop.until(id, () => sweeps > seen)
  }
  end()
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED', fence: 1 })
  expect([...made.values()]).toEqual([1])
})

test('while a worker stops, a tool that ends within the grace keeps its run, however short the lease', async () => {
  await using store = await openSqliteStore({ path: ':memory:' })
  const { tool, entered, end, made } = slowTool()
  const work = { agents: [agentOf({ tool }, [[{ call: 'tool' }]])], store, settings: { leaseMs: 300 } }
  const first = await openWorkplace(work)
  const { id } = await first.start()
  await entered
  await using second = await openWorkplace(work)
  const before = await store.runs.get(id)
  const stopping = first.engine.worker.stop(20_000)
  // Two leases later it is still the first one's.
  const until = (before?.lease?.until ?? 0) + 600
  await second.until(id, (run) => (run.lease?.until ?? 0) > until || isDone(run) || run.fence !== before?.fence)
  end()
  await stopping
  expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED', error: null })
  expect([...made.values()]).toEqual([1])
  await first[Symbol.asyncDispose]()
})

/** Holds the answer to the first such call back until somebody has taken the run over; `when` says whether it comes before or after it is done. */
const late = (held: string, when: 'before' | 'after', isArmed = () => true) => {
  let times = 0
  return (store: Store) =>
    faulty(store, async (method, call, args) => {
      if (method !== held || !isArmed() || times++ > 0) return call()
      const { id, runId = id } = args[0] as { id: never; runId?: never }
      const fence = (await store.runs.get(runId))?.fence ?? 1
      const taken = async () => {
        while (((await store.runs.get(runId))?.fence ?? 0) <= fence) await turns(1)
      }
      if (when === 'before') await taken()
      const answer = await call()
      if (when === 'after') await taken()
      return answer
    })
}

describe('a store that answers later than the lease lasts', () => {
  test('when a run is created: it is driven once, and its tool runs once', async () => {
    const { tool, entered, end, made } = slowTool()
    let asked = 0
    const agent = agentOf({ tool }, (prompt) => {
      asked += 1
      return prompt.some(({ role }) => role === 'tool') ? [{ text: 'Done.' }] : [{ call: 'tool' }]
    })
    const change = late('runs.create', 'after')
    await using shop = await openShop({ agents: [agent], settings: { leaseMs: 300 } }, { change })
    const { id } = await shop.start()
    await entered
    // The one who works on it renews its lease: nobody takes it from them.
    const { fence, lease } = await shop.until(id, (run) => run.lease !== null)
    await shop.until(id, (run) => run.fence !== fence || (run.lease?.until ?? 0) > (lease?.until ?? 0) + 300)
    end()
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED', output: 'Done.', fence })
    expect([...made.values()]).toEqual([1])
    expect(asked).toBe(2)
    expect(typesOf(await shop.journal(id))).toEqual([
      'started',
      'model-responded',
      'proposed',
      'call-started',
      'call-finished',
      'model-responded',
      'completed',
    ])
    expect(shop.errors).toEqual([])
  })

  test('when a run is continued: the caller is told that it was not, and may do it again', async () => {
    const { mark, made } = tally()
    const agent = agentOf({ send: { inputSchema, pause: 'confirmation', execute: mark } }, [[{ call: 'send' }]])
    let armed = false
    const change = late('runs.step', 'before', () => armed)
    await using shop = await openShop({ agents: [agent], settings: { leaseMs: 300 } }, { change })
    const { id } = await shop.start({ waitMs: 20_000 })
    const [call] = (await shop.journal(id)).flatMap((entry) => (entry.type === 'proposed' ? entry.calls : []))
    const answers = [{ callId: call?.callId ?? '', decision: { approve: {} } }]
    const again = () => continueRun(shop.engine, rita, { runId: id, answers, waitMs: 20_000 })
    armed = true
    expect(await again()).toMatchObject({ __typename: 'RunStateError', run: { id } })
    expect(made.size).toBe(0)
    await shop.until(id, (run) => isPaused(run) && run.lease === null)
    expect(await again()).toMatchObject({ __typename: 'ContinueRunSuccess', run: { status: 'COMPLETED' } })
    expect([...made.values()]).toEqual([1])
  })
})

test('leases are renewed while a claim of due runs waits for the store', async () => {
  const { made, entered, end, tool } = slowTool()
  const claimed = Promise.withResolvers<never[]>()
  let renewals = 0
  const change = (store: Store) =>
    faulty(store, (method, call) => {
      if (method === 'runs.claimDue') return claimed.promise
      if (method === 'runs.renew') renewals += 1
      return call()
    })
  await using shop = await openShop(
    { agents: [agentOf({ slow: tool }, [[{ call: 'slow' }]])], settings: { leaseMs: 300 } },
    { change },
  )
  const { id } = await shop.start()
  await entered
  // More than the lease lasts.
  await shop.until(id, () => renewals > 4)
  end()
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED', fence: 1 })
  expect([...made.values()]).toEqual([1])
  claimed.resolve([])
})
