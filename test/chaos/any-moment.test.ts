import { afterAll, beforeAll, describe, test } from 'vitest'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { type Ground, mongodbGround, sqliteGround } from './grounds.ts'
import { eachTrouble, lateStep, randomKills } from './plays.ts'
import { shortChaos } from './short.ts'

const play = shortChaos()
const twenty = randomKills((kills) => kills < 20)

test('S1 a server on SQLite is killed at twenty moments', { timeout: 1_200_000 }, () =>
  play(sqliteGround, 'any moment', twenty),
)

describe.skipIf(mongodbIsOff())('servers on MongoDB', { timeout: 1_200_000 }, () => {
  let ground: Ground & AsyncDisposable
  beforeAll(async () => {
    ground = await mongodbGround()
  })
  afterAll(() => ground[Symbol.asyncDispose]())

  test('S1 one is killed at twenty moments', () => play(ground, 'any moment', twenty))
  test('S2 S3 S6 of two one is killed, asleep or cut off', () => play(ground, 'one of two', eachTrouble(2)))
  test('S2 S3 S6 of three one is killed, asleep or cut off', () => play(ground, 'one of three', eachTrouble(3)))
  test('S5 one that wakes between the claim of another and its first step writes nothing', () =>
    play(ground, 'a late step', lateStep))
})
