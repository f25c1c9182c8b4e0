import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parsePrincipal } from '../../src/access/principal.ts'
import { startRun } from '../../src/runs/start.ts'
import type { Store } from '../../src/store/store.ts'
import { messageOf } from '../behaviours/support/agents.ts'
import { faulty } from './faulty-store.ts'
import { agentOf, isDone, openShop, rita } from './workshop.ts'

const others = ['two', 'three'].map((tenant) => parsePrincipal({ id: 'rita', tenant, roles: ['REQUESTER'] }))

test.each([1, 3])('no tenant waits behind the many runs of another, with %i places', async (maxConcurrentRuns) => {
  const gate = Promise.withResolvers<void>()
  const asked: string[] = []
  const agent = agentOf({}, [])
  const model = {
    ...agent.model,
    async doStream(options: Parameters<typeof agent.model.doStream>[0]) {
      asked.push(messageOf(options.prompt))
      await gate.promise
      return agent.model.doStream(options)
    },
  }
  await using shop = await openShop({ agents: [agentOf({}, [], { model })], settings: { maxConcurrentRuns } })
  const start = async (as: typeof rita) => {
    const started = await startRun(shop.engine, as, { agentName: 'agent', message: as.tenant })
    if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
    return started.run
  }
  const runs = []
  for (let count = 0; count < 30; count += 1) runs.push(await start(rita))
  for (const other of others) for (let count = 0; count < 3; count += 1) runs.push(await start(other))
  gate.resolve()
  for (const { id } of runs) expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  // Each had its turn while the thirty were at it, and nothing of anybody's was left out.
  const firstOf = (tenant: string) => asked.indexOf(tenant)
  expect(firstOf('two')).toBeLessThan(maxConcurrentRuns + 4)
  expect(firstOf('three')).toBeLessThan(maxConcurrentRuns + 4)
  expect(asked.filter((tenant) => tenant === 'default')).toHaveLength(30)
  expect(asked.lastIndexOf('two')).toBeLessThan(20)
})

test('to look for the runs of others takes a tenth of the time at most, however long one look takes', async () => {
  const looked = { times: 0 }
  const lookMs = 25
  const change = (store: Store) =>
    faulty(store, async (method, call, args) => {
      if (method === 'runs.claimDue' && Array.isArray(args[3]) && args[3].length > 0) {
        looked.times += 1
        await delay(lookMs)
      }
      return call()
    })
  const begun = performance.now()
  await using shop = await openShop({ agents: [agentOf({}, [])], settings: { maxConcurrentRuns: 1 } }, { change })
  const runs = await Promise.all(Array.from({ length: 100 }, () => shop.start()))
  for (const { id } of runs) expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
  // What it may have saved up before, and the one that uses up the rest.
  const most = 100 + (performance.now() - begun) / 10 + lookMs
  expect(looked.times).toBeGreaterThan(0)
  expect(looked.times * lookMs).toBeLessThanOrEqual(most)
})
