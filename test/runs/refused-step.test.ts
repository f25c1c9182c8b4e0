import { expect, test } from 'vitest'
import { z } from 'zod'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { agentOf, openWorkplace, typesOf } from './workshop.ts'

test.skipIf(mongodbIsOff())(
  'a step that the database refuses for good fails its run: its model is not asked again and again',
  {
    timeout: 60_000,
  },
  async () => {
    await using database = mongoDatabase()
    await using store = await openMongoStore({ url: database.url })
    // Together more than a document of MongoDB may have.
    const inputSchema = z.object({ text: z.string().default('"'.repeat(120_000)) })
    let asked = 0
    const agent = agentOf({ act: { inputSchema, approval: 'required', execute: () => 'done' } }, () => {
      asked += 1
      return Array.from({ length: 40 }, () => ({ call: 'act' }))
    })
    await using shop = await openWorkplace({ agents: [agent], store, settings: { leaseMs: 500 } })
    const { id } = await shop.start()
    const ended = await shop.until(id, (run) => run.status !== 'RUNNING' || run.fence > 3)
    expect(ended).toMatchObject({ status: 'FAILED', error: { code: 'STORE_ERROR' } })
    expect(asked).toBe(1)
    expect(typesOf(await shop.journal(id))).toEqual(['started', 'failed'])
  },
)
