import { expect, test } from 'vitest'
import { z } from 'zod'
import { cancelRun } from '../../src/runs/cancel.ts'
import { continueRun } from '../../src/runs/continue.ts'
import { type Entry, readEntry } from '../../src/runs/journal.ts'
import type { Step, Store } from '../../src/store/store.ts'
import { faulty, turns } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openShop, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const storeError = { status: 'FAILED', error: { code: 'STORE_ERROR' } }

/** A store that refuses some of its methods for good while `broken` names them. */
function breakable() {
  const broken = new Set<string>()
  const change = (store: Parameters<typeof faulty>[0]) =>
    faulty(store, (method, call) => (broken.has(method) ? Promise.reject(new Error('It is broken.')) : call()))
  return { broken, change }
}

test('an approval that cannot be read when its call is about to run is STORE_ERROR and not INTERNAL: it can be continued', async () => {
  const { broken, change } = breakable()
  const { made, mark } = tally()
  const guarded = { inputSchema, approval: 'required' as const, execute: mark }
  await using shop = await openShop({ agents: [agentOf({ guarded }, [[{ call: 'guarded' }]])] }, { change })
  const { id } = await shop.start({ waitMs: 20_000, resumeMode: 'MANUAL' })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  await shop.decide(approval)
  await shop.until(id, (run) => isPaused(run) && run.lease === null && run.due === null)
  broken.add('approvals.get')
  const onwards = () => continueRun(shop.engine, rita, { runId: id, waitMs: 20_000 })
  expect(await onwards()).toMatchObject({ run: storeError })
  expect(made.size).toBe(0)
  broken.clear()
  expect(await onwards()).toMatchObject({ run: { status: 'COMPLETED' } })
  expect([...made.values()]).toEqual([1])
})

/** A store that refuses for good the first step with such an entry. */
const refusing = (type: Entry['type'], armed: { is: boolean }) => (store: Store) =>
  faulty(store, (method, call, [step]) => {
    const isIt = () => (step as Step).entries.some((entry) => readEntry(entry).type === type)
    if (!armed.is || method !== 'runs.step' || !isIt()) return call()
    armed.is = false
    return Promise.reject(new Error('It is too long.'))
  })

test('a result that is refused fails the run, with what others gave: nobody waits for the next sweep, and nothing runs twice', async () => {
  const { made, mark } = tally()
  const aborted = (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) =>
    new Promise((resolve) => abortSignal.addEventListener('abort', () => resolve('told to stop')))
  const tools = { quick: { inputSchema, execute: mark }, slow: { inputSchema, execute: aborted } }
  const agent = agentOf(tools, [[{ call: 'quick' }, { call: 'slow' }]])
  const change = refusing('call-finished', { is: true })
  await using shop = await openShop({ agents: [agent] }, { change })
  const { id } = await shop.start()
  expect(await shop.until(id, isDone)).toMatchObject({ ...storeError, lease: null })
  const entries = await shop.journal(id)
  expect(typesOf(entries).slice(-4)).toEqual(['call-started', 'call-started', 'call-finished', 'failed'])
  // What became of the other nobody knows: it is not made again.
  expect(await continueRun(shop.engine, rita, { runId: id, waitMs: 20_000 })).toMatchObject({
    run: { status: 'PAUSED' },
  })
  expect(await shop.pending(id)).toMatchObject([{ kind: 'RECONCILIATION' }])
  expect([...made.values()]).toEqual([1])
})

test('what another call gave while a step was refused is kept, and the log says why it was', async () => {
  const { made, mark } = tally()
  const ended = Promise.withResolvers<void>()
  const slow = {
    inputSchema,
    execute: async (input: unknown, options: { toolCallId: string }) => {
      await ended.promise
      return mark(input, options)
    },
  }
  const agent = agentOf({ quick: { inputSchema, execute: () => 'long' }, slow }, [
    [{ call: 'quick' }, { call: 'slow' }],
  ])
  const refuse = refusing('call-finished', { is: true })
  const change = (store: Store) =>
    faulty(refuse(store), async (method, call, [step]) => {
      if (method === 'runs.step' && (step as Step).entries.some((entry) => readEntry(entry).type === 'call-finished')) {
        ended.resolve()
        await turns(3)
      }
      return call()
    })
  await using shop = await openShop({ agents: [agent] }, { change })
  const { id } = await shop.start()
  expect(await shop.until(id, (run) => isDone(run) && run.lease === null)).toMatchObject(storeError)
  const finished = (await shop.journal(id)).flatMap((entry) => (entry.type === 'call-finished' ? entry.callId : []))
  expect(finished).toEqual([...made.keys()])
  expect(JSON.stringify(shop.errors)).toContain('It is too long.')
  expect(shop.errors).toHaveLength(1)
})

test('who is told that a run is cancelled while it fails is told the truth: it does not go on when it is continued', async () => {
  const { broken, change } = breakable()
  const { made, mark } = tally()
  const entered = Promise.withResolvers<void>()
  const end = Promise.withResolvers<string>()
  const stubborn = () => {
    entered.resolve()
    return end.promise
  }
  const tools = {
    slow: { inputSchema, execute: stubborn },
    gated: { inputSchema, approval: 'required' as const, execute: mark },
    after: { inputSchema, execute: mark },
  }
  const agent = agentOf(tools, [[{ call: 'slow' }, { call: 'gated' }], [{ call: 'after' }]])
  await using shop = await openShop({ agents: [agent] }, { change })
  const { id } = await shop.start()
  await entered.promise
  // What the cancel leads to: the drive looks around, and cannot read.
  broken.add('approvals.getMany')
  expect(await cancelRun(shop.engine, rita, { runId: id })).toMatchObject({ __typename: 'CancelRunSuccess' })
  end.resolve('done')
  expect(await shop.until(id, (run) => isDone(run) && run.lease === null)).toMatchObject({ status: 'CANCELLED' })
  broken.clear()
  const onwards = await continueRun(shop.engine, rita, { runId: id, waitMs: 20_000 })
  expect(onwards).toMatchObject({ __typename: 'RunStateError' })
  expect(made.size).toBe(0)
})

test('an answer that is refused fails nothing: its run waits as before, and takes another at once', async () => {
  const { made, mark } = tally()
  const agent = agentOf({ send: { inputSchema, pause: 'confirmation' as const, execute: mark } }, [[{ call: 'send' }]])
  const armed = { is: false }
  await using shop = await openShop({ agents: [agent] }, { change: refusing('answered', armed) })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [call] = (await shop.journal(id)).flatMap((entry) => (entry.type === 'proposed' ? entry.calls : []))
  const answers = [{ callId: call?.callId ?? '', decision: { approve: {} } }]
  const answer = () => continueRun(shop.engine, rita, { runId: id, answers, waitMs: 20_000 })
  armed.is = true
  await expect(answer()).rejects.toThrow('The database refused')
  // Otherwise it would be in other hands as long as a lease lasts, for longer than is waited for it.
  expect(await answer()).toMatchObject({ run: { status: 'COMPLETED' } })
  expect([...made.values()]).toEqual([1])
})

test('a run that fails through the database waits for a tool that ignores its signal no longer than its time', async () => {
  const { broken, change } = breakable()
  let ahead = 0
  const entered = Promise.withResolvers<AbortSignal>()
  const end = Promise.withResolvers<unknown>()
  const execute = (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
    entered.resolve(abortSignal)
    return end.promise
  }
  const agent = agentOf({ tool: { inputSchema, execute } }, [[{ call: 'tool' }]], { timeout: '1h' })
  const clock = () => Date.now() + ahead
  // So long that the clock moves within it.
  const settings = { leaseMs: 4 * 3_600_000 }
  await using shop = await openShop({ agents: [agent], settings }, { change, clock })
  const { id } = await shop.start()
  const signal = await entered.promise
  // Only what the drive reads: `until` reads the run.
  broken.add('runs.get')
  shop.engine.worker.wake(id)
  await new Promise((aborted) => signal.addEventListener('abort', aborted))
  broken.clear()
  ahead += 3_600_000
  shop.engine.worker.wake(id)
  try {
    expect(await shop.until(id, isDone)).toMatchObject(storeError)
  } finally {
    end.resolve('too late')
    await turns(20)
  }
})
