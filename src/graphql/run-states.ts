import { setImmediate as breathe } from 'node:timers/promises'
import { CountersignError } from '../errors.ts'
import { emptyState, fold, type RunState, type Turn } from '../runs/fold.ts'
import { readEntries } from '../runs/journal.ts'
import type { RunRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { GraphQLContext } from './context.ts'
import { unreadableJournal } from './errors.ts'

/** A run's state with what a list shows of it: the model's own words are left out. */
export type RunStates = (run: RunRecord) => Promise<RunState>

/**
 * Reads journals one after the other, and lets others have their turn in between: the transcripts of a page of runs may be hundreds of
 * megabytes. A journal that cannot be read is logged and gives the empty state, so that it does not take the list it is in along.
 */
export function createRunStates({ engine: { store, log }, requestId }: GraphQLContext): RunStates {
  const known = new Map<string, Promise<RunState>>()
  let last: Promise<unknown> = Promise.resolve()
  const read = (run: RunRecord) =>
    readState(store, run).catch((error) => {
      if (!unreadableJournal(error)) throw error
      log.error({ err: error, requestId, runId: run.id }, 'the journal of a run cannot be read')
      return emptyState
    })
  return (run) => {
    const key = `${run.id} ${run.seq}`
    const state = known.get(key) ?? last.then(() => read(run))
    known.set(key, state)
    last = state.catch(() => {})
    return state
  }
}

/** Entries read at once: each may have a result of 1 MB, and is parsed and hashed without a pause. */
const pageSize = 20

/** Up to the record's last entry, so that record and state tell of one moment. */
async function readState(store: Store, { id, seq }: RunRecord): Promise<RunState> {
  let state = emptyState
  while (state.seq < seq) {
    await breathe()
    const records = await store.journal.read(id, state.seq, Math.min(pageSize, seq - state.seq))
    if (records.length === 0)
      throw new CountersignError('TAMPERED', `The journal of ${id} ends at entry ${state.seq}; its record says ${seq}.`)
    const folded = fold(state, readEntries(records, { seq: state.seq, prev: state.hash }), records.at(-1)?.text)
    state = { ...folded, turns: folded.turns.map(withoutWords) }
  }
  return state
}

const withoutWords = ({ calls }: Turn): Turn => ({
  content: '',
  text: null,
  calls: calls.map((call) => (call.modelOutput === null ? call : { ...call, modelOutput: null })),
})
