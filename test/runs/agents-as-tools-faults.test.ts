import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { tool } from '../../src/agents/tool.ts'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { continueRun } from '../../src/runs/continue.ts'
import { loadState } from '../../src/runs/load.ts'
import { toolCalls } from '../../src/runs/view.ts'
import type { ApprovalRecord, RunRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { faulty, type Method, unavailable } from './faulty-store.ts'
import { agentOf, anna, isDone, openWorkplace, rita, tally, type Workplace } from './workshop.ts'

// A run with runs within, on a store that fails at each of its writes, one after the other.

const inputSchema = z.object({})
const writes: readonly Method[] = ['runs.create', 'runs.claimOrSignal', 'runs.signal', 'runs.step', 'approvals.decide']
const isWrite = (method: Method) => writes.includes(method)

/** `outer` asks `middle` and, beside it, `inner`; `middle` asks `inner`. `inner` looks, needs an approver, and then its requester. */
function tree(times: ReturnType<typeof tally>) {
  const tools = {
    look: tool({ inputSchema, execute: times.mark }),
    pay: tool({ inputSchema, approval: 'required', execute: times.mark }),
    say: tool({ inputSchema, pause: 'confirmation', execute: times.mark }),
  }
  const inner = agentOf(tools, [[{ call: 'look' }, { call: 'pay' }], [{ call: 'say' }]], { name: 'inner' })
  const ask = (call = 'ask') => ({ call, input: { message: 'Go.' } })
  const middle = agentOf({ ask: asTool(inner) }, [[ask()]], { name: 'middle' })
  const outerTools = { ask: asTool(middle), also: asTool(inner), look: tools.look }
  return agentOf(outerTools, [[ask(), ask('also'), { call: 'look' }]], { name: 'outer' })
}
const callsInAll = 2 * 3 + 1

const all = (store: Store): Promise<RunRecord[]> =>
  store.runs.list({ visible: { tenant: 'default' } }, 'OLDEST_FIRST', { limit: 50 })

/** Decides and answers whatever waits, until the run is over; what cannot be said now is said again. */
async function attend(shop: Workplace, store: Store, first: RunRecord): Promise<RunRecord> {
  const end = performance.now() + 20_000
  for (;;) {
    const run = await store.runs.get(first.id)
    if (run && isDone(run)) return run
    if (performance.now() > end) throw new Error(`It never ended: ${JSON.stringify(await all(store), null, 1)}`)
    for (const approval of await pendingOf(store)) await say(shop, approval).catch(() => {})
    for (const one of await all(store)) {
      const waiting = one.status === 'PAUSED' ? toolCalls(new Map(), one, await loadState(store, one.id)) : []
      const answers = waiting
        .filter(({ toolName, status }) => toolName === 'say' && status === 'WAITING')
        .map(({ id }) => ({ callId: id, decision: { approve: {} } }))
      if (answers.length > 0) await continueRun(shop.engine, rita, { runId: one.id, answers }).catch(() => {})
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
/** What was cut off is told to have happened: nothing is made twice. */
const say = (shop: Workplace, approval: ApprovalRecord): Promise<unknown> =>
  approval.kind === 'RECONCILIATION'
    ? resolveApproval(shop.engine, anna, {
        approvalId: approval.id,
        decision: { reconcile: { happened: { success: { result: 'told' } } } },
      })
    : shop.decide(approval)
const reconciledIn = (store: Store) =>
  store.approvals.list({ visible: { tenant: 'default' }, kind: ['RECONCILIATION'] }, 'OLDEST_FIRST', { limit: 50 })
const pendingOf = (store: Store) =>
  store.approvals.list({ visible: { tenant: 'default' }, status: ['PENDING'] }, 'OLDEST_FIRST', { limit: 50 })

/** All five runs completed, all calls made once, nothing pending and nothing left to be looked at. */
async function expectWhole(store: Store, times: ReturnType<typeof tally>, shop: Workplace) {
  for (const { id } of await all(store)) await shop.until(id, ({ lease }) => lease === null)
  const runs = await all(store)
  expect(runs.map(({ status, error }) => error ?? status)).toEqual(Array(4).fill('COMPLETED'))
  expect(new Set(runs.map(({ gated }) => gated))).toEqual(new Set([true]))
  expect([times.made.size, times.twice()]).toEqual([callsInAll, []])
  expect(await pendingOf(store)).toEqual([])
  for (const run of runs) {
    const calls = toolCalls(new Map(), run, await loadState(store, run.id))
    expect(new Set(calls.map(({ status }) => status))).toEqual(new Set(['SUCCEEDED']))
  }
}

/** One whole run; before or after its n-th write the store fails once. Gives how many writes there were. */
async function withFault(n: number, lost: 'before' | 'after'): Promise<number> {
  const times = tally()
  await using store = await openSqliteStore({ path: ':memory:' })
  let count = 0
  const broken = faulty(store, async (method, call) => {
    if (!isWrite(method)) return call()
    count += 1
    if (count !== n) return call()
    if (lost === 'after') await call()
    throw unavailable()
  })
  await using shop = await openWorkplace({ agents: [tree(times)], store: broken, settings: { leaseMs: 600 } })
  const run = await shop.start().catch(async () => (await all(store))[0] ?? (await shop.start()))
  await attend(shop, store, run)
  await expectWhole(store, times, shop)
  return count
}

describe('a store that fails once', () => {
  test.each(['before', 'after'] as const)(
    '%s any of its writes: the run comes to its end, each call is made once',
    async (lost) => {
      const count = await withFault(0, lost)
      expect(count).toBeGreaterThan(40)
      const fault = (n: number) => withFault(n, lost).catch((error) => rethrow(error, `${lost} write ${n}`))
      for (let n = 1; n <= count; n += atOnce) await Promise.all(some(n).map(fault))
    },
    120_000,
  )
})

/** The process is cut off from the store for good after its n-th write, and another one takes over. False when there were fewer. */
async function withDeath(n: number): Promise<boolean> {
  const times = tally()
  await using store = await openSqliteStore({ path: ':memory:' })
  let [count, over] = [0, false]
  const dead = () => count > n
  const broken = faulty(store, async (method, call) => {
    if (isWrite(method)) count += 1
    if (dead() && !over) throw unavailable()
    return call()
  })
  const agent = tree(times)
  const first = await openWorkplace({ agents: [agent], store: broken, settings: { leaseMs: 300 } })
  await using stack = new AsyncDisposableStack()
  stack.use(first)
  // So that it finds out that it has nothing left to do.
  stack.defer(() => {
    over = true
  })
  const started = await first.start().catch(() => null)
  if (started === null) return true
  const attended = attend(first, store, started)
  // An answer that was being written when the store went away is tried until it is known.
  attended.catch(() => {})
  const died = await Promise.race([attended.then(() => false), until(dead).then(() => true)])
  if (!died) return false
  const second = stack.use(await openWorkplace({ agents: [agent], store, settings: { leaseMs: 300 } }))
  const run = await attend(second, store, started)
  for (const { id } of await all(store)) await second.until(id, isDone)
  // A tool that was begun and whose end is not on record: nobody knows, so a person was asked, and nothing is made twice.
  expect(times.twice()).toEqual([])
  const asked = await reconciledIn(store)
  for (const { toolName } of asked) expect(['look', 'pay', 'say']).toContain(toolName)
  const runs = await all(store)
  expect(runs.map(({ status }) => status)).toEqual(runs.map(() => 'COMPLETED'))
  if (asked.length === 0) await expectWhole(store, times, second)
  else expect([run.status, await pendingOf(store)]).toEqual(['COMPLETED', []])
  return true
}

async function until(holds: () => boolean) {
  for (const end = performance.now() + 20_000; !holds() && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 1))
}

test('a process that is cut off after any of its writes: another one brings all runs to their ends, each call made once', async () => {
  const death = (n: number) => withDeath(n).catch((error) => rethrow(error, `after write ${n}`))
  let n = 1
  while ((await Promise.all(some(n).map(death))).every((died) => died)) n += atOnce
  expect(n).toBeGreaterThan(40)
}, 180_000)

/** Most of the time each waits for a lease to run out. */
const atOnce = 6
const some = (from: number) => Array.from({ length: atOnce }, (_, index) => from + index)

function rethrow(error: unknown, where: string): never {
  throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
}
