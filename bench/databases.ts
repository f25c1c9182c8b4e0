import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { ConnectionString } from 'mongodb-connection-string-url'
import { startMongoServer } from '../test/support/mongodb-server.ts'
import type { Bench, StoreKind } from './bench.ts'

export type Databases = AsyncDisposable &
  Pick<Bench, 'isReal' | 'newDatabase'> & {
    /** For people: which server it is, and its version. */
    readonly description: string
  }

/** Where the databases of a bench are. They go with their scope. */
export const openDatabases: Readonly<Record<StoreKind, (directory: string) => Promise<Databases>>> = {
  async sqlite(directory) {
    let count = 0
    return {
      description: `SQLite ${process.versions.sqlite} of Node ${process.version}`,
      isReal: true,
      newDatabase: () => `file:${join(directory, `${++count}.db`)}`,
      async [Symbol.asyncDispose]() {},
    }
  },
  /** The server comes from where the tests have theirs. */
  async mongodb() {
    await using opening = new AsyncDisposableStack()
    const { MONGODB_URL } = process.env
    const server = MONGODB_URL ? await named(MONGODB_URL) : opening.use(await startMongoServer())
    const names: string[] = []
    // What is on a server of our own goes with it.
    if (MONGODB_URL) opening.defer(() => dropAll(names.map(server.url)))
    const run = randomBytes(4).toString('hex')
    const owned = opening.move()
    return {
      description: server.description,
      isReal: server.name === 'mongod',
      newDatabase() {
        const name = `countersign_bench_${run}_${names.length + 1}`
        names.push(name)
        return server.url(name)
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  },
}

async function named(server: string) {
  await using client = new MongoClient(server, { serverSelectionTimeoutMS: 10_000 })
  const { version, secantusVersion } = await client.db('admin').command({ buildInfo: 1 })
  const name = secantusVersion === undefined ? 'mongod' : 'SecantusDB'
  return {
    name,
    description: `${name} ${version} at MONGODB_URL`,
    url(database: string) {
      const url = new ConnectionString(server)
      // Who signs in does so where the URL as it was given says.
      if (url.username && !url.searchParams.has('authSource')) {
        url.searchParams.set('authSource', url.pathname.slice(1) || 'admin')
      }
      url.pathname = `/${database}`
      return url.toString()
    },
  }
}

async function dropAll(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    await using client = new MongoClient(url)
    await client.db().dropDatabase()
  }
}
