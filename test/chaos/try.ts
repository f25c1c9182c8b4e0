import { runCampaign } from './campaign.ts'
import { mongodbGround, sqliteGround } from './grounds.ts'
import { eachTrouble, everyPoint, lateStep, randomKills } from './plays.ts'

const [, , store = '', what = ''] = process.argv
await using mongo = store === 'mongodb' ? await mongodbGround() : undefined
const plays = {
  points: everyPoint(),
  kills: randomKills((k) => k < 20),
  two: eachTrouble(2),
  three: eachTrouble(3),
  late: lateStep,
}
const t = performance.now()
try {
  console.log(await runCampaign(mongo ?? sqliteGround, what, Number(process.argv[4] ?? 1), plays[what as 'points']))
} catch (e) {
  console.log(e)
}
console.log(((performance.now() - t) / 1000).toFixed(1), 's')
