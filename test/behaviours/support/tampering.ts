import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { databasePath } from '../../../src/server/database.ts'

/** A database that somebody else has open beside the server, SQLite's. `api.database` says which. */
export type Intruder = Disposable & {
  /** Throws unless exactly `rows` rows were changed. */
  change(statement: string, values: SQLInputValue[], rows?: number): void
  /** The value of one column of one approval. */
  approval(id: string, column: string): string
}

export function intrude(database: unknown): Intruder {
  const connection = new DatabaseSync(databasePath(String(database)), { timeout: 5_000 })
  return {
    change(statement, values, rows = 1) {
      const { changes } = connection.prepare(statement).run(...values)
      if (changes !== rows) throw new Error(`${changes} rows were changed by ${statement}`)
    },
    approval(id, column) {
      const row = connection.prepare(`SELECT ${column} AS value FROM approvals WHERE id = ?`).get(id)
      return String(row?.value)
    },
    [Symbol.dispose]: () => connection.close(),
  }
}

export function deleteApproval(database: unknown, id: string): void {
  using intruder = intrude(database)
  intruder.change('DELETE FROM approvals WHERE id = ?', [id])
}

/** Sets columns of one approval, behind the server's back. */
export function editApproval(database: unknown, id: string, columns: Record<string, SQLInputValue>): void {
  using intruder = intrude(database)
  const set = Object.keys(columns).map((name) => `${name} = ?`)
  intruder.change(`UPDATE approvals SET ${set.join(', ')} WHERE id = ?`, [...Object.values(columns), id])
}
