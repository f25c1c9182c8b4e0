import { logActor } from '../access/acting-for.ts'
import { doneBy, type Principal } from '../access/principal.ts'
import { maySeeRun, maySteerRun } from '../access/rules.ts'
import type { Engine } from '../engine.ts'
import { isRunId } from '../ids.ts'
import type { CancelRunInput } from '../inputs.ts'
import { waitForRun } from '../live/wait-for-run.ts'
import { type CancelRunResult, forbidden, invalidInput, notFound } from '../results.ts'
import { isOver } from '../store/records.ts'

/** How long the answer waits for tools that are being made to stop; the run ends whenever they do. */
const patience = 5_000
const longestReason = 10_000

/**
 * Ends a run: its pending approvals are CANCELLED, none of its calls is begun any more, and those under way are told to stop.
 * Cancelling a cancelled run succeeds and changes nothing.
 */
export async function cancelRun(engine: Engine, principal: Principal, input: CancelRunInput): Promise<CancelRunResult> {
  const { store, hub, worker } = engine
  const run = isRunId(input.runId) ? await store.runs.get(input.runId) : null
  if (!run || !maySeeRun(principal, run)) return notFound('run')
  if (!maySteerRun(principal, run)) return forbidden('Only the requester of a run or an ADMIN can cancel it.')
  if (input.reason != null && typeof input.reason !== 'string')
    return invalidInput({ path: ['reason'], message: 'Give a text.' })
  const reason = input.reason?.toWellFormed() ?? null
  if (reason !== null && reason.length > longestReason)
    return invalidInput({ path: ['reason'], message: `At most ${longestReason} characters.` })
  if (run.status === 'CANCELLED') return { __typename: 'CancelRunSuccess', run }
  if (isOver(run.status)) return { __typename: 'RunStateError', message: `The run is ${run.status} already.`, run }
  const asked = await store.runs.signal(run.id, { ...doneBy(principal), at: store.now(), reason })
  if (!asked) return notFound('run')
  logActor(engine, principal, { operation: 'cancelRun', runId: run.id })
  void worker.wake(run.id, true)
  const ended = await waitForRun({ store, hub }, asked, patience, ({ status }) => isOver(status))
  if (isOver(ended.status) && ended.status !== 'CANCELLED') {
    return {
      __typename: 'RunStateError',
      message: `The run was ${ended.status} before it could be cancelled.`,
      run: ended,
    }
  }
  return { __typename: 'CancelRunSuccess', run: ended }
}
