import { type CallId, callIdOf } from '../../src/ids.ts'
import { isInDoubt, isOpen, isSettled, presentCalls } from '../../src/runs/fold.ts'
import { type ApprovalRecord, isOver } from '../../src/store/records.ts'
import type { Kept } from './kept.ts'
import type { World } from './world.ts'

// What must never be.

/** A tool is entered: says so in the world, and what is wrong with it. */
export function entering(world: World, which: number, id: CallId): World {
  const entered = [...world.entered, id]
  return { ...world, entered, wrong: world.wrong ?? whyNotEntered({ ...world, entered }, which, id) }
}

function whyNotEntered({ kept, processes, entered, afterCancel }: World, which: number, id: CallId): string | null {
  const of = kept.approvals.filter((record) => callIdOf(record.id) === id)
  const again = of.filter((record) => record.kind === 'RECONCILIATION' && saysAgain(record)).length
  if (entered.filter((one) => one === id).length > 1 + again) return 'a call is entered twice, and nobody said so'
  const own = of.find(({ kind }) => kind !== 'RECONCILIATION')
  if (own?.status !== 'APPROVED') return 'a call is entered without its own approval'
  if (kept.run.lease === null || kept.run.fence !== processes[which]?.drive?.fence)
    return 'a call is entered by a process that is not the owner'
  if (afterCancel.includes(id)) return 'a call is entered that was cancelled before it was on record'
  return null
}

const saysAgain = ({ status, resolution }: ApprovalRecord) => status === 'APPROVED' && resolution?.outcome === null

/** What is wrong with what is kept, whoever is at work. */
export function wrongWith({ approvals }: Kept): string | null {
  return approvals.some(({ revision }) => revision > 2) ? 'an approval is decided twice' : null
}

/** Whether all is done, or waits for a person, and nobody has anything left to do: what is wrong then is told. */
export function rest({ kept, processes, now }: World): { readonly rests: boolean; readonly wrong: string | null } {
  const { run, journal, approvals } = kept
  const idle = processes.every(({ wakes, drive }) => !wakes && drive === null)
  const quiet =
    idle && run.lease === null && (run.due === null || run.due > now) && !approvals.some(({ unheard }) => unheard)
  const pending = approvals.filter(({ status }) => status === 'PENDING')
  if (isOver(journal.status)) {
    if (quiet && pending.length > 0) return { rests: true, wrong: 'a run is over and an approval of it is pending' }
    return { rests: quiet, wrong: quiet && journal.status !== 'CANCELLED' ? lostDecision(kept) : null }
  }
  const open = presentCalls(journal).filter(isOpen)
  const deadlines = pending.flatMap(({ expiresAt }) => expiresAt ?? [])
  const waits =
    journal.status === 'PAUSED' &&
    run.cancelRequested === null &&
    open.length === pending.length &&
    open.length > 0 &&
    deadlines.every((at) => at > now)
  return { rests: quiet && waits, wrong: quiet && waits ? lostDecision(kept) : null }
}

/** Of a run that nobody cancelled. */
function lostDecision({ journal, approvals }: Kept): string | null {
  const calls = journal.turns.flatMap((turn) => turn.calls)
  const isHeard = ({ id, kind, status }: ApprovalRecord) => {
    const call = calls.find(({ proposed }) => proposed.callId === callIdOf(id))
    if (status === 'PENDING') return true
    return kind === 'RECONCILIATION'
      ? call?.doubt?.approvalId !== id || !isInDoubt(call)
      : call?.decision?.verdict === status
  }
  if (!approvals.every(isHeard)) return 'a decision is lost'
  return isOver(journal.status) && !calls.every(isSettled) ? 'a run is over and a call of it is not' : null
}
