import type { RunId } from '../../src/ids.ts'
import { openStore } from '../../src/server/database.ts'
import type { Store } from '../../src/store/store.ts'
import { randomFrom } from '../runs/faulty-store.ts'
import { check } from './check.ts'
import type { Ground } from './grounds.ts'
import { emptyLedger, type Ledger } from './life.ts'
import { openSite, type Site } from './site.ts'

/** A line of the table: what was done to the servers, and what became of everything. */
export type Row = {
  readonly store: string
  readonly campaign: string
  readonly points: number
  readonly kills: number
  readonly runs: number
  readonly calls: number
  readonly lost: number
  readonly doubled: number
  readonly reconciled: number
}
export type Stage = {
  readonly site: Site
  readonly ledger: Ledger
  /** Numbers from 0 to below 1, the same for the same seed. */
  readonly random: () => number
  readonly ground: Ground
}
/** Does it, until every run is over and every server is gone. */
export type Play = (stage: Stage) => Promise<{ readonly points?: number; readonly kills: number }>

const tellingMs = 30_000

/**
 * Plays it on a database of its own, and then reads what is there.
 *
 * @param tell Is told now and then how far it has come.
 * @throws Error that tells what does not hold, with the seed and the journals of the runs concerned.
 */
export async function runCampaign(
  ground: Ground,
  campaign: string,
  seed: number,
  play: Play,
  tell: (soFar: string) => void = () => {},
): Promise<Row> {
  using database = ground.database()
  const random = randomFrom(seed)
  const ledger = emptyLedger()
  await using site = openSite({ database: database.url, leaseMs: ground.leaseMs, pick: random })
  using _telling = setInterval(() => {
    tell(`${ledger.runs.length} runs begun, ${ledger.decisions.length} decisions, ${site.effects().length} calls made`)
  }, tellingMs)
  const failed = (why: string, cause?: unknown) =>
    new Error(`${ground.name}, ${campaign}, seed ${seed}: ${why}\n${site.log().slice(-5_000)}`, { cause })
  const played = await play({ site, ledger, random, ground }).catch((error) => {
    throw failed(String(error), error)
  })
  await using store = await openStore(database.url)
  const { lost, doubled, broken, ...found } = await check(store, ledger, site.effects())
  const wrong = [...lost, ...doubled, ...broken]
  if (wrong.length > 0) throw failed(`${wrong.join('\n')}\n${await journalsOf(store, wrong)}`)
  const { points = 0, kills } = played
  return { store: ground.name, campaign, points, kills, ...found, lost: lost.length, doubled: doubled.length }
}

const mostJournals = 3

async function journalsOf(store: Store, wrong: readonly string[]): Promise<string> {
  const ids = new Set(wrong.flatMap((what) => /(?:run|apr|call)_([0-9a-f]{32})/.exec(what)?.[1] ?? []))
  const journals = [...ids].slice(0, mostJournals).map(async (id) => {
    const entries = await store.journal.read(`run_${id}` as RunId, 0, 1_000)
    return [`run_${id}`, ...entries.map(({ text }) => `  ${text}`)].join('\n')
  })
  return (await Promise.all(journals)).join('\n')
}
