import type { Database } from './database.ts'
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
  { sql }: Pick<Database, 'sql'>,
  name: string,
  columns: readonly Column<Rec>[],
  parse: (row: Row) => Rec,
): Table<Rec> {
  const select = `SELECT * FROM ${name} WHERE id = ?`
  const insert = `INSERT INTO ${name} (${columns.map((column) => column.name)}) VALUES (${columns.map(() => '?')})`
  return {
    name,
    get(id) {
      const row = sql(select).get(id)
      return row === undefined ? null : parse(row)
    },
    insert(record) {
      sql(insert).run(...columns.map((column) => toSql(column.of(record))))
    },
    update(before, after) {
      const changed = columns.filter((column) => column.of(before) !== column.of(after))
      if (changed.length === 0) return
      const assignments = changed.map((column) => `${column.name} = ?`)
      sql(`UPDATE ${name} SET ${assignments} WHERE id = ?`).run(
        ...changed.map((column) => toSql(column.of(after))),
        after.id,
      )
    },
  }
}
