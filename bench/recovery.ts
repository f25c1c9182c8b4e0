import { setTimeout as sleep } from 'node:timers/promises'
import { defaultSettings } from '../src/engine.ts'
import type { Bench } from './bench.ts'
import { startChild } from './child.ts'
import type { Figure } from './figure.ts'
import { onlyPausedRuns } from './paused-runs.ts'
import type { RecoveryChild } from './recovery-child.ts'

const running = 200

/**
 * A server that works on 200 runs, beside many that are paused, is killed (SIGKILL), and started again at once: when it
 * answers its first request, and when it has made the last of the calls that were cut off.
 */
export async function recoveryFigures(bench: Bench): Promise<Figure[]> {
  const database = await onlyPausedRuns({ ...bench, paused: Math.min(bench.paused, 10_000) })
  const killing = new AbortController()
  {
    const signal = AbortSignal.any([bench.signal, killing.signal])
    await using first = startChild<RecoveryChild>('recovery-child.ts', { ...bench, signal })
    await first.ask('listen', database, true)
    await first.ask('start', running)
    while ((await first.ask('begun')) < running) await sleep(20)
    killing.abort()
  }
  const killedAt = performance.now()
  await using second = startChild<RecoveryChild>('recovery-child.ts', bench)
  const url = await second.ask('listen', database, false)
  await askOnce(url)
  const answeredAt = performance.now()
  while ((await second.ask('begun')) < running) await sleep(20)
  const takenOverAt = performance.now()
  return [
    {
      name: 'restart after SIGKILL: until the first answer',
      value: (answeredAt - killedAt) / 1_000,
      unit: 's',
      bound: { is: 'at most', value: 2 },
    },
    {
      name: `restart after SIGKILL: until ${running} calls that were cut off are made again`,
      value: (takenOverAt - killedAt) / defaultSettings.leaseMs,
      unit: 'leases',
      bound: { is: 'at most', value: 2 },
      binds: true,
    },
  ]
}

async function askOnce(url: string): Promise<void> {
  const body = JSON.stringify({ query: '{ runs(first: 1) { edges { node { id } } } }' })
  const headers = { authorization: 'Bearer ada', 'content-type': 'application/json' }
  const answered = await fetch(`${url}/graphql`, { method: 'POST', headers, body })
  const { errors } = (await answered.json()) as { errors?: unknown }
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
}
