import { expect, test } from 'vitest'
import { z } from 'zod'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { agentOf, anna, isDone, openWorkplace } from './workshop.ts'

// Decisions that nobody has heard yet may be too long together for one document of MongoDB, which is for ever.

const inputSchema = z.object({})
const result = 'x'.repeat(1_000_000)

test.skipIf(mongodbIsOff())(
  'R10 long decisions that come while nobody listens are all heard',
  {
    timeout: 60_000,
  },
  async () => {
    await using database = mongoDatabase()
    await using store = await openMongoStore({ url: database.url })
    const elsewhere = { inputSchema, approval: 'required' as const, pause: 'external-execution' as const }
    const calls = Array.from({ length: 18 }, () => ({ call: 'elsewhere' }))
    const agents = [agentOf({ elsewhere }, [calls])]
    const limits = { arguments: 1e6, result: 2e6, message: 1e6, transcript: 32e6 }
    const work = { agents, store, settings: { leaseMs: 2_000, limits } }
    await using first = await openWorkplace(work)
    const { id } = await first.start({ waitMs: 20_000 })
    const pending = await first.pending(id)
    await first.engine.worker.stop(100)
    for (const { id: approvalId } of pending) {
      const decision = { approve: { outcome: { success: { result } } } }
      expect(await resolveApproval(first.engine, anna, { approvalId, decision })).toMatchObject({
        __typename: 'ResolveApprovalSuccess',
      })
    }
    await using second = await openWorkplace(work)
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(second.errors).toEqual([])
    const decided = (await second.journal(id)).flatMap((entry) => (entry.type === 'decided' ? entry.decisions : []))
    expect(decided).toHaveLength(calls.length)
  },
)
