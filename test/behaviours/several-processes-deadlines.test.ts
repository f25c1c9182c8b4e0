import { describe, expect, test } from 'vitest'
import type { AnyData, Client } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { approvalsOf, callsOf, eventsOf, finished, readRun, start, watchPending } from './support/api.ts'
import { sharedDatabase } from './support/servers.ts'

const actionsOf = ({ history }: AnyData) => history.edges.map(({ node }: AnyData) => node.action)

describe.skipIf(mongodbIsOff())('two servers on one MongoDB database', { timeout: 180_000 }, () => {
  test('R15 each reminder and each end is written once, whichever process is first; consoles of both hear of them', async () => {
    await using s = await sharedDatabase()
    const both = await s.spawnTwo()
    const consoles = both.map((api) => watchPending(api))
    for (const pending of consoles) await pending.data()
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_, n) => start(both[n % 2] as Client, { message: 'haste:x', waitMs: 0 })),
    )
    const over = await Promise.all(runs.map(({ id }, n) => finished(both[(n + 1) % 2] as Client, id)))
    for (const run of over) {
      const [approval] = approvalsOf(run)
      expect(run).toMatchObject({ status: 'CANCELLED', error: null })
      const actions = actionsOf(approval)
      expect(approval).toMatchObject({ status: 'EXPIRED', revision: actions.length })
      // On a slow machine the deadline may be there before the reminder.
      expect([
        ['PROPOSED', 'REMINDED', 'EXPIRED'],
        ['PROPOSED', 'EXPIRED'],
      ]).toContainEqual(actions)
      expect(callsOf(run)).toMatchObject([{ status: 'EXPIRED' }])
    }
    expect(over.flatMap((run) => actionsOf(approvalsOf(run)[0]))).toContain('REMINDED')
    expect(s.begun()).toEqual([])
    for (const pending of consoles) {
      const left = new Set(over.map((run) => approvalsOf(run)[0].id))
      for await (const { data } of pending) {
        const { __typename, approval } = data?.pendingApprovals ?? {}
        if (__typename === 'PendingApprovalRemoved') left.delete(approval.id)
        if (left.size === 0) break
      }
    }
  })

  test('R15 after the only server with the agent was killed, the other says that the deadline passed; the run waits for its agent', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await Promise.all([s.spawn(), s.spawn({ SERVES: 'rare' })])
    const [going, ending] = await Promise.all([
      start(a, { message: 'brief:x', waitMs: 0 }),
      start(a, { message: 'haste:y', waitMs: 0 }),
    ])
    for (const { id } of [going, ending]) await eventsOf(b, id, ({ __typename }) => __typename === 'RunPaused')
    await a.kill('SIGKILL')
    expect((await eventsOf(b, ending.id)).at(-1)).toMatchObject({ __typename: 'RunCancelled' })
    await eventsOf(b, going.id, ({ __typename }) => __typename === 'RunResumed')
    const waiting = await readRun(b, going.id)
    expect(approvalsOf(waiting)).toMatchObject([{ status: 'EXPIRED', resolution: { cause: 'DEADLINE' } }])
    expect(callsOf(waiting)).toMatchObject([{ status: 'EXPIRED' }])
    const again = await s.spawn()
    expect(await finished(again, going.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
    expect(s.begun()).toEqual([])
  })
})
