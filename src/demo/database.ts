import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../errors.ts'
import { seed } from './seed.ts'

const fileName = 'countersign-demo.db'

/** Where the demo's data is: DEMO_DATABASE, else a file beside the main database, else in the working directory. */
export function demoDatabasePath(
  mainDatabase: string | undefined,
  env: { readonly DEMO_DATABASE?: string | undefined },
): string {
  if (env.DEMO_DATABASE) return env.DEMO_DATABASE
  return mainDatabase?.startsWith('file:') ? join(dirname(mainDatabase.slice('file:'.length)), fileName) : fileName
}

const version = 2
const tables = `
  CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL) STRICT;
  CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    item TEXT NOT NULL,
    cents INTEGER NOT NULL,
    refunded_by TEXT -- the tool call that refunded it
  ) STRICT;
  CREATE INDEX orders_of_user ON orders (user_id);
  CREATE TABLE outbox (
    call_id TEXT PRIMARY KEY, -- the tool call that wrote it: the same call writes once
    user_id TEXT,
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;`
/** Since version 2. */
const vouchers = `
  CREATE TABLE vouchers (
    code TEXT PRIMARY KEY, -- follows from the tool call that made it: the same call makes one
    user_id TEXT NOT NULL,
    cents INTEGER NOT NULL,
    valid_days INTEGER NOT NULL,
    reason TEXT
  ) STRICT;
  PRAGMA user_version = ${version};`

/**
 * Opens the demo's SQLite database; a new one is made and filled with made-up users and orders.
 *
 * @throws CountersignError INVALID_CONFIGURATION when the file cannot be opened or is another database.
 */
export function openDemoDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 5_000 })
    transaction(database, (open) => {
      const found = open.prepare('PRAGMA user_version').get()?.user_version
      if (found === version) return
      if (found === 1) return open.exec(vouchers)
      if (open.prepare('SELECT 1 FROM sqlite_schema').get()) throw new Error('it is the database of another program')
      open.exec(tables + vouchers)
      seed(open)
    })
    return database
  } catch (cause) {
    database?.close()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      `The demo's database ${path} cannot be used (${why}). Name a writable file in DEMO_DATABASE; without it the file is beside the database of DATABASE_URL.`,
      {
        cause,
      },
    )
  }
}

/** Everything in it happens, or nothing of it. */
export function transaction<Result>(database: DatabaseSync, work: (database: DatabaseSync) => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work(database)
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk has rolled back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
