import { parseArgs } from 'node:util'
import { type Play, type Row, runCampaign } from './campaign.ts'
import { type Ground, mongodbGround, sqliteGround } from './grounds.ts'
import { anyTrouble, everyPoint, lateStep, randomKills } from './plays.ts'

// npm run chaos -- [--minutes N] [--store sqlite|mongodb] [--seed N]

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, store: { type: 'string' }, seed: { type: 'string' } },
})
const minutes = Number(values.minutes)
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const stores = values.store === undefined ? ['sqlite', 'mongodb'] : [values.store]
if (!(minutes > 0) || !Number.isInteger(firstSeed) || !stores.every((name) => ['sqlite', 'mongodb'].includes(name))) {
  console.error('--minutes takes a number, --seed a whole one, --store sqlite or mongodb.')
  process.exit(2)
}

/** A part of the time that a store has. */
const share = (minutes * 60_000) / stores.length / 4
const during = (ms: number) => {
  const until = performance.now() + ms
  return () => performance.now() < until
}

const rows: Row[] = []
let seed = firstSeed
async function play(ground: Ground, name: string, what: Play): Promise<void> {
  console.log(`${ground.name}: ${name}, seed ${seed}`)
  rows.push(await runCampaign(ground, name, seed++, what, (soFar) => console.log(`  ${soFar}`)))
}

/** What has no end of its own takes a share of the time; the rest comes first, once. */
async function playAll(ground: Ground): Promise<void> {
  await play(ground, 'every point', everyPoint(true))
  // On a stand-in for MongoDB nothing would come to its end otherwise.
  await play(ground, 'any moment', randomKills(during(2 * share), ground.name === 'SQLite' ? 0.2 : 2))
  if (ground.name === 'SQLite') return
  await play(ground, 'a late step', lateStep)
  for (const processes of [2, 3]) await play(ground, `one of ${processes}`, anyTrouble(processes, during(share)))
}

try {
  if (stores.includes('sqlite')) await playAll(sqliteGround)
  if (stores.includes('mongodb')) {
    await using ground = await mongodbGround()
    await playAll(ground)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  console.table(rows)
}
