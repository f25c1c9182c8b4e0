import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startMongoServer } from '../support/mongodb-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** A kind of database, of which each campaign has one of its own. */
export type Ground = {
  readonly name: 'SQLite' | 'MongoDB'
  /** Long enough that a process which waits for its turn does not lose what it holds; what it leaves is taken over then. */
  readonly leaseMs: number
  /** How many runs are under way at once. */
  readonly width: number
  database(): Disposable & { readonly url: string }
}

export const sqliteGround: Ground = {
  name: 'SQLite',
  leaseMs: 3_000,
  width: 8,
  database() {
    const directory = temporaryDirectory()
    return {
      url: `file:${join(directory.path, 'chaos.db')}`,
      [Symbol.dispose]: () => directory[Symbol.dispose](),
    }
  },
}

/** On a server of its own, which goes with its scope. */
export async function mongodbGround(): Promise<Ground & AsyncDisposable> {
  const server = await startMongoServer()
  return {
    name: 'MongoDB',
    leaseMs: 3_000,
    // The stand-in does one thing at a time.
    width: server.name === 'mongod' ? 8 : 3,
    database: () => ({ url: server.url(`chaos_${randomBytes(4).toString('hex')}`), [Symbol.dispose]() {} }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
