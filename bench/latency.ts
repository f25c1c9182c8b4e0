import { type Bench, samplesOf } from './bench.ts'
import { startChild } from './child.ts'
import { people } from './client.ts'
import { type Figure, quantile } from './figure.ts'
import type { ServerChild } from './server-child.ts'

/** How soon an approved call is made: from the arrival of resolveApproval's head to the tool's first line, one at a time. */
export async function latencyFigures(bench: Bench): Promise<Figure[]> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await server.ask('listen', bench.newDatabase()))
  await server.ask('watchArrivals')
  const latencies = await samplesOf(bench.load, async () => {
    await clients.approve(await clients.listPending(await clients.startRun(30_000)))
    return await server.ask('nextLatency')
  })
  return [
    {
      name: 'resolveApproval to tool, p50',
      value: quantile(latencies, 0.5),
      unit: 'ms',
      bound: { is: 'at most', value: 5 },
    },
    { name: 'resolveApproval to tool, p95', value: quantile(latencies, 0.95), unit: 'ms' },
  ]
}
