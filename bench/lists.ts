import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import type { Figure } from './figure.ts'
import type { Inbox, ListsChild } from './lists-child.ts'
import { inSmall, large, type PausedRuns, pausedRuns, seldom, small } from './paused-runs.ts'

/** The first twenty pending approvals where very many are, against where a thousand are; of the store, without a server. */
export async function listsFigures(bench: Bench): Promise<Figure[]> {
  const { url, ofSeldom }: PausedRuns = await pausedRuns(bench)
  await using child = startChild<ListsChild>('lists-child.ts', bench)
  const inboxes = [null, seldom].flatMap((agentName): [Inbox, Inbox] => [
    { tenant: large, agentName },
    { tenant: small, agentName },
  ])
  const load = { ...bench.load, most: 300 }
  const [all = 0, allOfFew = 0, agents = 0, agentsOfFew = 0] = await child.ask('firstPages', url, inboxes, load)
  const plan = async (inbox: Inbox | undefined) =>
    bench.store === 'mongodb' && inbox ? `plan: ${await child.ask('plan', url, inbox)}` : ''
  const bounds = { bound: { is: 'at most', value: 2 }, binds: bench.isReal } as const
  const times = `times that of ${inSmall.toLocaleString('en')}`
  const count = bench.pending.toLocaleString('en')
  const { indexOfApproval, run } = await child.ask('storage', url)
  return [
    { name: `first 20 of ${count} pending`, value: all, unit: 'ms', note: await plan(inboxes[0]) },
    { name: `first 20 of ${count} pending, ${times}`, value: all / allOfFew, unit: '×', ...bounds },
    {
      name: `first 20 of an agent's ${ofSeldom.toLocaleString('en')} among them`,
      value: agents,
      unit: 'ms',
      note: await plan(inboxes[2]),
    },
    { name: `first 20 of an agent's among them, ${times}`, value: agents / agentsOfFew, unit: '×', ...bounds },
    { name: 'indexes of a pending approval', value: indexOfApproval, unit: 'bytes' },
    { name: 'a paused run, with its approval, journal and indexes', value: run, unit: 'bytes' },
  ]
}
