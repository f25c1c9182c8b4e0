import { expect, test } from 'vitest'
import { defaultSettings } from '../../src/engine.ts'
import { unservedWatch } from '../../src/runs/unserved.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { lease, started } from '../store/records.ts'
import { logLines } from '../support/log-lines.ts'

test('runs that nobody takes up are told of once for each agent, and again when they were served meanwhile', async () => {
  let now = 1_000
  await using store = await openSqliteStore({ path: ':memory:', clock: () => now })
  const { logger: log, lines } = logLines()
  const settings = { ...defaultSettings, leaseMs: 100 }
  const look = unservedWatch({ store, agents: new Map([['here', null as never]]), settings, log })
  const rare = await started(store, { agentName: 'rare', due: 1_000 })
  await started(store, { agentName: 'rare', due: 1_010 })
  await started(store, { agentName: 'here', due: 1_000 })
  await started(store, { agentName: 'paused', due: null })
  const told = async (at: number) => {
    const before = lines().length
    now = at
    await look()
    return lines().slice(before)
  }
  // Not before another has had the time to take them up.
  expect(await told(1_199)).toEqual([])
  expect(await told(1_200)).toMatchObject([
    {
      level: 40,
      agentName: 'rare',
      runId: rare.id,
      since: '1970-01-01T00:00:01.000Z',
      msg: expect.stringContaining('Runs wait'),
    },
  ])
  expect(await told(1_300)).toEqual([])
  expect(await store.runs.claimDue(['rare'], 10, lease(1_300))).toHaveLength(2)
  expect(await told(1_350)).toEqual([])
  // Whoever took them died.
  expect(await told(1_650)).toMatchObject([{ agentName: 'rare' }])
})
