import { openStore } from '../../src/server/database.ts'
import type { Play } from './campaign.ts'
import { killAtRandom } from './kills.ts'
import { killAtEveryPoint } from './points.ts'
import { type Trouble, troubleOneAtATime, troubles } from './several.ts'
import { writeTooLate } from './stale.ts'

/** Every named point of the way, once. On MongoDB a transaction has one more before each of its commands: of those that are alike one, unless it is thorough. */
export const everyPoint =
  (isThorough = false): Play =>
  async ({ site, ledger }) => {
    const { tried, missed, kills } = await killAtEveryPoint(site, ledger, isThorough)
    // Those where two things happen at once are come to now and then.
    if (missed.length > tried.length / 10) throw new Error(`Nobody came to ${missed.join('; ')}`)
    return { points: tried.length - missed.length, kills }
  }

/** @param leases How many of them a server lives at most: what its predecessor had begun it takes over after one. */
export const randomKills =
  (goesOn: (kills: number) => boolean, leases = 0.2): Play =>
  async ({ site, ledger, random, ground: { width, leaseMs } }) => ({
    kills: await killAtRandom(site, ledger, { random, width, longestLife: leases * leaseMs, goesOn }),
  })

/** Each trouble once. */
export const eachTrouble = (processes: number): Play =>
  severalProcesses(processes, (befallen) => troubles[befallen] ?? null)

export const anyTrouble = (processes: number, goesOn: (befallen: number) => boolean): Play => {
  return (stage) => {
    const any = () => troubles[Math.floor(stage.random() * troubles.length)] ?? 'killed'
    return severalProcesses(processes, (befallen) => (goesOn(befallen) ? any() : null))(stage)
  }
}

const severalProcesses =
  (processes: number, next: (befallen: number) => Trouble | null): Play =>
  async ({ site, ledger, random, ground }) => ({
    kills: await troubleOneAtATime(site, ledger, { processes, random, width: ground.width, next }),
  })

/** Between another's claim and its first step. */
export const lateStep: Play = async ({ site, ledger }) => {
  await using store = await openStore(site.database)
  const { before, after } = await writeTooLate(site, store, ledger)
  if (after !== before) throw new Error(`A process that had lost its lease wrote entry ${after} after entry ${before}.`)
  return { points: 1, kills: 0 }
}
