import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { GateFields } from '../../src/agents/tool.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { faulty, turns, unavailable } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, openWorkplace, rita, tally } from './workshop.ts'

const inputSchema = z.object({})

/** Stops at its first attempt when it is told to, as `fetch` does; the others are done at once. */
function heedful({ gives, ...fields }: GateFields<object> & { gives?: string } = {}) {
  const { mark, made } = tally()
  const entered = Promise.withResolvers<void>()
  const events: string[] = []
  const execute = (input: unknown, options: { toolCallId: string; abortSignal?: AbortSignal }) => {
    events.push('entered')
    const result = mark(input, options)
    if (made.get(options.toolCallId) !== 1) return result
    entered.resolve()
    return new Promise<string>((resolve, reject) => {
      options.abortSignal?.addEventListener('abort', () => {
        events.push('told to stop')
        if (gives === undefined) reject(options.abortSignal?.reason)
        else resolve(gives)
      })
    })
  }
  return { tool: { inputSchema, ...fields, execute }, made, events, entered: entered.promise }
}

/** The way to the database, which can be cut. */
function openLine() {
  const line = {
    isCut: false,
    through: (store: Store) =>
      faulty(store, async (_, call) => {
        if (line.isCut) throw unavailable()
        return call()
      }),
  }
  return line
}

const outcomes = (entries: Awaited<ReturnType<Awaited<ReturnType<typeof openShop>>['journal']>>) =>
  entries.flatMap((entry) => (entry.type === 'call-finished' ? [entry.outcome] : []))

describe('a call that was told to stop because its server shuts down, and stopped,', () => {
  /** The first server goes down in the middle of the call, and another one goes on. */
  async function movedOn(scene: ReturnType<typeof heedful>) {
    const agents = [agentOf({ tool: scene.tool }, [[{ call: 'tool' }]])]
    const store = await openSqliteStore({ path: ':memory:' })
    const first = await openWorkplace({ agents, store })
    const { id } = await first.start()
    await scene.entered
    await first.engine.worker.stop(40)
    const second = await openWorkplace({ agents, store })
    return {
      ...{ id, second },
      async [Symbol.asyncDispose]() {
        await second[Symbol.asyncDispose]()
        await store[Symbol.asyncDispose]()
      },
    }
  }

  test('is asked about: nobody knows whether it happened', async () => {
    const scene = heedful()
    await using moved = await movedOn(scene)
    const { id, second } = moved
    await second.until(id, isPaused)
    expect(await second.pending(id)).toMatchObject([{ kind: 'RECONCILIATION' }])
    expect(outcomes(await second.journal(id))).toEqual([])
    expect([...scene.made.values()]).toEqual([1])
  })

  test('is made again if its tool is idempotent', async () => {
    const scene = heedful({ idempotent: true })
    await using moved = await movedOn(scene)
    const { id, second } = moved
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(outcomes(await second.journal(id))).toEqual([{ result: '"done"' }])
    expect([...scene.made.values()]).toEqual([2])
  })

  test('is looked up if its tool can', async () => {
    const scene = heedful({ reconcile: () => ({ happened: true, result: 'it was' }) })
    await using moved = await movedOn(scene)
    const { id, second } = moved
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(outcomes(await second.journal(id))).toEqual([{ result: '"it was"' }])
    expect([...scene.made.values()]).toEqual([1])
  })

  test('and gave something all the same, has ended with that', async () => {
    const scene = heedful({ gives: 'just in time' })
    await using moved = await movedOn(scene)
    const { id, second } = moved
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(outcomes(await second.journal(id))).toEqual([{ result: '"just in time"' }])
  })
})

test('a process whose lease is over, and that cannot reach the database, tells its call to stop before others look what became of it', async () => {
  const leaseMs = 500
  const line = openLine()
  const scene = heedful({ reconcile: () => ({ happened: false }) })
  const agents = [agentOf({ tool: scene.tool }, [[{ call: 'tool' }]])]
  await using store = await openSqliteStore({ path: ':memory:' })
  await using first = await openWorkplace({ agents, store: line.through(store), settings: { leaseMs } })
  const { id } = await first.start()
  await scene.entered
  line.isCut = true
  await using second = await openWorkplace({ agents, store, settings: { leaseMs } })
  expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect(scene.events).toEqual(['entered', 'told to stop', 'entered'])
  // Its process, which comes back, has nothing to say any more.
  line.isCut = false
  await turns(50)
  expect(outcomes(await second.journal(id))).toEqual([{ result: '"done"' }])
})

test('a process that cannot reach the database for longer than its lease, and is the only one, sees itself what became of its call', async () => {
  const leaseMs = 300
  const line = openLine()
  const scene = heedful({ idempotent: true })
  const agents = [agentOf({ tool: scene.tool }, [[{ call: 'tool' }]])]
  await using shop = await openShop({ agents, settings: { leaseMs } }, { change: line.through })
  const { id } = await shop.start()
  await scene.entered
  line.isCut = true
  await delay(2 * leaseMs)
  line.isCut = false
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect(outcomes(await shop.journal(id))).toEqual([{ result: '"done"' }])
  expect([...scene.made.values()]).toEqual([2])
})

test('a call that a cancel stopped is recorded as one that may have happened', async () => {
  const scene = heedful()
  await using shop = await openShop({ agents: [agentOf({ tool: scene.tool }, [[{ call: 'tool' }]])] })
  const { id } = await shop.start()
  await scene.entered
  expect(await cancelRun(shop.engine, rita, { runId: id })).toMatchObject({ run: { status: 'CANCELLED' } })
  expect(outcomes(await shop.journal(id))).toEqual([
    { error: 'The run was cancelled. It was told to stop, and the call may have happened.' },
  ])
})

test('a call whose beginning is on record only when all have been told to stop is not made, and then made by the next', async () => {
  let database: 'there' | 'away' | 'back' = 'there'
  const scene = heedful()
  const agents = [agentOf({ tool: { ...scene.tool, approval: 'required' as const } }, [[{ call: 'tool' }]])]
  await using store = await openSqliteStore({ path: ':memory:' })
  const change = (there: Store) =>
    faulty(there, async (method, call, [step]) => {
      if (database === 'there' && method === 'runs.step' && JSON.stringify(step).includes('call-started'))
        database = 'away'
      if (database === 'away') throw unavailable()
      return call()
    })
  const first = await openWorkplace({ agents, store: change(store) })
  const { id } = await first.start({ waitMs: 20_000 })
  const [approval] = await first.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  await first.decide(approval)
  while (database === 'there') await turns(1)
  const stopped = first.engine.worker.stop(4_000)
  await delay(3_050)
  database = 'back'
  await stopped
  expect(scene.events).toEqual([])
  await using second = await openWorkplace({ agents, store })
  await scene.entered
  expect((await second.journal(id)).map(({ type }) => type).slice(-3)).toEqual([
    'call-started',
    'interrupted',
    'call-started',
  ])
})
