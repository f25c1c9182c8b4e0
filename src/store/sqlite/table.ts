import type { Sql } from './database.ts'
import { type Column, type Row, toSql } from './rows.ts'

/** Records by id, whole in and whole out. */
export type Table<Rec extends { readonly id: string }> = {
  readonly name: string
  get(id: string): Rec | null
  insert(record: Rec): void
  /** Writes only what is different: an index costs nothing while its columns stay. `after` is made from `before`. */
  update(before: Rec, after: Rec): void
}

export function table<Rec extends { readonly id: string }>(
  sql: Sql,
  name: string,
  columns: readonly Column<Rec>[],
  parse: (row: Row) => Rec,
): Table<Rec> {
  const select = `SELECT * FROM ${name} WHERE id = ?`
  const insert = `INSERT INTO ${name} (${columns.map((column) => column.name)}) VALUES (${columns.map(() => '?')})`
  /** By which columns they set, a bit for each. */
  const updates = new Map<number, string>()

  function updateText(changes: number): string {
    const known = updates.get(changes)
    if (known !== undefined) return known
    const changed = columns.filter((_, index) => changes & (1 << index))
    const text = `UPDATE ${name} SET ${changed.map((column) => `${column.name} = ?`)} WHERE id = ?`
    updates.set(changes, text)
    return text
  }

  return {
    name,
    get(id) {
      const row = sql.row(select, id)
      return row === undefined ? null : parse(row)
    },
    insert: (record) => sql.run(insert, ...columns.map((column) => toSql(column.of(record)))),
    update(before, after) {
      let changes = 0
      const values = []
      for (const [index, column] of columns.entries()) {
        const value = column.of(after)
        if (value === column.of(before)) continue
        changes |= 1 << index
        values.push(toSql(value))
      }
      if (changes !== 0) sql.run(updateText(changes), ...values, after.id)
    },
  }
}
