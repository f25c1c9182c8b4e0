import { expect, test } from 'vitest'
import { z } from 'zod'
import { cancelRun } from '../../src/runs/cancel.ts'
import { continueRun } from '../../src/runs/continue.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { faulty } from './faulty-store.ts'
import { agentOf, isDone, openWorkplace, rita, tally } from './workshop.ts'

const inputSchema = z.object({})

/** A run fails through its model; between that and its being written somebody asks to cancel it. */
async function cancelComesLate(real: Store) {
  const { made, mark } = tally()
  let broken = true
  let asked = false
  const act = { inputSchema, execute: mark }
  const turns = (prompt: readonly unknown[]) => {
    if (prompt.length === 1) return [{ call: 'act' }]
    if (broken) throw new Error('Overloaded.')
    return [{ text: 'Done.' }]
  }
  const request = { by: rita.id, at: real.now(), reason: null }
  const store = faulty(real, async (method, call, [step]) => {
    if (method === 'runs.step') {
      const { runId, head } = step as Parameters<Store['runs']['step']>[0]
      if (head.status === 'FAILED' && !asked) await real.runs.signal(runId, request)
      asked ||= head.status === 'FAILED'
    }
    return call()
  })
  await using shop = await openWorkplace({ agents: [agentOf({ act }, turns, { maxRetries: 0 })], store })
  const { id } = await shop.start()
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', cancelRequested: { by: rita.id } })
  expect(await cancelRun(shop.engine, rita, { runId: id })).toMatchObject({ __typename: 'RunStateError' })
  broken = false
  expect(await continueRun(shop.engine, rita, { runId: id, waitMs: 20_000 })).toMatchObject({
    __typename: 'ContinueRunSuccess',
    run: { status: 'COMPLETED', cancelRequested: null },
  })
  expect([...made.values()]).toEqual([1])
}

const name = 'C13 a cancel that came too late for the failure does not end the run when it is continued'

test(`${name}, on SQLite`, async () => {
  await using store = await openSqliteStore({ path: ':memory:' })
  await cancelComesLate(store)
})

test.skipIf(mongodbIsOff())(`${name}, on MongoDB`, async () => {
  await using database = mongoDatabase()
  await using store = await openMongoStore({ url: database.url })
  await cancelComesLate(store)
})
