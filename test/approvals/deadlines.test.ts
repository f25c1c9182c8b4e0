import { expect, test } from 'vitest'
import { z } from 'zod'
import { deadlineSweep } from '../../src/approvals/deadlines.ts'
import type { ApprovalId } from '../../src/ids.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { type Around, faulty, unavailable } from '../runs/faulty-store.ts'
import { agentOf, openShop } from '../runs/workshop.ts'

const inputSchema = z.object({})
const hour = 3_600_000

const from = 1_000_000
const plainly: Around = (_, call) => call()

/** A run that waits for `count` approvals, or several. Its process has stopped, so that nobody looks but who is told to; the clock stands still. */
async function waiting(approval: object, { count = 1, runs = 1, around = plainly } = {}) {
  let now = from
  const tools = { pay: { inputSchema, approval: { type: 'required', ...approval }, execute: () => 'paid' } }
  const agent = agentOf(tools, [Array.from({ length: count }, () => ({ call: 'pay' }))])
  const shop = await openShop({ agents: [agent] }, { clock: () => now })
  const started = await Promise.all(Array.from({ length: runs }, () => shop.start({ waitMs: 20_000 })))
  const approvals = (await Promise.all(started.map(({ id }) => shop.pending(id)))).flat()
  await shop.engine.worker.stop(1_000)
  const seen = faulty(shop.store, around)
  const sweep = deadlineSweep({ ...shop.engine, store: seen }, new AbortController().signal)
  return {
    ...{ shop, approvals },
    look: () => sweep.look(1_000),
    at(time: number) {
      now = time
    },
    read: (approval: ApprovalRecord | undefined = approvals[0]) => shop.store.approvals.get(approval?.id as ApprovalId),
    [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose](),
  }
}
const actions = (approval: ApprovalRecord | null) => approval?.history.map(({ action }) => action)

test('R15 each reminder is at its moment, and one stands for all that passed meanwhile; the deadline is no reminder', async () => {
  await using scene = await waiting({ expiresIn: '5h', remindAt: ['4h', '3h', '2h', '1h'] })
  expect(await scene.read()).toMatchObject({ due: from + hour, remindAt: [1, 2, 3, 4].map((n) => from + n * hour) })
  const look = async (time: number) => {
    scene.at(time)
    await scene.look()
    const approval = await scene.read()
    return [actions(approval)?.length, approval?.due]
  }
  expect(await look(from + hour - 1)).toEqual([1, from + hour])
  expect(await look(from + hour)).toEqual([2, from + 2 * hour])
  expect(await look(from + 3.5 * hour)).toEqual([3, from + 4 * hour])
  expect(await look(from + 6 * hour)).toEqual([4, null])
  expect(actions(await scene.read())).toEqual(['PROPOSED', 'REMINDED', 'REMINDED', 'EXPIRED'])
})

test('R15 whoever looks knows when to look again: as soon as something is due, and each second', async () => {
  await using scene = await waiting({ expiresIn: '1h' })
  scene.at(from + hour - 5_000)
  expect(await scene.look()).toBe(1_000)
  scene.at(from + hour - 300)
  expect(await scene.look()).toBe(300)
})

test('R15 more than are read at once expire in one look, each by one write', async () => {
  let writes = 0
  const around: Around = (method, call) => {
    if (method === 'approvals.decide') writes += 1
    return call()
  }
  await using scene = await waiting({ expiresIn: '1h' }, { count: 100, runs: 5, around })
  scene.at(from + hour)
  await scene.look()
  const all = await scene.shop.store.approvals.getMany(scene.approvals.map(({ id }) => id))
  expect(all.map(({ status, revision }) => [status, revision])).toEqual(Array(500).fill(['EXPIRED', 2]))
  expect(writes).toBe(500)
})

test('R15 an approval that cannot be written keeps none of the others waiting, and is left alone for a while', async () => {
  let poisoned: ApprovalId | undefined
  let tries = 0
  const around: Around = (method, call, [id]) => {
    if (method !== 'approvals.decide' || id !== poisoned) return call()
    tries += 1
    throw new Error('Its document failed validation.')
  }
  await using scene = await waiting({ expiresIn: '1h' }, { count: 3, around })
  const [first, ...others] = scene.approvals
  poisoned = first?.id
  scene.at(from + 2 * hour)
  for (let looks = 0; looks < 3; looks++) await scene.look()
  for (const approval of others) expect(await scene.read(approval)).toMatchObject({ status: 'EXPIRED' })
  expect(await scene.read(first)).toMatchObject({ status: 'PENDING' })
  expect(tries).toBe(1)
  expect(scene.shop.errors).toMatchObject([{ err: { message: 'Its document failed validation.' } }])
})

test('R15 while the database is away nothing is given up, and nobody is blamed', async () => {
  let away = true
  const around: Around = async (method, call) => {
    if (method === 'approvals.decide' && away) throw unavailable()
    return call()
  }
  await using scene = await waiting({ expiresIn: '1h' }, { around })
  scene.at(from + 2 * hour)
  await expect(scene.look()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  away = false
  await scene.look()
  expect(await scene.read()).toMatchObject({ status: 'EXPIRED' })
  expect(scene.shop.errors).toEqual([])
})
