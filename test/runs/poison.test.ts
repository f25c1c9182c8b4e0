import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { EntryRecord } from '../../src/store/records.ts'
import { faulty, turns, unavailable } from './faulty-store.ts'
import { openFileShop } from './file-shop.ts'
import { agentOf, isDone, openShop, tally } from './workshop.ts'

const inputSchema = z.object({})
const guarded = { inputSchema, approval: 'required' as const, execute: () => 'done' }

test('an approval that cannot be read does not freeze the process: timers fire and other runs end', async () => {
  const program = join(import.meta.dirname, 'poisoned-approval.ts')
  const ended = promisify(execFile)(process.execPath, [program], { timeout: 20_000, killSignal: 'SIGKILL' })
  const { stdout } = await ended
  const said = JSON.parse(stdout)
  expect(said).toMatchObject({ timer: 'fired', healthy: 'COMPLETED', fresh: 'PAUSED', made: [1], told: true })
  // Failed, or left alone until somebody mends the row.
  expect([
    ['FAILED', 'STORE_ERROR'],
    ['PAUSED', null],
  ]).toContainEqual(said.poisoned)
})

describe('a journal with an entry more than its record says', () => {
  const copyLast = `INSERT INTO journal (run_id, seq, text)
    SELECT run_id, seq + 1, text FROM journal WHERE run_id = ? ORDER BY seq DESC LIMIT 1`

  test('is not appended to without end: the lease runs out instead of being renewed, and nothing runs', async () => {
    const { mark, made } = tally()
    let steps = 0
    const change = (store: Parameters<typeof faulty>[0]) =>
      faulty(store, (method, call) => {
        if (method === 'runs.step') steps += 1
        return call()
      })
    const agent = agentOf({ guarded: { ...guarded, execute: mark } }, [[{ call: 'guarded' }]])
    await using shop = await openFileShop({ agents: [agent], settings: { leaseMs: 300 } }, { change })
    const { id, fence, seq } = await shop.start({ waitMs: 20_000 })
    const [approval] = await shop.pending(id)
    if (!approval) throw new Error('An approval was expected.')
    expect(shop.write(copyLast, id)).toBe(1)
    steps = 0
    await shop.decide(approval)
    const claimed = await shop.until(id, (run) => run.fence > fence)
    // Taken again: so nobody kept the first lease.
    await shop.until(id, (run) => run.fence > claimed.fence || isDone(run))
    expect(steps).toBeLessThan(8)
    expect(await shop.store.runs.get(id)).toMatchObject({ seq })
    expect(made.size).toBe(0)
  })

  test('does not hold up other runs', async () => {
    const agent = agentOf({ guarded }, [[{ call: 'guarded' }]])
    const settings = { leaseMs: 300, maxConcurrentRuns: 2 }
    await using shop = await openFileShop({ agents: [agent], settings })
    const broken = await Promise.all([1, 2, 3].map(() => shop.start({ waitMs: 20_000 })))
    const healthy = await shop.start({ waitMs: 20_000 })
    for (const { id } of broken) expect(shop.write(copyLast, id)).toBe(1)
    for (const { id } of [...broken, healthy])
      for (const approval of await shop.pending(id)) await shop.decide(approval)
    expect(await shop.until(healthy.id, isDone)).toMatchObject({ status: 'COMPLETED' })
  })
})

test('a paused run whose approval is gone and whose deadline is past is looked at again, and then left alone', async () => {
  let now = Date.now()
  let sweeps = 0
  const change = (store: Parameters<typeof faulty>[0]) =>
    faulty(store, async (method, call) => {
      if (method === 'runs.claimDue') sweeps += 1
      // As if the record were gone: nobody but the store's owner can take it away in memory.
      if (method === 'approvals.getMany' || method === 'approvals.get') return method === 'approvals.get' ? null : []
      return call()
    })
  const { mark, made } = tally()
  const approval = { type: 'required' as const, expiresIn: '1h' as const }
  const agent = agentOf({ guarded: { inputSchema, approval, execute: mark } }, [[{ call: 'guarded' }]])
  await using shop = await openShop({ agents: [agent], settings: { leaseMs: 60 } }, { change, clock: () => now })
  const { id, fence } = await shop.start({ waitMs: 20_000 })
  now += 2 * 3_600_000
  await shop.until(id, (run) => run.fence > fence && run.due === null && run.lease === null)
  const afterSweeps = async (count: number) => {
    for (const until = sweeps + count; sweeps < until; ) await turns(1)
    return await shop.store.runs.get(id)
  }
  const looked = await afterSweeps(5)
  expect(looked).toMatchObject({ status: 'PAUSED', due: null, lease: null })
  expect(await afterSweeps(5)).toMatchObject({ status: 'PAUSED', due: null, lease: null, fence: looked?.fence })
  expect(made.size).toBe(0)
})

test('a worker whose run has a changed journal stops while the database is away', async () => {
  let pages = 0
  const agent = agentOf({ guarded }, [[{ call: 'guarded' }]])
  const change = (store: Parameters<typeof faulty>[0]) =>
    faulty(store, async (method, call) => {
      if (method !== 'journal.read' || pages === 0) return call()
      // It is read as changed, and then not at all.
      if (pages++ > 1) throw unavailable()
      const records = (await call()) as readonly EntryRecord[]
      return records.map((record) => ({ ...record, text: record.text.replace('Do it', 'Do that') }))
    })
  await using shop = await openShop({ agents: [agent] }, { change })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  pages = 1
  await shop.decide(approval)
  while (pages < 4) await turns(1)
  await shop.engine.worker.stop(200)
})
