import type { Principal } from '../access/principal.ts'
import { maySeeApproval } from '../access/rules.ts'
import type { Engine } from '../engine.ts'
import { CountersignError } from '../errors.ts'
import { type CallId, callIdOf, isApprovalId, type RunId, runIdOfCall } from '../ids.ts'
import { type Call, emptyState, fold, type RunState } from '../runs/fold.ts'
import { readEntries } from '../runs/journal.ts'
import { statusOf, type ToolCallStatus } from '../runs/view.ts'
import { type ApprovalRecord, isOver } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { openChannelAfter } from './channel.ts'

/**
 * The approval now, and again after each change of it or of its call, until the call is settled; then it completes.
 *
 * @throws CountersignError NOT_FOUND when there is no such approval that `principal` may see.
 */
export async function watchApproval(
  { store, hub }: Pick<Engine, 'store' | 'hub'>,
  principal: Principal,
  id: string,
): Promise<AsyncIterableIterator<ApprovalRecord>> {
  if (!isApprovalId(id)) throw notFound()
  const runId = runIdOfCall(callIdOf(id))

  const read = async (): Promise<ApprovalRecord> => {
    const approval = await store.approvals.get(id)
    if (!approval || !maySeeApproval(principal, approval)) throw notFound()
    return approval
  }

  return openChannelAfter(
    (wake) => hub.listenToRun(runId, wake),
    async () => {
      const { callId } = await read()
      let state = emptyState
      let told: string | undefined
      let settled = false

      return async () => {
        if (settled) return 'over'
        // The journal first: a call that is settled there has an approval that is decided.
        state = await foldOn(store, state, runId, callId)
        const call = callIn(state, callId)
        const approval = await read()
        const status = call && statusOf(state.status, call)
        const ends = status !== undefined && isSettled(status, state)
        const now = JSON.stringify([approval.revision, status, call?.startedAt, call?.finishedAt, ends])
        if (now === told) return 'nothing yet'
        told = now
        settled = ends
        return { value: approval }
      }
    },
  )
}

/** What is in doubt will be decided, unless its run is over. */
const isSettled = (call: ToolCallStatus, { status }: RunState) =>
  call !== 'WAITING' && call !== 'RUNNING' && (call !== 'UNKNOWN' || isOver(status))

const pageSize = 500

/**
 * The state with what was written since. Of the turns it keeps the last, which is what entries change, and the call's own:
 * a whole transcript for each watcher would be much to hold, and to read anew at each change.
 */
async function foldOn(store: Store, from: RunState, runId: RunId, callId: CallId): Promise<RunState> {
  let state = from
  for (;;) {
    const records = await store.journal.read(runId, state.seq, pageSize)
    const entries = readEntries(records, { seq: state.seq, prev: state.hash })
    const { turns, ...folded } = fold(state, entries, records.at(-1)?.text)
    state = { ...folded, turns: turns.filter((turn) => turn === turns.at(-1) || turn.calls.some(isCall(callId))) }
    if (records.length < pageSize) return state
  }
}

const callIn = ({ turns }: RunState, callId: CallId): Call | undefined =>
  turns.flatMap(({ calls }) => calls).find(isCall(callId))

const isCall = (id: CallId) => (call: Call) => call.proposed.callId === id

const notFound = () => new CountersignError('NOT_FOUND', 'There is no such approval.')
