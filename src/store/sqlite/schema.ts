import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../errors.ts'
import { approvalIndexes, type ListIndex, runIndexes } from '../list-indexes.ts'
import { approvalColumns, type Column, columnOf, keyColumns, never, runColumns } from './rows.ts'

/** Raised when older programs could no longer read what this one writes. */
export const schemaVersion = 1

const tableNames = ['runs', 'journal', 'approvals', 'sessions', 'principals', 'keys'] as const
const prefixPattern = /^(?!sqlite_)[a-z_][a-z0-9_]{0,39}$|^$/i

/**
 * Makes the tables and indexes in an empty database, or finds them there.
 *
 * @param held Whether this process alone works on runs here: otherwise tables that a server uses stay as they are.
 * @throws CountersignError UNSUPPORTED_VERSION for tables of a newer program, STORE_UNAVAILABLE for somebody else's,
 *   INVALID_CONFIGURATION for a prefix that is no name.
 */
export function prepareSchema(connection: DatabaseSync, prefix: string, path: string, held: boolean): void {
  if (!prefixPattern.test(prefix)) {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'A table prefix has up to 40 letters, digits and underscores and begins with no digit.',
    )
  }
  connection.exec('BEGIN IMMEDIATE')
  try {
    const found = versionOf(connection, prefix)
    if (found === null) create(connection, prefix, path)
    else if (found !== schemaVersion) throw otherVersion(found, path)
    else if (held) {
      addColumns(connection, `${prefix}runs`, runColumns)
      const added = addColumns(connection, `${prefix}approvals`, approvalColumns)
      if (added.includes('due')) connection.exec(dueSince(prefix))
      refreshIndexes(connection, prefix)
    }
    connection.exec(keysDefinition(prefix))
    addColumns(connection, `${prefix}keys`, keyColumns)
    connection.exec('COMMIT')
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK')
    throw error
  }
}

/** A table with the version, and not `user_version`: with a prefix the database may be shared with other tables. */
const markOf = (prefix: string) => `${prefix}countersign`

function versionOf(connection: DatabaseSync, prefix: string): number | null {
  const mark = markOf(prefix)
  if (!tablesOf(connection).includes(mark.toLowerCase())) return null
  const version = connection.prepare(`SELECT * FROM ${mark}`).get()?.version
  return typeof version === 'number' ? version : null
}

const tablesOf = (connection: DatabaseSync): string[] =>
  connection
    .prepare(
      `SELECT lower(name) AS name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all()
    .map((row) => String(row.name))

function create(connection: DatabaseSync, prefix: string, path: string): void {
  const ours = tableNames.map((name) => `${prefix}${name}`.toLowerCase())
  // Without a prefix any table speaks for a file that was named by mistake.
  const taken = tablesOf(connection).filter((name) => prefix === '' || ours.includes(name))
  if (taken.length > 0) {
    throw new CountersignError(
      'STORE_UNAVAILABLE',
      `${path} is a database of something else (it has a table ${taken[0]}). Name another file, or give a prefix for Countersign's tables.`,
    )
  }
  connection.exec(definitions(prefix))
  connection.prepare(`INSERT INTO ${markOf(prefix)} (version) VALUES (?)`).run(schemaVersion)
}

const otherVersion = (found: number, path: string) =>
  new CountersignError(
    'UNSUPPORTED_VERSION',
    `${path} was made by ${found > schemaVersion ? 'a newer' : 'another'} version of Countersign (format ${found}, this one reads ${schemaVersion}). Use that version, or another file.`,
  )

// The journal has row ids: entries of many runs then come to stand side by side, and a commit writes fewer pages.
const definitions = (prefix: string) => `
  CREATE TABLE ${markOf(prefix)} (version INTEGER NOT NULL);
  CREATE TABLE ${prefix}runs (${columnsOf(runColumns)});
  CREATE TABLE ${prefix}journal (run_id TEXT, seq INTEGER, text TEXT NOT NULL, PRIMARY KEY (run_id, seq));
  CREATE TABLE ${prefix}approvals (${columnsOf(approvalColumns)});
  CREATE TABLE ${prefix}sessions (tenant TEXT, id TEXT, owner TEXT NOT NULL, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
  CREATE TABLE ${prefix}principals (tenant TEXT, id TEXT, name TEXT, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
  ${changingIndexes(prefix)
    .map(({ definition }) => `${definition};`)
    .join('\n')}
  CREATE INDEX ${prefix}approvals_unheard ON ${prefix}approvals (updated_at, run_id) WHERE unheard = 1;
  ${dueIndex(prefix)}
`

const dueIndex = (prefix: string) =>
  `CREATE INDEX ${prefix}approvals_due ON ${prefix}approvals (due, id) WHERE status = 'PENDING' AND due IS NOT NULL;`

/** What was pending when approvals got this column. */
const dueSince = (prefix: string) => `
  UPDATE ${prefix}approvals SET due = expires_at WHERE status = 'PENDING' AND expires_at < ${never};
  ${dueIndex(prefix)}
`

/** In a database of any age: a program that knows of no keys goes on beside them. */
const keysDefinition = (prefix: string) => `
  CREATE TABLE IF NOT EXISTS ${prefix}keys (${columnsOf(keyColumns)});
  CREATE INDEX IF NOT EXISTS ${prefix}keys_created ON ${prefix}keys (created_at, id);
`

const columnsOf = <Rec>(columns: readonly Column<Rec>[]) =>
  columns.map((column) => `${column.name} ${column.type}`).join(', ')

/** Columns that a later version put at the end; they are null in the rows that are there. Gives their names. */
function addColumns<Rec>(connection: DatabaseSync, table: string, columns: readonly Column<Rec>[]): string[] {
  const present = connection.prepare('SELECT name FROM pragma_table_info(?)').all(table)
  return columns.slice(present.length).map(({ name, type }) => {
    connection.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`)
    return name
  })
}

/** Those that may have another definition in an older database. */
const changingIndexes = (prefix: string) => [
  ...runIndexes.indexes.map((index) => listIndex(prefix, 'runs', index)),
  ...approvalIndexes.indexes.map((index) => listIndex(prefix, 'approvals', index)),
  wakeIndex(prefix),
]

/** With the tenant, so that the rows of those that are passed over are not read. */
const wakeIndex = (prefix: string) => ({
  name: `${prefix}runs_wake`,
  definition: `CREATE INDEX ${prefix}runs_wake ON ${prefix}runs (agent_name, wake, id, tenant) WHERE wake IS NOT NULL`,
})

function listIndex(prefix: string, table: string, { name, equal, sort }: ListIndex) {
  const columns = [...equal.map(columnOf), columnOf(sort), 'id'].join(', ')
  return { name: `${prefix}${name}`, definition: `CREATE INDEX ${prefix}${name} ON ${prefix}${table} (${columns})` }
}

/** A list is served by the index of its name, as this program defines it; another version may have defined it otherwise. */
function refreshIndexes(connection: DatabaseSync, prefix: string): void {
  const present = connection.prepare(`SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?`)
  for (const { name, definition } of changingIndexes(prefix)) {
    if (present.get(name)?.sql !== definition) connection.exec(`DROP INDEX IF EXISTS ${name}; ${definition};`)
  }
}
