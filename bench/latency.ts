import { type Bench, startChild } from './child.ts'
import { people } from './client.ts'
import { type Figure, quantile } from './figure.ts'
import type { ServerChild } from './server-child.ts'

const warmUp = 50

/** How soon an approved call is made: from the arrival of resolveApproval's head to the tool's first line, one at a time. */
export async function latencyFigures(bench: Bench): Promise<Figure[]> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await server.ask('listen', bench.newDatabase()))
  await server.ask('watchArrivals')
  const latencies: number[] = []
  for (let count = 0; count < warmUp + Math.min(bench.cycles, 300); count += 1) {
    await clients.approve(await clients.listPending(await clients.startRun(30_000)))
    latencies.push(await server.ask('nextLatency'))
  }
  const measured = latencies.slice(warmUp)
  return [
    {
      name: 'resolveApproval to tool, p50',
      value: quantile(measured, 0.5),
      unit: 'ms',
      bound: { is: 'at most', value: 5 },
    },
    { name: 'resolveApproval to tool, p95', value: quantile(measured, 0.95), unit: 'ms' },
  ]
}
