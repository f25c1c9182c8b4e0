import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../errors.ts'
import { busy, sqliteFailure } from './errors.ts'

/**
 * One server process per database: an exclusive transaction, never ended, on a database of its own beside it. The
 * operating system drops it with the process, also on SIGKILL, and the command line can still write to the real one.
 * The file stays: removing it would let two processes hold two files of one name.
 *
 * @throws CountersignError STORE_IN_USE while another holds it.
 */
export function holdLock(path: string): Disposable {
  const file = `${path}.lock`
  const db = new DatabaseSync(file, { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    if (sqliteFailure(cause)?.code !== busy) throw cause
    throw new CountersignError(
      'STORE_IN_USE',
      `The database ${path} is in use by another server (it holds ${file}). Stop that server, or set DATABASE_URL to another file; several servers need MongoDB.`,
      { cause },
    )
  }
  return { [Symbol.dispose]: () => db.close() }
}
