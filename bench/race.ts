import { ConnectionString } from 'mongodb-connection-string-url'
import { type Bench, timeIsUp } from './bench.ts'
import { type Child, startChild } from './child.ts'
import { type Figure, median, quantile } from './figure.ts'
import type { LoadChild } from './load-child.ts'
import type { Attempt, RaceChild } from './race-child.ts'

const people = 1_000
const toWarmUp = 100

/**
 * A thousand people decide one approval at the same instant, half of them at each of two processes. The same load, without
 * the race: the thousand decide a thousand approvals, one each.
 */
export async function raceFigures(bench: Bench): Promise<Figure[]> {
  // A stand-in may look through all approvals for each: one race there says as much as three.
  const mostRounds = bench.isReal ? 3 : 1
  const url = bench.newDatabase()
  const count = toWarmUp + 1 + mostRounds * (people + 1)
  const approvals = await loadApprovals(bench, url, count)
  await using first = startChild<RaceChild>('race-child.ts', bench)
  await using second = startChild<RaceChild>('race-child.ts', bench)
  const both = [first, second]
  await Promise.all(both.map((child) => child.ask('open', patient(url, bench.isReal))))
  const rounds: Round[] = []
  await roundOf(both, approvals, toWarmUp)
  const isOver = timeIsUp(bench.load)
  while (rounds.length === 0 || (rounds.length < mostRounds && !isOver())) {
    rounds.push(await roundOf(both, approvals, people))
  }
  const ratios = rounds.map(({ lone, losing }) => losing / lone)
  const note = `${people} at once in two processes, each of an approval of its own; their runs do not go on meanwhile`
  return [
    { name: 'resolving, no race: median', value: median(rounds.map(({ lone }) => lone)), unit: 'ms', note },
    { name: 'resolving the same: losers, p99', value: median(rounds.map(({ losing }) => losing)), unit: 'ms' },
    {
      name: 'resolving the same: losers, times the lone median',
      value: median(ratios),
      unit: '×',
      bound: { is: 'at most', value: 3 },
      binds: true,
      rounds: ratios,
      note: `one winner in each of ${ratios.length} races of ${people}`,
    },
  ]
}

type Round = { readonly lone: number; readonly losing: number }

async function roundOf(children: readonly Child<RaceChild>[], approvals: string[], people: number): Promise<Round> {
  const alone = await resolveAll(children, approvals.splice(0, people))
  expectWinners(alone, people)
  const [contested = ''] = approvals.splice(0, 1)
  const raced = await resolveAll(children, Array<string>(people).fill(contested))
  expectWinners(raced, 1)
  const times = (attempts: readonly Attempt[]) => attempts.map(({ ms }) => ms)
  return { lone: median(times(alone)), losing: quantile(times(raced.filter(isLost)), 0.99) }
}

async function loadApprovals(bench: Bench, url: string, count: number): Promise<string[]> {
  await using loader = startChild<LoadChild>('load-child.ts', bench)
  const paused = { tenant: 'default', agentName: 'bench', count, whole: true, newest: 0 }
  return await loader.ask('load', url, paused)
}

async function resolveAll(children: readonly Child<RaceChild>[], approvalIds: readonly string[]): Promise<Attempt[]> {
  const share = approvalIds.length / children.length
  const shares = children.map((_, index) => approvalIds.slice(index * share, (index + 1) * share))
  const attempts = await Promise.all(children.map((child, index) => child.ask('resolveAll', shares[index] ?? [])))
  return attempts.flat()
}

const isLost = ({ outcome }: Attempt) => outcome === 'ApprovalConflictError'

function expectWinners(attempts: readonly Attempt[], expected: number): void {
  const winners = attempts.filter(({ outcome }) => outcome === 'ResolveApprovalSuccess').length
  const losers = attempts.filter(isLost).length
  if (winners === expected && winners + losers === attempts.length) return
  throw new Error(`Of ${attempts.length} resolutions ${winners} won and ${losers} lost, where ${expected} should win`)
}

/** Those who wait for a connection are to be measured, and not sent away; nor is a stand-in to be asked more at once than it answers in time. */
function patient(url: string, isReal: boolean): string {
  const patient = new ConnectionString(url)
  patient.searchParams.set('waitQueueTimeoutMS', '0')
  patient.searchParams.set('socketTimeoutMS', '0')
  if (!isReal) patient.searchParams.set('maxPoolSize', '8')
  return patient.toString()
}
