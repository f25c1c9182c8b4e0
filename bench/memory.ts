import { setTimeout as sleep } from 'node:timers/promises'
import { callIdOf, isApprovalId, runIdOfCall } from '../src/ids.ts'
import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import { people } from './client.ts'
import { type Figure, median } from './figure.ts'
import { onlyPausedRuns, pausedRuns } from './paused-runs.ts'
import type { ServerChild } from './server-child.ts'

const rounds = 3
/** Long enough for two sweeps. */
const restMs = 2_500

/** What a server holds after its start on very many paused runs, above one on an empty database: each started anew three times. */
export async function memoryFigures(bench: Bench): Promise<Figure[]> {
  const { url, approvalId } = bench.isReal
    ? await pausedRuns(bench)
    : { url: await onlyPausedRuns(bench), approvalId: '' }
  const empty = bench.newDatabase()
  const above: { rss: number; heap: number }[] = []
  for (let round = 0; round < rounds; round += 1) {
    const without = await memoryOf(bench, empty)
    const withRuns = await memoryOf(bench, url)
    above.push({ rss: withRuns.rss - without.rss, heap: withRuns.heap - without.heap })
  }
  // A stand-in may read all there is for each question, and take minutes.
  if (isApprovalId(approvalId)) await expectLive(bench, url, runIdOfCall(callIdOf(approvalId)))
  else if (bench.isReal) throw new Error(`${approvalId} is no approval`)
  const count = `${bench.paused.toLocaleString('en')} paused runs`
  const figure = (what: string, values: readonly number[]): Figure => ({
    name: `${count}: ${what} above an empty server's`,
    value: median(values),
    unit: 'MB',
    bound: { is: 'at most', value: 20 },
    binds: true,
    rounds: values,
  })
  const mb = (bytes: number) => bytes / 1_000_000
  return [
    figure(
      'RSS',
      above.map(({ rss }) => mb(rss)),
    ),
    figure(
      'heap',
      above.map(({ heap }) => mb(heap)),
    ),
  ]
}

/** After its start and some sweeps. */
async function memoryOf(bench: Bench, url: string) {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  await server.ask('listen', url)
  await sleep(restMs)
  return await server.ask('memory')
}

/** The runs that were loaded are runs: one of the copies goes on when it is approved. */
async function expectLive(bench: Bench, url: string, runId: string): Promise<void> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  using clients = people(await server.ask('listen', url))
  await clients.approve(await clients.listPending(runId))
  while ((await server.ask('toolCalls')) < 1) await sleep(20)
}
