import { MongoClient } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { runCli, spawnServer } from '../support/spawn-server.ts'

const ready = {
  code: 0,
  stderr: '',
  stdout: expect.stringMatching(/^MongoDB \S+ at .*countersign_test_\w+: collections and indexes are up to date\n$/),
}

/** Which collections there are, with the names of their indexes. */
async function shapeOf(url: string) {
  await using client = new MongoClient(url)
  const collections = await client.db().collections()
  const shape = collections.map(async (one) => [
    one.collectionName,
    (await one.indexes()).map(({ name }) => name).sort(),
  ])
  return Object.fromEntries(await Promise.all(shape))
}

describe.skipIf(mongodbIsOff())('with MongoDB', () => {
  test('migrate makes collections and indexes, twice at once too, and changes nothing the next time', async () => {
    await using database = mongoDatabase()
    const migrate = () => runCli(['migrate'], { env: { DATABASE_URL: database.url } })
    for (const migrated of await Promise.all([migrate(), migrate()])) expect(migrated).toMatchObject(ready)
    const made = await shapeOf(database.url)
    expect(Object.keys(made)).toEqual(expect.arrayContaining(['runs', 'journal', 'approvals']))
    expect(await migrate()).toMatchObject(ready)
    expect(await shapeOf(database.url)).toEqual(made)
  })

  test('migrate and start while it cannot be reached: one clear line without credentials, exit 1', async () => {
    const env = {
      DATABASE_URL: 'mongodb://user:sk-secret@127.0.0.1:1/app?serverSelectionTimeoutMS=200',
      DEMO_DATABASE: ':memory:',
      PORT: '0',
    }
    for (const command of ['migrate', 'start']) {
      const { code, stdout, stderr } = await runCli([command], { env })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^countersign: [^\n]+\n$/)
      expect(stderr).not.toContain('sk-secret')
    }
  })

  test('start serves from it, and says where it is without credentials and options', async () => {
    await using database = mongoDatabase()
    await using server = await spawnServer({ database: database.url, env: { DEMO_DATABASE: ':memory:' } })
    expect(server.output()).toMatch(/^ {2}Database {3}mongodb:\/\/[^\s@?]+\/countersign_test_\w+, /m)
    expect(await server.data('{ runs { edges { cursor } } }', {}, null)).toEqual({ runs: { edges: [] } })
  })
})
