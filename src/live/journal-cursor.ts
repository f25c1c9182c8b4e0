import { setImmediate } from 'node:timers/promises'
import { apply, emptyState, fold, type RunState } from '../runs/fold.ts'
import { type Entry, readEntries } from '../runs/journal.ts'
import { loadState } from '../runs/load.ts'
import type { RunRecord } from '../store/records.ts'
import { isOver } from '../store/records.ts'
import type { Store } from '../store/store.ts'

/** A place in a run's journal, with a page of what follows it. */
export type JournalCursor = {
  /** As it was when the page was read. */
  readonly run: RunRecord
  /** The state at this place. */
  readonly here: RunState
  /** The state as far as the journal is known: it may be ahead. */
  readonly present: RunState
  /** The state after the page. */
  readonly read: RunState
  readonly page: readonly Entry[]
  /** The journal ended with the page when it was read. */
  readonly caughtUp: boolean
  /** Nothing follows the page: the run was over, and its last entry read. */
  readonly over: boolean
}

/** In entries. A page, and not the journal, is in memory while somebody goes through it. */
const pageSize = 100

/** After the entry at `after`; after the last one when there are not as many. */
export async function openCursor(store: Store, run: RunRecord, after: number): Promise<JournalCursor> {
  const here = after === 0 ? emptyState : await loadState(store, run.id, after)
  const present = here.seq < run.seq ? await loadState(store, run.id) : here
  return { run, here, present, read: here, page: [], caughtUp: false, over: false }
}

/** The entry that follows, if it was read. */
export const nextEntry = ({ here, read, page }: JournalCursor): Entry | undefined =>
  page[here.seq - read.seq + page.length]

/** After that entry. */
export const passEntry = (cursor: JournalCursor, entry: Entry): JournalCursor => ({
  ...cursor,
  here: apply(cursor.here, entry),
})

/** With the page that follows the one read before; it is empty when there is nothing new. */
export async function readOn(store: Store, cursor: JournalCursor): Promise<JournalCursor> {
  // Where a read needs no waiting, as in SQLite, nobody else would get a turn while a journal of 10,000 entries is gone through.
  await setImmediate()
  const { id } = cursor.run
  const records = await store.journal.read(id, cursor.read.seq, pageSize)
  // The run after the entries: if it is over by then and has no entry beyond these, none will come.
  const run = await store.runs.get(id)
  const page = readEntries(records, { seq: cursor.read.seq, prev: cursor.read.hash })
  const read = fold(cursor.read, page, records.at(-1)?.text)
  return {
    run: run ?? cursor.run,
    here: cursor.here,
    present: read.seq < cursor.present.seq ? cursor.present : read,
    read,
    page,
    caughtUp: records.length < pageSize,
    over: run === null || (isOver(run.status) && run.seq <= read.seq),
  }
}
