import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import { type People, people } from './client.ts'
import type { ConsolesChild } from './consoles-child.ts'
import { type Figure, median, quantile } from './figure.ts'
import type { ServerChild } from './server-child.ts'

const waiting = 20
const rounds = 3
const eventsOfRound = 5
/** Of the consoles that are idle in the first figures. */
const shares = { reconnecting: 5, watching: 10 }
/** Enough large events to fill what lies between server and client, and to leave some over. */
const unread = 120

/** Consoles by the thousand, each a WebSocket with a subscription to all that is pending. */
export async function socketFigures(bench: Bench): Promise<Figure[]> {
  return [...(await idleAndReconnecting(bench)), await stalled(bench)]
}

async function idleAndReconnecting(bench: Bench): Promise<Figure[]> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  await using consoles = startChild<ConsolesChild>('consoles-child.ts', bench)
  const url = await server.ask('listen', bench.newDatabase())
  using clients = people(url)
  const reconnecting = bench.consoles / shares.reconnecting
  for (let run = 0; run < waiting; run += 1) await clients.startRun(30_000)
  await consoles.ask('open', url, reconnecting)
  await consoles.ask('closeAll')
  const reconnected = await consoles.ask('open', url, reconnecting, reconnecting)
  await consoles.ask('closeAll')
  const before = await server.ask('memory')
  await consoles.ask('open', url, bench.consoles)
  const after = await server.ask('memory')
  const each = (what: 'rss' | 'heap') => (after[what] - before[what]) / bench.consoles / 1_000
  const count = bench.consoles.toLocaleString('en')
  return [
    {
      name: `${reconnecting.toLocaleString('en')} consoles that connect at once, to the last one's snapshot`,
      value: reconnected / 1_000,
      unit: 's',
      bound: { is: 'at most', value: 5 },
      note: `a snapshot has ${waiting} approvals; the consoles' own process is in it`,
    },
    {
      name: `${count} idle consoles: RSS, each`,
      value: each('rss'),
      unit: 'KB',
      bound: { is: 'at most', value: 25 },
    },
    { name: `${count} idle consoles: heap, each`, value: each('heap'), unit: 'KB' },
  ]
}

/** How long an event takes to each of 1,000 consoles, with and without another that has stopped to read: turn by turn, each on a server of its own. */
async function stalled(bench: Bench): Promise<Figure> {
  await using without = await watched(bench, false)
  await using withOne = await watched(bench, true)
  const watchers = (bench.consoles / shares.watching).toLocaleString('en')
  const ratios: number[] = []
  await without.p99()
  await withOne.p99()
  for (let round = 0; round < rounds; round += 1) {
    const plain = await without.p99()
    ratios.push((await withOne.p99()) / plain - 1)
  }
  return {
    name: `a stalled console among ${watchers}: the others' p99, more than without`,
    value: 100 * median(ratios),
    unit: '%',
    bound: { is: 'at most', value: 20 },
    rounds: ratios.map((ratio) => 100 * ratio),
  }
}

async function watched(bench: Bench, hasStalled: boolean) {
  await using opening = new AsyncDisposableStack()
  const server = opening.use(startChild<ServerChild>('server-child.ts', bench))
  const consoles = opening.use(startChild<ConsolesChild>('consoles-child.ts', bench))
  const url = await server.ask('listenWatchingCommits', bench.newDatabase())
  const clients = opening.use(people(url))
  if (hasStalled) await consoles.ask('openStalled', url)
  for (let run = 0; run < unread; run += 1) await startAndApprove(clients)
  await consoles.ask('open', url, bench.consoles / shares.watching)
  const opened = opening.move()
  const latencies = async () => {
    await consoles.ask('expectEvents')
    const runId = await clients.startRun(0)
    const arrivals = await consoles.ask('arrivals')
    const committedAt = await server.ask('lastCommit')
    await consoles.ask('expectEvents')
    await clients.approve(await clients.listPending(runId))
    await consoles.ask('arrivals')
    return arrivals.map((at) => at - committedAt)
  }
  return {
    async p99() {
      const all: number[] = []
      for (let event = 0; event < eventsOfRound; event += 1) all.push(...(await latencies()))
      return quantile(all, 0.99)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function startAndApprove(clients: People): Promise<void> {
  await clients.approve(await clients.listPending(await clients.startRun(30_000)))
}
