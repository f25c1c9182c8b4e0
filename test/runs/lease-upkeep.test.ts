import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { faulty } from './faulty-store.ts'
import { openWorkplace } from './workshop.ts'

test('a tool that runs for ten leases costs at most one write a run and third of a lease, and nobody takes its run over', async () => {
  const leaseMs = 300
  await using real = await openSqliteStore({ path: ':memory:' })
  const writes: unknown[] = []
  let running = 0
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
  await Promise.all(runs.map(({ id }) => place.until(id, ({ status }) => status === 'COMPLETED')))

  const thirds = Math.ceil((ended - began) / (leaseMs / 3))
  for (const { id } of runs) {
    const count = writes.filter((first) => JSON.stringify(first).includes(id)).length
    expect(count).toBeGreaterThan(5)
    expect(count).toBeLessThanOrEqual(thirds)
    // Whoever takes a run over raises its fence.
    const calls = (await place.journal(id)).filter(({ type }) => /^call-|interrupted/.test(type))
    expect(calls.map(({ type, fence }) => [type, fence])).toEqual(
      ['call-started', 'call-finished'].map((type) => [type, calls[0]?.fence]),
    )
  }
})
