import { type Bench, samplesOf } from './bench.ts'
import { startChild } from './child.ts'
import { people } from './client.ts'
import { type Figure, median, quantile } from './figure.ts'
import { openConsole, proposeOne } from './live.ts'
import type { ServerChild } from './server-child.ts'

/**
 * How soon a console knows that is connected to another process than the one that works: from the commit of a pending
 * approval there to its event in the console's hands, one at a time. The floor sees the very same commits: a change stream
 * of the driver alone, in the console's process.
 */
export async function consoleFigures(bench: Bench): Promise<Figure[]> {
  const database = bench.newDatabase()
  await using working = startChild<ServerChild>('server-child.ts', bench)
  await using watching = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await working.ask('listenWatchingCommits', database))
  using console = openConsole(await watching.ask('listen', database))
  await watching.ask('watchBare', database)
  await console.next('PendingApprovalsSnapshot')
  const bare: number[] = []
  const latencies = await samplesOf(bench.load, async () => {
    const { arrivedAt } = await proposeOne(clients, console)
    const committedAt = await working.ask('lastCommit')
    bare.push((await watching.ask('nextArrival')) - committedAt)
    return arrivedAt - committedAt
  })
  const measured = bare.slice(-latencies.length)
  return [
    { name: 'change stream of the driver alone, p50', value: median(measured), unit: 'ms' },
    { name: 'pending approval to a console elsewhere, p50', value: median(latencies), unit: 'ms' },
    { name: 'pending approval to a console elsewhere, p95', value: quantile(latencies, 0.95), unit: 'ms' },
    {
      name: 'pending approval to a console elsewhere, p50 above the floor',
      value: median(latencies) - median(measured),
      unit: 'ms',
      bound: { is: 'at most', value: 5 },
      binds: true,
      note: `${latencies.length} approvals; the work is done by one process, the console is at another`,
    },
  ]
}
