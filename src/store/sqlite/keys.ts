import type { KeyStore } from '../store.ts'
import type { Sql } from './database.ts'
import type { Work } from './group-commit.ts'
import { keyColumns, toKey } from './rows.ts'
import { table } from './table.ts'

/** How the store writes, and reads; see `sqliteStore`. */
export type Access = {
  write<Result>(work: Work<Result>): Promise<Result>
  read<Result>(look: () => Result): Promise<Result>
}

export function keyStore(sql: Sql, prefix: string, { write, read }: Access): KeyStore {
  const keys = table(sql, `${prefix}keys`, keyColumns, toKey)
  const select = `SELECT * FROM ${keys.name} WHERE id IN (SELECT value FROM json_each(?))`
  const list = `SELECT * FROM ${keys.name} WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?`
  const revoke = `UPDATE ${keys.name} SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`
  const touch = `UPDATE ${keys.name} SET last_used_at = ? WHERE id = ? AND ifnull(last_used_at, 0) < ?`
  return {
    put: (key) => write(() => keys.insert(key)),
    getMany: (ids) => read(() => sql.rows(select, JSON.stringify(ids)).map(toKey)),
    list: (limit, after) =>
      read(() => sql.rows(list, after?.createdAt ?? Number.MIN_SAFE_INTEGER, after?.id ?? '', limit).map(toKey)),
    revoke: (id, at) =>
      write(() => {
        sql.run(revoke, at, id)
        return keys.get(id)
      }),
    touch: (id, at) => write(() => sql.run(touch, at, id, at)),
  }
}
