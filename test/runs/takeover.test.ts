import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Agent } from '../../src/agents/agent.ts'
import { callId as makeCallId, reconciliationIdOf } from '../../src/ids.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import type { RunRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { type Around, faulty, unavailable } from './faulty-store.ts'
import { agentOf, isDone, isPaused, openWorkplace, rita, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const open = () => openSqliteStore({ path: ':memory:' })

/** A tool that ends when it is told to, whatever its abortSignal says. */
function slowTool() {
  const entered = Promise.withResolvers<AbortSignal>()
  const end = Promise.withResolvers<string>()
  const calls = tally()
  const execute = (input: unknown, options: { toolCallId: string; abortSignal: AbortSignal }) => {
    calls.mark(input, options)
    entered.resolve(options.abortSignal)
    return end.promise
  }
  return { ...calls, entered: entered.promise, end: () => end.resolve('done'), tool: { inputSchema, execute } }
}

describe('a worker that stops', () => {
  test('hands its runs over, and another one on the same store finishes them', async () => {
    await using store = await open()
    const { mark, made } = tally()
    const guarded = { inputSchema, approval: 'required' as const, execute: mark }
    const agent = agentOf({ look: { inputSchema, execute: mark }, guarded }, [
      [{ call: 'look' }],
      [{ call: 'look' }, { call: 'guarded' }],
    ])
    const first = await openWorkplace({ agents: [agent], store, settings: { maxConcurrentRuns: 4 } })
    const runs = await Promise.all(Array.from({ length: 40 }, () => first.start()))
    await first[Symbol.asyncDispose]()
    for (const { id } of runs) expect(await store.runs.get(id)).toMatchObject({ lease: null })
    await using second = await openWorkplace({ agents: [agent], store })
    for (const { id } of runs) {
      await second.until(id, isPaused)
      for (const approval of await second.pending(id)) await second.decide(approval)
      expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    }
    expect(new Set(made.values())).toEqual(new Set([1]))
    expect(made.size).toBe(120)
  })

  test('lets go of a run also when a signal came that it has not looked at', async () => {
    await using store = await open()
    const { tool, entered, end } = slowTool()
    const first = await openWorkplace({ agents: [agentOf({ tool }, [[{ call: 'tool' }]])], store })
    const { id } = await first.start()
    await entered
    const stopping = first[Symbol.asyncDispose]()
    await store.runs.signal(id)
    end()
    await stopping
    expect(await store.runs.get(id)).toMatchObject({ lease: null })
  })

  test('waits for the calls under way and records how they ended', async () => {
    await using store = await open()
    const { tool, entered, end } = slowTool()
    const agent = agentOf({ tool }, [[{ call: 'tool' }]])
    const first = await openWorkplace({ agents: [agent], store })
    const { id } = await first.start()
    await entered
    const stopping = first[Symbol.asyncDispose]()
    end()
    await stopping
    expect(typesOf(await first.journal(id))).toEqual([
      'started',
      'model-responded',
      'proposed',
      'call-started',
      'call-finished',
    ])
    await using second = await openWorkplace({ agents: [agent], store })
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  })
})

test('cancelling while a tool ignores its abortSignal: its result is recorded, and cancelled is last', async () => {
  await using store = await open()
  const { tool, entered, end } = slowTool()
  const guarded = { inputSchema, approval: 'required' as const, execute: () => 'never' }
  const agent = agentOf({ tool, guarded }, [[{ call: 'tool' }, { call: 'guarded' }]])
  await using shop = await openWorkplace({ agents: [agent], store })
  const { id } = await shop.start()
  const signal = await entered
  const cancelling = cancelRun(shop.engine, rita, { runId: id, reason: 'Enough.' })
  await new Promise((aborted) => signal.addEventListener('abort', aborted))
  expect((await store.runs.get(id))?.status).toBe('RUNNING')
  end()
  expect(await cancelling).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
  const entries = await shop.journal(id)
  expect(typesOf(entries).slice(-2)).toEqual(['call-finished', 'cancelled'])
  expect(entries.at(-1)).toMatchObject({ by: rita.id, reason: 'Enough.' })
  expect(entries.at(-2)).toMatchObject({ outcome: { result: '"done"' } })
  const approvals = await store.approvals.list({ visible: { tenant: 'default' } }, 'OLDEST_FIRST', { limit: 10 })
  expect(approvals).toMatchObject([{ status: 'CANCELLED', unheard: false, resolution: { cause: 'CANCELLATION' } }])
})

/** Two processes on one store; the first can be cut off from it. */
async function twoPlaces(agent: Agent, settings = { leaseMs: 300 }) {
  const stack = new AsyncDisposableStack()
  const store = stack.use(await open())
  let cut = false
  const around: Around = (_, call) => (cut ? Promise.reject(unavailable()) : call())
  const first = stack.use(await openWorkplace({ agents: [agent], store: faulty(store, around), settings }))
  return {
    store,
    first,
    cutOff: () => {
      cut = true
    },
    mend: () => {
      cut = false
    },
    openSecond: async () => stack.use(await openWorkplace({ agents: [agent], store, settings })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

describe('a worker that was cut off past its lease', () => {
  test('loses its run to another: a call it had begun is not made again, and somebody is asked about it', async () => {
    const { tool, entered, end, made } = slowTool()
    await using places = await twoPlaces(agentOf({ tool }, [[{ call: 'tool' }]]))
    const { id } = await places.first.start()
    const signal = await entered
    places.cutOff()
    const second = await places.openSecond()
    const isAsked = (run: RunRecord) => isPaused(run) && run.lease === null
    expect(await second.until(id, isAsked)).toMatchObject({ gated: true, due: null, error: null })
    const callId = makeCallId(id, 3, 0)
    expect(await second.pending(id)).toMatchObject([
      { id: reconciliationIdOf(callId, 4), callId, kind: 'RECONCILIATION', type: 'REQUIRED', arguments: '{}' },
    ])
    places.mend()
    // Told to stop, since nobody will hear of its result.
    if (!signal.aborted) await new Promise((aborted) => signal.addEventListener('abort', aborted))
    end()
    await places.first[Symbol.asyncDispose]()
    expect([...made.values()]).toEqual([1])
    const journal = await second.journal(id)
    expect(typesOf(journal).slice(-3)).toEqual(['call-started', 'interrupted', 'paused'])
    expect(journal.at(-1)?.fence).toBeGreaterThan(1)
  })

  test('loses nothing when it was between steps: the other goes on where it was', async () => {
    const { mark, made } = tally()
    const answer = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    let times = 0
    const tools = { look: { inputSchema, execute: mark } }
    const agent = agentOf(tools, () => {
      times += 1
      return times === 1 ? [{ call: 'look' }] : [{ text: 'Seen.' }]
    })
    const model = {
      ...agent.model,
      doStream: async (options: Parameters<typeof agent.model.doStream>[0]) => {
        if (times === 1) {
          asked.resolve()
          await answer.promise
        }
        return agent.model.doStream(options)
      },
    }
    await using places = await twoPlaces(agentOf(tools, [], { model }))
    const { id } = await places.first.start()
    await asked.promise
    places.cutOff()
    const second = await places.openSecond()
    await second.until(id, ({ fence }) => fence > 1)
    answer.resolve()
    expect(await second.until(id, isDone)).toMatchObject({ status: 'COMPLETED', output: 'Seen.' })
    places.mend()
    expect([...made.values()]).toEqual([1])
    expect(typesOf(await second.journal(id)).filter((type) => type === 'completed')).toHaveLength(1)
  })
})
