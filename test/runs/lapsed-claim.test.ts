import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { RunId } from '../../src/ids.ts'
import { readEntry } from '../../src/runs/journal.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Step, Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { faulty } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, openWorkplace, tally, type Workplace } from './workshop.ts'

const inputSchema = z.object({})

test('a claim that lapsed before it was begun frees its place: the run and new ones are worked on', async () => {
  const { mark } = tally()
  const block = (input: unknown, options: { toolCallId: string }) => {
    for (const end = performance.now() + 450; performance.now() < end; );
    return mark(input, options)
  }
  const slow = agentOf({ slow: { inputSchema, execute: block } }, [[{ call: 'slow' }]])
  const gated = { gated: { inputSchema, approval: 'required' as const, execute: mark } }
  const other = agentOf(gated, [[{ call: 'gated' }]], { name: 'other' })
  let shop: Workplace | undefined
  let toWake: RunId | null = null
  const isStart = ({ entries }: Step) => entries.some((entry) => readEntry(entry).type === 'call-started')
  const change = (store: Store) =>
    faulty(store, (method, call, args) => {
      const answer = call()
      if (toWake !== null && method === 'runs.step' && isStart(args[0] as Step)) {
        // The claim and the tool that outlasts it are of one tick.
        shop?.engine.worker.wake(toWake)
        toWake = null
      }
      return answer
    })
  await using opened = await openShop(
    { agents: [slow, other], settings: { leaseMs: 300, maxConcurrentRuns: 1 } },
    { change },
  )
  shop = opened
  const waiting = await opened.start({ agentName: 'other', waitMs: 5_000 })
  toWake = waiting.id
  const first = await opened.start()
  await opened.until(first.id, isDone)
  const [approval] = await opened.pending(waiting.id)
  if (!approval) throw new Error('No approval')
  await opened.decide(approval)
  await opened.until(waiting.id, isDone)
  const later = await opened.start({ agentName: 'other' })
  await opened.until(later.id, isPaused)
})

test('stop waits for what the last sweep claims: its lease is given back, and nothing is tried on the closed store', async () => {
  using directory = temporaryDirectory()
  const path = join(directory.path, 'test.db')
  const { mark } = tally()
  const agent = agentOf({ gated: { inputSchema, approval: 'required', execute: mark } }, [[{ call: 'gated' }]])
  const real = await openSqliteStore({ path })
  let shop: Workplace | undefined
  let isArmed = false
  const stopped = Promise.withResolvers<void>()
  const store = faulty(real, (method, call) => {
    const answer = call()
    if (isArmed && method === 'runs.claimDue') {
      isArmed = false
      shop?.engine.worker.stop(1_000).then(stopped.resolve, stopped.reject)
    }
    return answer
  })
  shop = await openWorkplace({ agents: [agent], store })
  const run = await shop.start({ waitMs: 5_000 })
  await shop.until(run.id, ({ lease }) => lease === null)
  isArmed = true
  await real.runs.signal(run.id)
  await stopped.promise
  await real[Symbol.asyncDispose]()
  await using again = await openSqliteStore({ path })
  expect(await again.runs.get(run.id)).toMatchObject({ status: 'PAUSED', lease: null })
})
