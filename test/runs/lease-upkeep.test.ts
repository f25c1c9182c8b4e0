import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { faulty } from './faulty-store.ts'
import { openWorkplace } from './workshop.ts'

test('a tool that runs for ten leases costs at most one write a run and third of a lease, and its run is never without one', async () => {
  const leaseMs = 300
  await using real = await openSqliteStore({ path: ':memory:' })
  const writes: unknown[] = []
  let running = 0
  const bothRun = Promise.withResolvers<void>()
  const store = faulty(real, (method, call, [first]) => {
    const isRead = /^journal|\.(get|getMany|list|count|history|due|unheard)$/.test(method)
    if (running === 2 && !isRead) writes.push(first)
    return call()
  })
  let began = 0
  let ended = Number.POSITIVE_INFINITY
  const look = tool({
    inputSchema: z.object({}),
    async execute() {
      running += 1
      if (running === 2) bothRun.resolve()
      began = performance.now()
      await delay(10 * leaseMs)
      ended = Math.min(ended, performance.now())
      running -= 1
      return 'looked'
    },
  })
  const model = scriptedModel([[{ call: 'look', input: {} }], [{ text: 'Looked.' }]])
  const agents = [defineAgent({ name: 'looks', model, tools: { look } })]
  await using place = await openWorkplace({ agents, store, settings: { leaseMs } })
  const runs = await Promise.all([place.start(), place.start()])
  await bothRun.promise
  const begunWith = await Promise.all(runs.map(async ({ id }) => (await real.runs.get(id))?.fence))
  const over = await Promise.all(runs.map(({ id }) => place.until(id, ({ status }) => status === 'COMPLETED')))

  // A run that had lost its lease would have been taken over.
  expect(over.map(({ fence }) => fence)).toEqual(begunWith)
  const thirds = Math.ceil((ended - began) / (leaseMs / 3))
  for (const { id } of runs) {
    const count = writes.filter((first) => JSON.stringify(first).includes(id)).length
    expect(count).toBeGreaterThan(5)
    expect(count).toBeLessThanOrEqual(thirds)
  }
})
