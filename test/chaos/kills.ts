import { setTimeout as delay } from 'node:timers/promises'
import { type Ledger, live } from './life.ts'
import { startable } from './scripts.ts'
import type { Site } from './site.ts'

export type KillsOptions = {
  /** Numbers from 0 to below 1. */
  readonly random: () => number
  /** How many runs are under way at once. */
  readonly width: number
  /** How long a server lives at most once it is up, in ms. */
  readonly longestLife: number
  /** Whether there is to be one more kill. */
  readonly goesOn: (kills: number) => boolean
}

/** Kills one server after the other at any moment, while people start runs and decide. Gives how many. */
export async function killAtRandom(
  site: Site,
  ledger: Ledger,
  { random, width, longestLife, goesOn }: KillsOptions,
): Promise<number> {
  let kills = 0
  let isEnding = false
  let begun = 0
  const keepBusy = async () => {
    while (!isEnding) {
      const script = startable[Math.floor(random() * startable.length)] ?? 'beside'
      await live(site, ledger, `random-${begun++}`, script)
    }
  }
  const people = Promise.all(Array.from({ length: width }, keepBusy))
  // Who gets no answer ends it: what was wrong is said by who waits for them.
  people.catch(() => {
    isEnding = true
  })
  while (!isEnding && goesOn(kills)) {
    const host = site.spawn()
    // Some die before they are up.
    if (random() < 0.9) await host.up
    await delay(random() * longestLife)
    await host.kill()
    kills += 1
  }
  isEnding = true
  const last = site.spawn()
  await people
  await last.kill()
  return kills
}
