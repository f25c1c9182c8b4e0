import type { LanguageModelV4 } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Agent } from '../../src/agents/agent.ts'
import { asTool } from '../../src/agents/as-tool.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import { continueRun } from '../../src/runs/continue.ts'
import type { RunRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { faulty, turns, unavailable } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, openWorkplace, rita, tally, typesOf, type Workplace } from './workshop.ts'

const inputSchema = z.object({})
const timedOut = (ms: number) => ({
  status: 'FAILED',
  error: { code: 'TIMED_OUT', message: `The run took longer than ${ms / 1_000} seconds.` },
  lease: null,
})

/** A tool that ends when the test says so, whatever its signal does. */
function stubborn() {
  const { made, mark } = tally()
  const entered = Promise.withResolvers<AbortSignal>()
  const end = Promise.withResolvers<unknown>()
  const execute = (input: unknown, options: { toolCallId: string; abortSignal: AbortSignal }) => {
    mark(input, options)
    entered.resolve(options.abortSignal)
    return end.promise
  }
  return { tool: { inputSchema, execute }, made, entered: entered.promise, ...end }
}

/** A model that never answers; `asked` is its signal. */
function hung() {
  const asked = Promise.withResolvers<AbortSignal | undefined>()
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream({ abortSignal }) {
      asked.resolve(abortSignal)
      return new Promise(() => {})
    },
  }
  return { model, asked: asked.promise }
}

/** A clock that the test moves ahead, by hours. */
function movedClock() {
  let ahead = 0
  return {
    clock: () => Date.now() + ahead,
    move(hours: number) {
      ahead += hours * 3_600_000
    },
  }
}

const outcomesOf = async (shop: Workplace, { id }: RunRecord) =>
  (await shop.journal(id)).flatMap((entry) => (entry.type === 'call-finished' ? [entry.outcome] : []))

describe('a tool’s timeout', () => {
  const tookLonger = { error: expect.stringMatching(/^The call took longer than 0\.05 seconds\..*may have happened/) }

  test('ends a call that ignores its signal: what is journaled first counts, and the call is not made again', async () => {
    const { tool, made, entered, resolve } = stubborn()
    await using shop = await openShop({ agents: [agentOf({ tool: { ...tool, timeout: 50 } }, [[{ call: 'tool' }]])] })
    const run = await shop.start({ waitMs: 20_000 })
    expect(run).toMatchObject({ status: 'COMPLETED' })
    expect(await entered).toMatchObject({ aborted: true, reason: { name: 'TimeoutError' } })
    resolve('too late')
    await turns(20)
    expect(await outcomesOf(shop, run)).toEqual([tookLonger])
    expect([...made.values()]).toEqual([1])
    expect(shop.errors).toEqual([])
  })

  test.each([
    ['throws', () => Promise.reject(new Error('Stopped.'))],
    ['throws what it was told', (signal: AbortSignal) => Promise.reject(signal.reason)],
  ])('says so of one that hears its signal and %s, too', async (_, ends) => {
    const execute = async (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
      await new Promise((aborted) => abortSignal.addEventListener('abort', aborted))
      return ends(abortSignal)
    }
    await using shop = await openShop({
      agents: [agentOf({ tool: { inputSchema, execute, timeout: 50 } }, [[{ call: 'tool' }]])],
    })
    const run = await shop.start({ waitMs: 20_000 })
    expect(await outcomesOf(shop, run)).toEqual([tookLonger])
  })

  test('does not touch a call that ends in time, nor the calls beside it', async () => {
    const { tool } = stubborn()
    const quick = { inputSchema, execute: () => 'quick', timeout: '1h' as const }
    const agent = agentOf({ tool: { ...tool, timeout: 50 }, quick }, [[{ call: 'quick' }, { call: 'tool' }]])
    await using shop = await openShop({ agents: [agent] })
    const run = await shop.start({ waitMs: 20_000 })
    expect(await outcomesOf(shop, run)).toEqual([{ result: '"quick"' }, tookLonger])
  })
})

describe('a run whose time is over', () => {
  test('while its model thinks: the model is told to stop, and nothing is kept of it', async () => {
    const { model, asked } = hung()
    const clock = movedClock()
    await using shop = await openShop({ agents: [agentOf({}, [], { model, timeout: '1h' })] }, clock)
    const run = await shop.start()
    await asked
    clock.move(1)
    shop.engine.worker.wake(run.id)
    expect(await shop.until(run.id, isDone)).toMatchObject(timedOut(3_600_000))
    expect((await asked)?.aborted).toBe(true)
    expect(typesOf(await shop.journal(run.id))).toEqual(['started', 'failed'])
    expect(await continueRun(shop.engine, rita, { runId: run.id })).toMatchObject({
      __typename: 'RunStateError',
      message: 'The run is FAILED (TIMED_OUT) and cannot be continued. The run took longer than 3600 seconds.',
    })
  })

  test('while its model waits to be asked again', async () => {
    const agent = agentOf(
      {},
      () => {
        throw new Error('Overloaded.')
      },
      { timeout: 50, maxRetries: 20 },
    )
    await using shop = await openShop({ agents: [agent] })
    expect(await shop.start({ waitMs: 20_000 })).toMatchObject(timedOut(50))
  })

  test('while a tool runs that ignores its signal: how it ended is on record, and what waited is CANCELLED', async () => {
    const { tool, made, entered, resolve } = stubborn()
    const guarded = { inputSchema, approval: 'required' as const, execute: () => 'never' }
    const agent = agentOf({ tool, guarded }, [[{ call: 'tool' }, { call: 'guarded' }]], { timeout: '1h' })
    const clock = movedClock()
    await using shop = await openShop({ agents: [agent] }, clock)
    const run = await shop.start()
    expect((await entered).aborted).toBe(false)
    const [approval] = await shop.pending(run.id)
    clock.move(1)
    shop.engine.worker.wake(run.id)
    expect(await shop.until(run.id, isDone)).toMatchObject(timedOut(3_600_000))
    expect((await entered).aborted).toBe(true)
    resolve('too late')
    await turns(20)
    const journal = await shop.journal(run.id)
    expect(typesOf(journal).slice(-2)).toEqual(['call-finished', 'failed'])
    expect(await outcomesOf(shop, run)).toEqual([
      { error: expect.stringMatching(/^The run took longer than 3600 seconds\..*may have happened/) },
    ])
    expect(approval && (await shop.store.approvals.get(approval.id))).toMatchObject({
      status: 'CANCELLED',
      resolution: { cause: 'CANCELLATION' },
    })
    expect([...made.values()]).toEqual([1])
  })

  test('while a cancel waits for a tool that ignores its signal: how it ended is on record, and it is CANCELLED', async () => {
    const { tool, entered } = stubborn()
    const clock = movedClock()
    const agent = agentOf({ tool }, [[{ call: 'tool' }]], { timeout: '1h' })
    await using shop = await openShop({ agents: [agent] }, clock)
    const { id } = await shop.start()
    const signal = await entered
    const cancelling = cancelRun(shop.engine, rita, { runId: id })
    await new Promise((aborted) => signal.addEventListener('abort', aborted))
    clock.move(1)
    shop.engine.worker.wake(id)
    expect(await cancelling).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
    expect(typesOf(await shop.journal(id)).slice(-2)).toEqual(['call-finished', 'cancelled'])
  })

  test('while the run of an agent is worked on that it asked: that is cancelled', async () => {
    const { model, asked } = hung()
    const inner = agentOf({}, [], { name: 'inner', model })
    const agent = agentOf({ ask: asTool(inner) }, [[{ call: 'ask', input: { message: 'Go.' } }]], { timeout: '1h' })
    const clock = movedClock()
    await using shop = await openShop({ agents: [agent] }, clock)
    const run = await shop.start()
    await asked
    clock.move(1)
    // Nobody holds the run: the sweep finds that it is due. That the one within is over it hears as well, and is claimed once more.
    const isLeft = (one: RunRecord) => isDone(one) && one.lease === null
    expect(await shop.until(run.id, isLeft)).toMatchObject(timedOut(3_600_000))
    const child = (await shop.journal(run.id)).find((entry) => entry.type === 'child-started')
    if (!child) throw new Error('A run within was expected.')
    await shop.until(child.childId, ({ status }) => status === 'CANCELLED')
    expect((await asked)?.aborted).toBe(true)
  })

  test('within another: the model of the one that asked is told, and that goes on', async () => {
    const { model } = hung()
    const inner = agentOf({}, [], { name: 'inner', model, timeout: 50 })
    const agent = agentOf({ ask: asTool(inner) }, [[{ call: 'ask', input: { message: 'Go.' } }]])
    await using shop = await openShop({ agents: [agent] })
    const run = await shop.start({ waitMs: 20_000 })
    expect(run).toMatchObject({ status: 'COMPLETED' })
    expect(await outcomesOf(shop, run)).toEqual([{ error: 'The agent failed: The run took longer than 0.05 seconds.' }])
  })
})

test('the time that a run is paused does not count, nor does what counted before begin anew', async () => {
  const clock = movedClock()
  const guarded = { inputSchema, approval: 'required' as const, execute: () => clock.move(1) }
  const agent = agentOf({ guarded }, () => [{ call: 'guarded' }], { timeout: '90m' })
  await using shop = await openShop({ agents: [agent] }, clock)
  const { id } = await shop.start({ waitMs: 20_000 })
  for (const end of [isPaused, isDone]) {
    clock.move(24)
    const [approval] = await shop.pending(id)
    if (!approval) throw new Error('An approval was expected.')
    await shop.decide(approval)
    await shop.until(id, (run) => end(run) && run.seq > 4 && run.lease === null)
  }
  expect(await shop.store.runs.get(id)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT' } })
})

test('whoever takes a run over counts on, from its journal', async () => {
  let cut = false
  const { tool, entered, made, resolve } = stubborn()
  const { move, clock } = movedClock()
  await using store = await openSqliteStore({ path: ':memory:', clock })
  const own = faulty(store, (_, call) => (cut ? Promise.reject(unavailable()) : call()))
  const open = (agent: Agent, of = store) => openWorkplace({ agents: [agent], store: of, settings: { leaseMs: 300 } })
  const agent = agentOf({ tool }, [[{ call: 'tool' }]], { timeout: '1h' })
  await using first = await open(agent, own)
  const { id } = await first.start()
  await entered
  cut = true
  move(1)
  await using second = await open(agent)
  expect(await second.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT' } })
  // Nobody knows of the call, and nobody is asked any more.
  expect(typesOf(await second.journal(id)).slice(-2)).toEqual(['call-started', 'failed'])
  expect([...made.values()]).toEqual([1])
  cut = false
  resolve('too late')
})
