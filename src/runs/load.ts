import { CountersignError } from '../errors.ts'
import type { ApprovalId, RunId } from '../ids.ts'
import { sha256 } from '../json.ts'
import { type ApprovalRecord, type EntryRecord, isOver, type RunRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import {
  approvalIdFor,
  emptyState,
  fold,
  isForApprover,
  isOpen,
  openChildren,
  presentCalls,
  type RunState,
} from './fold.ts'
import { readEntries, readEntry } from './journal.ts'

const pageSize = 500

/**
 * The state of a run as its journal has it, with entries up to `upTo` (all when left out).
 *
 * @throws CountersignError TAMPERED, UNSUPPORTED_VERSION as {@link readEntries}.
 */
export async function loadState(store: Store, runId: RunId, upTo = Number.MAX_SAFE_INTEGER): Promise<RunState> {
  let state = emptyState
  for (;;) {
    const records = await store.journal.read(runId, state.seq, Math.min(pageSize, upTo - state.seq))
    const entries = readEntries(records, { seq: state.seq, prev: state.hash })
    state = fold(state, entries, records.at(-1)?.text)
    if (records.length < pageSize || state.seq >= upTo) return state
  }
}

/** The records of the open calls that an approver decides, as they are now. */
export async function approvalsOf(
  { approvals }: Pick<Store, 'approvals'>,
  ...states: readonly RunState[]
): Promise<ReadonlyMap<ApprovalId, ApprovalRecord>> {
  const ids = states
    .flatMap(presentCalls)
    .filter((call) => isOpen(call) && isForApprover(call))
    .flatMap((call) => approvalIdFor(call) ?? [])
  const records = ids.length > 0 ? await approvals.getMany(ids) : []
  return new Map(records.map((record) => [record.id, record]))
}

/** The run that asked for this one, and those of agents that its calls began and that are not on record as over, as they are now. */
export async function relativesOf(
  { runs }: Pick<Store, 'runs'>,
  { parent }: RunRecord,
  state: RunState,
): Promise<{ readonly outer: RunRecord | null; readonly children: ReadonlyMap<RunId, RunRecord> }> {
  const ids = [...openChildren(state), ...(parent ? [parent.runId] : [])]
  const records = ids.length > 0 ? await runs.getMany(ids) : []
  const children = new Map(records.map((record) => [record.id, record]))
  const outer = (parent && children.get(parent.runId)) ?? null
  if (outer) children.delete(outer.id)
  return { outer, children }
}

/** The runs of agents that a run asked for and that are not over, by what its journal says where it can be read: also of one that does not hold together. */
export async function openRunsOnRecord({ journal, runs }: Store, { id }: RunRecord): Promise<RunId[]> {
  const found: RunId[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const records: EntryRecord[] = await journal.read(id, after, pageSize)
    after = records.length < pageSize ? undefined : records.at(-1)?.seq
    const ids = records.flatMap((record) => childOf(record) ?? [])
    const children = ids.length > 0 ? await runs.getMany(ids) : []
    // Whoever can write there must not make it end the runs of others.
    found.push(
      ...children.filter((child) => child.parent?.runId === id && !isOver(child.status)).map((child) => child.id),
    )
  }
  return found
}

function childOf(record: EntryRecord): RunId | null {
  try {
    const entry = readEntry(record)
    return entry.type === 'child-started' ? entry.childId : null
  } catch {
    return null
  }
}

/** The state of a claimed run; for a journal that cannot be believed, one that says where it ends, and in `error` what is wrong. */
export async function loadOrBreak(store: Store, run: RunRecord): Promise<RunState> {
  try {
    const state = await loadState(store, run.id)
    if (state.seq === run.seq) return state
    throw new CountersignError(
      'TAMPERED',
      `The journal of ${run.id} ends at entry ${state.seq}; its record says ${run.seq}.`,
    )
  } catch (error) {
    if (!(error instanceof CountersignError && error.code === 'TAMPERED')) throw error
    const [last] = await store.journal.read(run.id, run.seq - 1, 1)
    const end = { ...emptyState, seq: run.seq, hash: last ? sha256(last.text) : '' }
    if (isOver(run.status))
      return { ...end, status: run.status, output: run.output, error: run.error, finishedAt: run.finishedAt }
    return { ...end, error: { code: 'TAMPERED', message: error.message } }
  }
}
