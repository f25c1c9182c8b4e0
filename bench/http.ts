import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, type Load, warmUpOf } from './bench.ts'
import { startChild } from './child.ts'
import { people } from './client.ts'
import { inParallel } from './cycle.ts'
import type { Figure } from './figure.ts'
import type { ServerChild } from './server-child.ts'

/**
 * Three requests a cycle: startRun, which answers when the run is paused; the run's pending approvals; resolveApproval. The
 * run then goes on by itself while its client begins the next cycle. The server's CPU is read when the last run is completed,
 * so all of it is counted, and nobody's polling for the end is.
 */
export async function httpFigures(bench: Bench): Promise<Figure[]> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await server.ask('listen', bench.newDatabase()))
  const work = async (load: Load) => {
    const done = await inParallel(load, async () =>
      clients.approve(await clients.listPending(await clients.startRun(30_000))),
    )
    while (await clients.isThere(['RUNNING', 'PAUSED'])) await sleep(1)
    return done
  }
  const warmedUp = await work(warmUpOf(bench.load))
  const before = await server.ask('cpuMs')
  const began = performance.now()
  const cycles = await work(bench.load)
  const wall = performance.now() - began
  const cpu = (await server.ask('cpuMs')) - before
  const calls = await server.ask('toolCalls')
  if (calls !== warmedUp + cycles || (await clients.isThere(['FAILED', 'CANCELLED']))) {
    throw new Error(`Of ${warmedUp + cycles} runs ${calls} made their call, or some failed`)
  }
  return [
    {
      name: 'HTTP: server CPU per cycle',
      value: cpu / cycles,
      unit: 'ms',
      bound: { is: 'at most', value: 3 },
      // It was set for SQLite.
      binds: bench.store === 'sqlite',
    },
    { name: 'HTTP: cycles', value: (cycles / wall) * 1000, unit: '/s' },
  ]
}
