import { describe, test } from 'vitest'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { mongodbGround, sqliteGround } from './grounds.ts'
import { everyPoint } from './plays.ts'
import { shortChaos } from './short.ts'

const play = shortChaos()

describe('a server is killed at every named point of the way', { timeout: 1_200_000 }, () => {
  test('S1 on SQLite', () => play(sqliteGround, 'every point', everyPoint()))

  test.skipIf(mongodbIsOff())('S1 on MongoDB', async () => {
    await using ground = await mongodbGround()
    await play(ground, 'every point', everyPoint())
  })
})
