import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Bench, StoreKind } from './bench.ts'
import { type Child, startChild } from './child.ts'
import { type People, people } from './client.ts'
import { inParallel } from './cycle.ts'
import { openDatabases } from './databases.ts'
import { type Figure, fails, median, table } from './figure.ts'
import { openConsole } from './live.ts'
import type { Resources, ServerChild } from './server-child.ts'

// npm run soak -- [--store sqlite|mongodb] [--minutes 30]: hours of a server's life in short. It gets half the load that it can bear, a
// console watches that comes and goes, and what it holds is read again and again after a full collection of garbage: once its caches are
// full, in the first third of the time, it holds no more at the end.

const { values } = parseArgs({
  options: { store: { type: 'string', default: 'sqlite' }, minutes: { type: 'string', default: '30' } },
})
const store = values.store as StoreKind
const minutes = Number(values.minutes)
if (!Object.hasOwn(openDatabases, store) || !(minutes >= 1)) {
  console.error('--store takes sqlite or mongodb, --minutes a number from 1.')
  process.exit(1)
}

/** How much more a server may hold at the end: what lies in caches that are bounded, and the noise of the collector. */
const mayGrow = { heap: 5, rss: 25, handles: 2, fds: 2 } as const
const samples = 30

const directory = mkdtempSync(join(tmpdir(), 'countersign-soak-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
await using databases = await openDatabases[store](directory)
console.log(`Database: ${databases.description}`)
const bench: Pick<Bench, 'signal' | 'profileTo'> = {
  signal: AbortSignal.timeout((minutes + 10) * 60_000),
  profileTo: undefined,
}
await using server = startChild<ServerChild>('server-child.ts', bench)
const url = await server.ask('listen', databases.newDatabase())
using clients = people(url)
const figures = await soak(server, clients)
console.log(table(figures))
process.exit(figures.some(fails) ? 1 : 0)

async function soak(server: Child<ServerChild>, clients: People): Promise<Figure[]> {
  const began = performance.now()
  const warmedUp = await inParallel({ most: 20_000, forMs: minutes * 6_000 }, () => life(clients))
  const perSecond = warmedUp / ((performance.now() - began) / 1_000) / 2
  console.log(
    `It bears ${(perSecond * 2).toFixed(1)} runs a second and gets ${perSecond.toFixed(1)}, for ${minutes} min.`,
  )
  const taken: Resources[] = []
  let runs = 0
  for (let sample = 0; sample < samples; sample += 1) {
    runs += await halfLoad(clients, perSecond, (minutes * 60_000) / samples)
    await untilQuiet(clients)
    // How many connections a moment of haste opened is the client's affair: what is counted is what nobody uses.
    clients.disconnect()
    await sleep(1_000)
    taken.push(await server.ask('resources'))
    console.log(JSON.stringify(taken.at(-1)))
  }
  const calls = await server.ask('toolCalls')
  console.log(`${runs} runs, ${calls} calls made in all.`)
  return judge(taken)
}

/** Runs begun one after the other, evenly, whether those before are over or not. Gives how many. */
async function halfLoad(clients: People, perSecond: number, forMs: number): Promise<number> {
  const until = performance.now() + forMs
  const under = new Set<Promise<void>>()
  let begun = 0
  using console = openConsole(url)
  await console.next('PendingApprovalsSnapshot')
  while (performance.now() < until) {
    const one = life(clients).finally(() => under.delete(one))
    under.add(one)
    begun += 1
    await sleep(1_000 / perSecond)
  }
  await Promise.all(under)
  return begun
}

/** Most are approved; of ten one is rejected and one is cancelled. */
async function life(clients: People): Promise<void> {
  const runId = await clients.startRun(30_000)
  const fate = randomInt(10)
  if (fate === 0) return clients.cancel(runId)
  const approval = await clients.listPending(runId)
  return fate === 1 ? clients.reject(approval) : clients.approve(approval)
}

async function untilQuiet(clients: People): Promise<void> {
  while (await clients.isThere(['RUNNING', 'PAUSED'])) await sleep(20)
}

/** The last third of the samples against the one before. */
function judge(taken: readonly Resources[]): Figure[] {
  const third = Math.floor(taken.length / 3)
  return (Object.keys(mayGrow) as (keyof Resources)[]).map((name) => {
    const values = taken.map((one) => one[name])
    const [before, last] = [median(values.slice(third, -third)), median(values.slice(-third))]
    const unit = name === 'heap' || name === 'rss' ? 'MB' : ''
    const bound = { is: 'at most', value: mayGrow[name] } as const
    return {
      name: `growth of ${name}`,
      value: last - before,
      unit,
      bound,
      binds: true,
      note: `${before} → ${last} ${unit}`,
    }
  })
}
