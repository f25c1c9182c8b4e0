import type { Condition, Sorting } from '../filters.ts'
import { approvalIndexes, type ListIndexes, runIndexes } from '../list-indexes.ts'
import type { ApprovalRecord, EntryRecord, RunRecord } from '../records.ts'
import type { Page } from '../store.ts'
import type { Sql } from './database.ts'
import { heldRuns } from './held-runs.ts'
import { type Arm, countArms, mergePage, pageArms } from './lists.ts'
import { approvalColumns, runColumns, toApproval, toRun } from './rows.ts'
import { type Table, table } from './table.ts'

/** The tables of one prefix. All of it is synchronous: writes run inside a transaction of the group commit, reads anywhere. */
export type Tables = {
  readonly sql: Sql
  readonly prefix: string
  readonly runs: Listed<RunRecord>
  readonly approvals: Listed<ApprovalRecord>
  /** To be called when a transaction was discarded, in whole or in part. */
  forget(): void
  /** An entry's place is written once; a second entry there throws. */
  append(entries: readonly EntryRecord[]): void
}

/** In one statement. */
const entriesAtOnce = 8

export type Listed<Rec extends { readonly id: string }> = Table<Rec> & {
  page(conditions: readonly Condition[], sorting: Sorting, page: Page): Rec[]
  count(conditions: readonly Condition[], limit: number): number
}

export function tablesOf(sql: Sql, prefix: string): Tables {
  function listed<Rec extends { readonly id: string }>(kept: Table<Rec>, indexes: ListIndexes): Listed<Rec> {
    const from = { ...indexes, table: kept.name, prefix }
    const count = ({ text, values }: Arm, limit: number) => Number(sql.row(text, ...values, limit)?.[0])
    return {
      ...kept,
      page(conditions, sorting, page) {
        const shares = pageArms(from, conditions, sorting, page).flatMap(({ text, values }) =>
          sql.rows(text, ...values),
        )
        const places = shares.map(([id, value]) => ({ id: String(id), value: Number(value) }))
        return mergePage(places, sorting, page).flatMap((id) => kept.get(id) ?? [])
      },
      count: (conditions, limit) =>
        countArms(from, conditions).reduce((sum, arm) => (sum < limit ? sum + count(arm, limit - sum) : sum), 0),
    }
  }

  const runs = heldRuns(table(sql, `${prefix}runs`, runColumns, toRun))
  return {
    sql,
    prefix,
    forget: runs.forget,
    runs: listed(runs, runIndexes),
    approvals: listed(table(sql, `${prefix}approvals`, approvalColumns, toApproval), approvalIndexes),
    append(entries) {
      for (let start = 0; start < entries.length; start += entriesAtOnce) {
        const some = entries.slice(start, start + entriesAtOnce)
        const text = `INSERT INTO ${prefix}journal (run_id, seq, text) VALUES ${some.map(() => '(?, ?, ?)')}`
        sql.run(text, ...some.flatMap(({ runId, seq, text }) => [runId, seq, text]))
      }
    },
  }
}
