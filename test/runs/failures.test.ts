import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { APICallError } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { cancelRun } from '../../src/runs/cancel.ts'
import { continueRun } from '../../src/runs/continue.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { usedTokens } from '../support/used-tokens.ts'
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

test('tokens that a provider does not report, or not as a number, count as nothing', async () => {
  const reported = [usedTokens(undefined, 4), usedTokens(Number.NaN, 5), usedTokens(-5, Number.POSITIVE_INFINITY)]
  const turns = reported.map((used) => [{ call: 'look' }, used])
  const agent = agentOf({ look: { inputSchema, execute: () => 'seen' } }, turns, { maxTotalTokens: 10 })
  await using shop = await openShop({ agents: [agent] })
  const run = await shop.start({ waitMs: 10_000 })
  expect(run).toMatchObject({ status: 'COMPLETED' })
  const usage = (await shop.journal(run.id)).flatMap((entry) => (entry.type === 'model-responded' ? [entry.usage] : []))
  expect(usage.slice(0, 3).map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])).toEqual([
    [null, 4],
    [null, 5],
    [null, null],
  ])
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

/** A run that waits for its approvals, in a file that somebody else may write to. */
async function pausedInFile() {
  await using stack = new AsyncDisposableStack()
  const path = join(stack.use(temporaryDirectory()).path, 'runs.db')
  const store = stack.use(await openSqliteStore({ path }))
  const { mark, made } = tally()
  const agent = agentOf({ guarded: { ...guarded, execute: mark } }, [[{ call: 'guarded' }, { call: 'guarded' }]])
  const shop = stack.use(await openWorkplace({ agents: [agent], store }))
  const { id } = await shop.start({ waitMs: 5_000 })
  const [first, second] = await shop.pending(id)
  if (!first || !second) throw new Error('Two approvals were expected.')
  const owned = stack.move()
  const tamper = (statement: string, of: string = id) => {
    const database = new DatabaseSync(path)
    expect(database.prepare(statement).run(of).changes).toBe(1)
    database.close()
  }
  return { shop, id, first, second, made, tamper, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

describe('a run whose journal was tampered with', () => {
  test.each([
    ['an entry was changed', `UPDATE journal SET text = replace(text, 'rita', 'otto') WHERE run_id = ? AND seq = 1`],
    ['an entry is gone', 'DELETE FROM journal WHERE run_id = ? AND seq = 2'],
    ['its end is gone', 'DELETE FROM journal WHERE run_id = ? AND seq = 4'],
    ['an entry is no JSON', `UPDATE journal SET text = '{' WHERE run_id = ? AND seq = 2`],
  ])('fails, when %s, and its tool does not run', async (_, statement) => {
    await using scene = await pausedInFile()
    const { shop, id } = scene
    scene.tamper(statement)
    await shop.decide(scene.first)
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
    expect(scene.made.size).toBe(0)
  })

  test('leaves none of its approvals pending, and none unheard', async () => {
    await using scene = await pausedInFile()
    const { shop, id } = scene
    scene.tamper('DELETE FROM journal WHERE run_id = ? AND seq = 2')
    await shop.decide(scene.first)
    await shop.until(id, isDone)
    const stand = await shop.store.approvals.getMany([scene.first.id, scene.second.id])
    expect(stand.map(({ status }) => status).sort()).toEqual(['APPROVED', 'CANCELLED'])
    expect(stand.map(({ unheard }) => unheard)).toEqual([false, false])
  })

  test('can still be cancelled', async () => {
    await using scene = await pausedInFile()
    const { shop, id } = scene
    scene.tamper('DELETE FROM journal WHERE run_id = ? AND seq = 2')
    await cancelRun(shop.engine, rita, { runId: id })
    expect(isDone(await shop.until(id, isDone))).toBe(true)
    expect(await shop.pending(id)).toEqual([])
  })
})

describe('an approval record that was tampered with', () => {
  test.each([
    ['shows other arguments', `UPDATE approvals SET arguments = '{"id":"other"}' WHERE id = ?`],
    ['has another fingerprint', `UPDATE approvals SET fingerprint = 'f' WHERE id = ?`],
    ['is of another tool', `UPDATE approvals SET tool_name = 'other' WHERE id = ?`],
  ])('and now %s, fails the run, and the tool does not run', async (_, statement) => {
    await using scene = await pausedInFile()
    const { shop, id } = scene
    await shop.decide(scene.first)
    scene.tamper(statement, scene.first.id)
    await shop.decide(scene.second)
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
    expect(scene.made.size).toBe(0)
  })

  test('and is gone, keeps the run waiting; nobody else decides instead', async () => {
    await using scene = await pausedInFile()
    const { shop, id } = scene
    scene.tamper('DELETE FROM approvals WHERE id = ?', scene.first.id)
    await shop.decide(scene.second)
    await shop.until(id, ({ seq, lease }) => seq > 4 && lease === null)
    const answers = [{ callId: scene.first.callId, decision: { approve: {} } }]
    expect(await continueRun(shop.engine, rita, { runId: id, answers })).toMatchObject({
      __typename: 'InvalidInputError',
    })
    expect(await continueRun(shop.engine, rita, { runId: id })).toMatchObject({
      __typename: 'ApprovalPendingError',
      pending: [],
      missing: [scene.first.callId],
    })
    expect(await shop.until(id, isPaused)).toMatchObject({ status: 'PAUSED' })
    expect(scene.made.size).toBe(0)
  })
})
