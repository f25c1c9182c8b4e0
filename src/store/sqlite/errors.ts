import { CountersignError } from '../../errors.ts'

/** SQLite's result codes that mean something of their own here; https://sqlite.org/rescode.html */
export const busy = 5
export const notADatabase = 26

/** What an error of `node:sqlite` says; `reason` is SQLite's own phrase for the code and holds nothing of the data. */
export type SqliteFailure = { readonly code: number; readonly reason: string }

/** Null when the error is none of SQLite's. An extended code is told by its primary one. */
export function sqliteFailure(error: unknown): SqliteFailure | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  if (error.code === 'ERR_INVALID_STATE') return { code: 0, reason: 'the database is closed' }
  if (error.code !== 'ERR_SQLITE_ERROR') return null
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
  const reason = 'errstr' in error && typeof error.errstr === 'string' ? error.errstr : 'unknown error'
  return { code, reason }
}

/** SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_ROWID */
const taken = [1555, 2067, 2579]
const isTaken = (error: unknown) =>
  error instanceof Error && 'errcode' in error && taken.includes(Number(error.errcode))

/** What the port promises: STORE_CONFLICT for a place that is taken, STORE_UNAVAILABLE for SQLite's other errors; a mistake in the caller's program stays what it is. */
export function storeError(error: unknown): unknown {
  const failure = sqliteFailure(error)
  if (failure === null) return error
  // Trying again will not help; a trigger's refusal, which somebody may lift, is no such conflict.
  const code = isTaken(error) ? 'STORE_CONFLICT' : 'STORE_UNAVAILABLE'
  return new CountersignError(code, `The database refused: ${failure.reason}.`, { cause: error })
}

export const closedError = () => new CountersignError('STORE_UNAVAILABLE', 'The store is closed.')
