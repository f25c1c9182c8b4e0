import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import type { DeadlinesChild } from './deadlines-child.ts'
import type { Figure } from './figure.ts'
import type { LoadChild } from './load-child.ts'

/** Fewer where a stand-in looks through all of them for each. */
const together = ({ isReal, pending }: Bench) => Math.min(pending, isReal ? 10_000 : 100)

/** Approvals whose deadlines pass at the same moment, in one process that also goes on with their runs. */
export async function deadlineFigures(bench: Bench): Promise<Figure[]> {
  const url = bench.newDatabase()
  const count = together(bench)
  {
    await using loader = startChild<LoadChild>('load-child.ts', bench)
    await loader.ask('load', url, { tenant: 'default', agentName: 'bench', count, whole: true, newest: 0 })
  }
  await using child = startChild<DeadlinesChild>('deadlines-child.ts', bench)
  const { expiredMs, writes, cpuMs } = await child.ask('expireAll', url, count)
  if (writes !== count) throw new Error(`${writes} writes for ${count} approvals`)
  const what = `${count.toLocaleString('en')} approvals due at once`
  return [
    {
      name: `${what}: all EXPIRED within`,
      value: expiredMs / 1000,
      unit: 's',
      bound: { is: 'at most', value: 10 },
      note: 'counted from the deadline; one write each, while their runs go on beside it',
    },
    { name: `${what}: CPU until then, each`, value: cpuMs / count, unit: 'ms' },
  ]
}
