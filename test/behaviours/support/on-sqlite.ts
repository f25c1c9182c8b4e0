import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { databasePath, openStore } from '../../../src/server/database.ts'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import { approvalColumns, toApproval, toSql } from '../../../src/store/sqlite/rows.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import type { DatabaseKind, Tampering } from './stores.ts'

export const sqlite: DatabaseKind = {
  name: 'SQLite',
  patienceMs: 30_000,
  rounds: (times) => times,
  database() {
    const directory = temporaryDirectory()
    const url = `file:${join(directory.path, 'test.db')}`
    return { url, [Symbol.asyncDispose]: async () => directory[Symbol.dispose]() }
  },
  open: openStore,
  async refuseApprovals(url) {
    using connection = connect(url)
    connection.exec("CREATE TRIGGER refuse BEFORE INSERT ON approvals BEGIN SELECT RAISE(ABORT, 'refused'); END")
    return {
      async [Symbol.asyncDispose]() {
        using later = connect(url)
        later.exec('DROP TRIGGER refuse')
      },
    }
  },
  async deleteApproval(url, id) {
    using connection = connect(url)
    removeApproval(connection, id)
  },
  async deleteRun(url, id) {
    using connection = connect(url)
    for (const table of ['approvals', 'journal']) connection.prepare(`DELETE FROM ${table} WHERE run_id = ?`).run(id)
    changeOne(connection, 'DELETE FROM runs WHERE id = ?', [id])
  },
  async approvalRecord(url, id) {
    using connection = connect(url)
    return readApproval(connection, id)
  },
  async editApproval(url, id, change) {
    using connection = connect(url)
    changeApproval(connection, id, change)
  },
  async editEntry(url, runId, seq, edit) {
    using connection = connect(url)
    const where = 'WHERE run_id = ? AND seq = ?'
    const row = connection.prepare(`SELECT text FROM journal ${where}`).get(runId, seq)
    changeOne(connection, `UPDATE journal SET text = ? ${where}`, [edit(String(row?.text)), runId, seq])
  },
}

/** A connection of somebody else. */
const connect = (url: string) => new DatabaseSync(databasePath(url), { timeout: 5_000 })

export function changeApproval(connection: DatabaseSync, id: string, change: Tampering): void {
  const edited = { ...readApproval(connection, id), ...change } as ApprovalRecord
  const set = approvalColumns.map(({ name }) => `${name} = ?`)
  const values = approvalColumns.map((column) => toSql(column.of(edited)))
  changeOne(connection, `UPDATE approvals SET ${set} WHERE id = ?`, [...values, id])
}

export const removeApproval = (connection: DatabaseSync, id: string): void =>
  changeOne(connection, 'DELETE FROM approvals WHERE id = ?', [id])

function readApproval(connection: DatabaseSync, id: string) {
  const columns = approvalColumns.map(({ name }) => name)
  const row = connection.prepare(`SELECT ${columns} FROM approvals WHERE id = ?`).get(id)
  if (!row) throw new Error(`There is no ${id}`)
  return toApproval(columns.map((name) => row[name]))
}

function changeOne(connection: DatabaseSync, statement: string, values: SQLInputValue[]): void {
  const { changes } = connection.prepare(statement).run(...values)
  if (changes !== 1) throw new Error(`${changes} rows were changed by ${statement}`)
}
