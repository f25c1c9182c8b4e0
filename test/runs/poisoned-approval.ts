import { z } from 'zod'
import { openFileShop } from './file-shop.ts'
import { agentOf, isDone, tally } from './workshop.ts'

// A process with an approval that cannot be read: looks at its run, finishes another one, and says what became of both. It is a process of
// its own because the one thing a frozen process cannot do is to fail a test.

const { mark, made } = tally()
const guarded = { inputSchema: z.object({}), approval: 'required' as const, execute: mark }
const agent = agentOf({ guarded }, [[{ call: 'guarded' }]])
const shop = await openFileShop({ agents: [agent], settings: { leaseMs: 300 } })
const poisoned = await shop.start({ waitMs: 10_000 })
const healthy = await shop.start({ waitMs: 10_000 })
const [approval] = await shop.pending(healthy.id)
if (!approval || shop.write("UPDATE approvals SET history = 'x{' WHERE run_id = ?", poisoned.id) !== 1)
  throw new Error('The scene is not set.')

shop.engine.worker.wake(poisoned.id)
// It was looked at, and again: the fence says how often.
const after = await shop.until(poisoned.id, (run) => isDone(run) || run.fence >= 3)
const fired = await new Promise((resolve) => setTimeout(resolve, 1, 'fired'))
await shop.decide(approval)
const other = await shop.until(healthy.id, isDone)
const fresh = await shop.start({ waitMs: 10_000 })
console.log(
  JSON.stringify({
    poisoned: [after.status, after.error?.code ?? null],
    timer: fired,
    healthy: other.status,
    fresh: fresh.status,
    made: [...made.values()],
    told: shop.errors.length > 0,
  }),
)
await shop[Symbol.asyncDispose]()
