import { type Bench, startChild } from './child.ts'
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
  const { cycles } = bench
  await using server = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await server.ask('listen', bench.newDatabase()))
  const load = async (count: number) => {
    await inParallel(count, async () => clients.approve(await clients.listPending(await clients.startRun(30_000))))
    while (await clients.isThere(['RUNNING', 'PAUSED']));
  }
  const warmUp = Math.max(200, Math.round(cycles / 4))
  await load(warmUp)
  const before = await server.ask('cpuMs')
  const began = performance.now()
  await load(cycles)
  const wall = performance.now() - began
  const cpu = (await server.ask('cpuMs')) - before
  const calls = await server.ask('toolCalls')
  if (calls !== warmUp + cycles || (await clients.isThere(['FAILED', 'CANCELLED']))) {
    throw new Error(`Of ${warmUp + cycles} runs ${calls} made their call, or some failed`)
  }
  return [
    {
      name: 'HTTP: server CPU per cycle',
      value: cpu / cycles,
      unit: 'ms',
      bound: { is: 'at most', value: 3 },
      binds: true,
    },
    { name: 'HTTP: cycles', value: (cycles / wall) * 1000, unit: '/s' },
  ]
}
