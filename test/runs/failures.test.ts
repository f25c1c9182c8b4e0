import { APICallError } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { continueRun } from '../../src/runs/continue.ts'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { openSqliteStore, sqliteStore } from '../../src/store/sqlite/store.ts'
import { turns } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, openWorkplace, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const guarded = { inputSchema, approval: 'required' as const, execute: () => 'done' }

describe('a model that fails', () => {
  /** Retryable, and at once. */
  const passing = () =>
    new APICallError({
      message: 'Overloaded.',
      url: 'http://model',
      requestBodyValues: {},
      isRetryable: true,
      responseHeaders: { 'retry-after-ms': '0' },
    })

  test('three times fails the run with its error; continued, the run goes on and no tool runs again', async () => {
    const { mark, made } = tally()
    let asked = 0
    const agent = agentOf({ look: { inputSchema, execute: mark } }, (prompt) => {
      asked += 1
      if (!prompt.some(({ role }) => role === 'tool')) return [{ call: 'look' }, { call: 'look' }]
      if (asked < 5) throw passing()
      return [{ text: 'Seen twice.' }]
    })
    await using shop = await openShop({ agents: [agent] })
    const { id } = await shop.start({ waitMs: 10_000 })
    expect(await shop.until(id, isDone)).toMatchObject({
      status: 'FAILED',
      error: { code: 'MODEL_ERROR', message: 'Overloaded.' },
      lease: null,
    })
    expect(asked).toBe(4)
    const continued = await continueRun(shop.engine, rita, { runId: id, waitMs: 10_000 })
    expect(continued).toMatchObject({
      __typename: 'ContinueRunSuccess',
      run: { status: 'COMPLETED', output: 'Seen twice.', error: null },
    })
    expect([...made.values()]).toEqual([1, 1])
    expect(typesOf(await shop.journal(id)).slice(-4)).toEqual(['failed', 'resumed', 'model-responded', 'completed'])
  })

  test('for good is not asked again', async () => {
    let asked = 0
    const agent = agentOf({}, () => {
      asked += 1
      throw new APICallError({ message: 'No such model.', url: '', requestBodyValues: {}, isRetryable: false })
    })
    await using shop = await openShop({ agents: [agent] })
    expect(await shop.start({ waitMs: 5_000 })).toMatchObject({ error: { code: 'MODEL_ERROR' } })
    expect(asked).toBe(1)
  })
})

test('a model that comes to no end is asked maxSteps times, and the run fails with LIMIT_EXCEEDED', async () => {
  const { mark, made } = tally()
  const agent = agentOf({ look: { inputSchema, execute: mark } }, () => [{ call: 'look' }], { maxSteps: 3 })
  await using shop = await openShop({ agents: [agent] })
  expect(await shop.start({ waitMs: 10_000 })).toMatchObject({ status: 'FAILED', error: { code: 'LIMIT_EXCEEDED' } })
  expect(made.size).toBe(3)
})

test("a tool's failures are results that the model hears, and not the run's", async () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const failing = (execute: () => unknown) => ({ inputSchema, execute })
  const tools = {
    throws: failing(() => {
      throw new Error('No such user.')
    }),
    rejects: failing(() => Promise.reject(7)),
    cyclic: failing(() => cyclic),
    big: failing(() => 10n),
    long: failing(() => 'x'.repeat(2_000_000)),
  }
  const agent = agentOf(tools, [Object.keys(tools).map((call) => ({ call }))])
  await using shop = await openShop({ agents: [agent] })
  const { id, status } = await shop.start({ waitMs: 10_000 })
  expect(status).toBe('COMPLETED')
  const outcomes = (await shop.journal(id)).flatMap((entry) => (entry.type === 'call-finished' ? [entry] : []))
  const errorOf = (index: number) => outcomes.find(({ callId }) => callId.endsWith(`_${index}`))?.outcome
  expect([0, 1, 2, 3, 4].map(errorOf)).toEqual([
    { error: 'No such user.' },
    { error: '7' },
    { error: expect.stringContaining('The call ran, but its result could not be recorded') },
    { error: expect.stringContaining('The call ran, but its result could not be recorded') },
    { error: expect.stringContaining('The call ran, but its result could not be recorded') },
  ])
})

test('a run of an agent that is not here waits for a process that has it', async () => {
  await using store = await openSqliteStore({ path: ':memory:' })
  const away = agentOf({ guarded }, [[{ call: 'guarded' }]], { name: 'away' })
  const first = await openWorkplace({ agents: [away], store })
  const { id } = await first.start({ waitMs: 5_000 })
  await first[Symbol.asyncDispose]()
  const other = await openWorkplace({ agents: [agentOf({}, [])], store })
  const [approval] = await other.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  await other.decide(approval)
  const waiting = await other.until(id, ({ lease, due }) => lease === null && due !== null)
  expect(waiting.error).toBeNull()
  await turns(100)
  expect((await store.runs.get(id))?.fence).toBe(waiting.fence)
  await other[Symbol.asyncDispose]()
  await using back = await openWorkplace({ agents: [away], store })
  expect(await back.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
})

describe('a run whose journal was tampered with', () => {
  async function tampered(statement: string) {
    const stack = new AsyncDisposableStack()
    const database = openDatabase(':memory:', '')
    const store = stack.use(sqliteStore(database, '', Date.now))
    const agent = agentOf({ guarded }, [[{ call: 'guarded' }]])
    const shop = stack.use(await openWorkplace({ agents: [agent], store }))
    const { id } = await shop.start({ waitMs: 5_000 })
    const [approval] = await shop.pending(id)
    if (!approval) throw new Error('An approval was expected.')
    database.sql(statement).run(id)
    return { shop, id, approval, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }

  test.each([
    ['an entry was changed', `UPDATE journal SET text = replace(text, 'rita', 'otto') WHERE run_id = ? AND seq = 1`],
    ['an entry is gone', 'DELETE FROM journal WHERE run_id = ? AND seq = 2'],
    ['its end is gone', 'DELETE FROM journal WHERE run_id = ? AND seq = 4'],
    ['an entry is no JSON', `UPDATE journal SET text = '{' WHERE run_id = ? AND seq = 2`],
  ])('fails, when %s, and its tool does not run', async (_, statement) => {
    await using scene = await tampered(statement)
    const { shop, id } = scene
    await shop.decide(scene.approval)
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
  })

  test('leaves none of its approvals pending, and none unheard', async () => {
    await using scene = await tampered('DELETE FROM journal WHERE run_id = ? AND seq = 2')
    const { shop, id } = scene
    shop.engine.worker.wake(id)
    // A run that waits is looked at when there is something to see; so it is made to see that its journal is broken.
    await shop.store.runs.signal(id, { by: rita.id, at: 0, reason: null })
    shop.engine.worker.wake(id)
    await shop.until(id, isDone)
    const stands = await shop.store.approvals.get(scene.approval.id)
    expect(stands).toMatchObject({ status: 'CANCELLED', unheard: false })
  })

  test('is not worked on for ever when its approval was decided first', async () => {
    await using scene = await tampered('DELETE FROM journal WHERE run_id = ? AND seq = 2')
    const { shop, id } = scene
    await shop.decide(scene.approval)
    await shop.until(id, isDone)
    expect(await shop.store.approvals.get(scene.approval.id)).toMatchObject({ status: 'APPROVED', unheard: false })
  })
})

test('a record that shows other arguments than the call was made for fails the run, and the tool does not run', async () => {
  const database = openDatabase(':memory:', '')
  await using store = sqliteStore(database, '', Date.now)
  const { mark, made } = tally()
  const agent = agentOf({ guarded: { ...guarded, execute: mark } }, [[{ call: 'guarded' }, { call: 'guarded' }]])
  await using shop = await openWorkplace({ agents: [agent], store })
  const { id } = await shop.start({ waitMs: 5_000 })
  const [first, second] = await shop.pending(id)
  if (!first || !second) throw new Error('Two approvals were expected.')
  await shop.decide(first)
  await shop.until(id, isPaused)
  database.sql(`UPDATE approvals SET arguments = '{"id":"other"}' WHERE id = ?`).run(first.id)
  await shop.decide(second)
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
  expect(made.size).toBe(0)
})
