import { setTimeout as delay } from 'node:timers/promises'
import type { RunId } from '../../src/ids.ts'
import type { Store } from '../../src/store/store.ts'
import { type Ledger, live } from './life.ts'
import type { Site } from './site.ts'

/**
 * One process falls asleep right before a step and wakes when another has taken the lease and has not written yet: it is between the two that only
 * the fence tells them apart. Gives how long the run's journal was then, and how long after the sleeper had tried.
 */
export async function writeTooLate(
  site: Site,
  store: Store,
  ledger: Ledger,
): Promise<{ before: number; after: number }> {
  const over = AbortSignal.timeout(240_000)
  const sleeper = site.spawn({ stops: [] })
  const life = live(site, ledger, 'late', 'plain')
  life.catch(() => {})
  await sleeper.up
  if (!(await sleeper.stop('late', 'step call-finished before', over)))
    throw new Error(`It made no step:\n${sleeper.output()}`)
  const runId = ledger.runs[0]?.id as RunId
  const other = site.spawn({ stops: ['claim what is due, finding some, after'] })
  await other.up
  sleeper.sleep()
  if (!(await other.stop('*', 'claim what is due, finding some, after', over))) throw new Error('Nobody took it over.')
  const length = async () => (await store.runs.get(runId))?.seq ?? 0
  const before = await length()
  sleeper.release()
  await sleeper.wake()
  const hasTried = () => sleeper.reached().some(({ point }) => point === 'step call-finished after')
  while (!hasTried() && !over.aborted) await delay(20)
  const after = await length()
  other.release()
  await life
  await Promise.all([sleeper.kill(), other.kill()])
  return { before, after }
}
