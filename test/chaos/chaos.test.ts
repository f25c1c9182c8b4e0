import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { type Play, type Row, runCampaign } from './campaign.ts'
import { type Ground, mongodbGround, sqliteGround } from './grounds.ts'
import { eachTrouble, everyPoint, lateStep, randomKills } from './plays.ts'

// The short version; `npm run chaos` is the long one. What does not hold is thrown with all that belongs to it.

const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9))
const twenty = randomKills((kills) => kills < 20)
const rows: Row[] = []
afterAll(() => console.table(rows))

async function play(ground: Ground, name: string, what: Play): Promise<void> {
  const row = await runCampaign(ground, name, seed, what)
  rows.push(row)
  expect(row).toMatchObject({ lost: 0, doubled: 0 })
  expect(row.runs).toBeGreaterThan(0)
}

describe('a server on SQLite', { timeout: 1_200_000 }, () => {
  test('S1 is killed at every named point of the way', () => play(sqliteGround, 'every point', everyPoint()))
  test('S1 is killed at twenty moments', () => play(sqliteGround, 'any moment', twenty))
})

describe.skipIf(mongodbIsOff())('servers on MongoDB', { timeout: 1_200_000 }, () => {
  let ground: Awaited<ReturnType<typeof mongodbGround>>
  beforeAll(async () => {
    ground = await mongodbGround()
  })
  afterAll(() => ground[Symbol.asyncDispose]())

  test('S1 one is killed at every named point of the way', () => play(ground, 'every point', everyPoint()))
  test('S1 one is killed at twenty moments', () => play(ground, 'any moment', twenty))
  test('S2 S3 S6 of two one is killed, asleep or cut off', () => play(ground, 'one of two', eachTrouble(2)))
  test('S2 S3 S6 of three one is killed, asleep or cut off', () => play(ground, 'one of three', eachTrouble(3)))
  test('S5 one that wakes between the claim of another and its first step writes nothing', () =>
    play(ground, 'a late step', lateStep))
})
