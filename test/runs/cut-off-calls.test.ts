import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Agent } from '../../src/agents/agent.ts'
import type { Reconciled } from '../../src/agents/tool.ts'
import { resolutionWith } from '../../src/approvals/resolution.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { faulty, unavailable } from './faulty-store.ts'
import { agentOf, anna, isDone, isPaused, openWorkplace, tally, typesOf } from './workshop.ts'

const inputSchema = z.object({})
const settings = { leaseMs: 300 }

/** Processes on one store, each of which can be cut off from it, until `mend` or their scope ends. */
async function places(agent: Agent) {
  const stack = new AsyncDisposableStack()
  const store = stack.use(await openSqliteStore({ path: ':memory:' }))
  const cut = new Set<symbol>()
  return {
    store,
    async open() {
      const name = Symbol('place')
      const own = faulty(store, (_, call) => (cut.has(name) ? Promise.reject(unavailable()) : call()))
      const place = stack.use(await openWorkplace({ agents: [agent], store: own, settings }))
      return { ...place, cutOff: () => void cut.add(name) }
    },
    mend: () => cut.clear(),
    [Symbol.asyncDispose]() {
      cut.clear()
      return stack.disposeAsync()
    },
  }
}

/** A tool that ends only when it is told to stop; `entered(n)` once it was entered that often. */
function endless(more: object = {}) {
  const { made, mark } = tally()
  const entrances = Array.from({ length: 6 }, () => Promise.withResolvers<void>())
  let times = 0
  const execute = (input: unknown, options: { toolCallId: string; abortSignal: AbortSignal }) => {
    mark(input, options)
    entrances[times++]?.resolve()
    return new Promise((_, stop) => options.abortSignal.addEventListener('abort', () => stop(new Error('stopped'))))
  }
  const agent = agentOf({ tool: { inputSchema, execute, ...more } }, [[{ call: 'tool' }]])
  return { made, agent, entered: (n: number) => entrances[n - 1]?.promise }
}

test('a call that takes its process along each time is made again three times, and then somebody is asked', async () => {
  const { made, agent, entered } = endless({ idempotent: true })
  await using scene = await places(agent)
  const first = await scene.open()
  const { id } = await first.start()
  let last = first
  for (const times of [1, 2, 3, 4]) {
    await entered(times)
    last.cutOff()
    last = await scene.open()
  }
  await last.until(id, isPaused)
  expect([...made.values()]).toEqual([4])
  expect(await last.pending(id)).toMatchObject([{ kind: 'RECONCILIATION' }])
  const types = typesOf(await last.journal(id)).slice(3)
  expect(types).toEqual([...Array(4).fill(['call-started', 'interrupted']).flat(), 'paused'])
})

/** A look-up that ends at nothing; `begun(n)` gives the signal of the n-th. */
function silent() {
  const looked = Array.from({ length: 4 }, () => Promise.withResolvers<AbortSignal>())
  let times = 0
  const reconcile = (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
    looked[times++]?.resolve(abortSignal)
    return new Promise<null>(() => {})
  }
  return { reconcile, times: () => times, begun: (n: number) => looked[n - 1]?.promise }
}

test('a look-up that takes its process along each time is made three times, and then somebody is asked', async () => {
  const { reconcile, times, begun } = silent()
  const { made, agent, entered } = endless({ reconcile })
  await using scene = await places(agent)
  const first = await scene.open()
  const { id } = await first.start()
  await entered(1)
  first.cutOff()
  for (const look of [1, 2, 3]) {
    const next = await scene.open()
    await begun(look)
    next.cutOff()
  }
  const last = await scene.open()
  await last.until(id, isPaused)
  expect(await last.pending(id)).toMatchObject([{ kind: 'RECONCILIATION' }])
  expect([times(), [...made.values()]]).toEqual([3, [1]])
})

test('a look-up under way does not keep a worker that stops: nothing is lost by asking again', async () => {
  const { reconcile, begun } = silent()
  const { agent, entered } = endless({ reconcile })
  await using scene = await places(agent)
  const first = await scene.open()
  const { id } = await first.start()
  await entered(1)
  first.cutOff()
  const second = await scene.open()
  const signal = await begun(1)
  // Longer than this test may take.
  await second.engine.worker.stop(600_000)
  expect(signal?.aborted).toBe(true)
  expect(await scene.store.runs.get(id)).toMatchObject({ status: 'RUNNING', lease: null, due: expect.any(Number) })
  expect(typesOf(await second.journal(id)).at(-1)).toBe('call-started')
})

test('a look-up whose lease is lost says nothing any more: the next one is believed', async () => {
  const looked: PromiseWithResolvers<Reconciled>[] = []
  const signals: AbortSignal[] = []
  const began = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const reconcile = (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
    const answer = Promise.withResolvers<Reconciled>()
    signals.push(abortSignal)
    began[looked.push(answer) - 1]?.resolve()
    return answer.promise
  }
  const { made, agent, entered } = endless({ reconcile })
  await using scene = await places(agent)
  const first = await scene.open()
  const { id } = await first.start()
  await entered(1)
  first.cutOff()
  const second = await scene.open()
  await began[0]?.promise
  second.cutOff()
  const third = await scene.open()
  await began[1]?.promise
  looked[0]?.resolve({ happened: false })
  looked[1]?.resolve({ happened: true, result: 'found' })
  expect(await third.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  scene.mend()
  const [signal] = signals
  if (!signal?.aborted) await new Promise((aborted) => signal?.addEventListener('abort', aborted))
  const journal = await third.journal(id)
  expect(typesOf(journal)).not.toContain('interrupted')
  expect(journal.flatMap((entry) => (entry.type === 'call-finished' ? [entry.outcome] : []))).toEqual([
    { result: '"found"' },
  ])
  expect([...made.values()]).toEqual([1])
})

test('an answer that nobody was told of, because its process died, is heard by the next one', async () => {
  const { made, agent, entered } = endless()
  await using scene = await places(agent)
  const first = await scene.open()
  const { id } = await first.start()
  await entered(1)
  first.cutOff()
  const second = await scene.open()
  await second.until(id, (run) => isPaused(run) && run.lease === null)
  const [asked] = await second.pending(id)
  if (!asked) throw new Error('Nobody is asked.')
  second.cutOff()
  const at = scene.store.now()
  const decided = resolutionWith({ status: 'APPROVED', cause: 'DECISION', by: anna.id, at, outcome: { error: 'No.' } })
  expect(await scene.store.approvals.decide(asked.id, asked.tenant, {}, decided)).toMatchObject({ won: true })
  const third = await scene.open()
  expect(await third.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  expect(await scene.store.approvals.get(asked.id)).toMatchObject({ status: 'APPROVED', unheard: false })
  expect([...made.values()]).toEqual([1])
})
