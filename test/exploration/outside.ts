import { toJsonText } from '../../src/json.ts'
import type { ApprovalRecord, Resolution } from '../../src/store/records.ts'
import { requester, resolution } from '../runs/journal-of.ts'
import { decide, signal } from './kept.ts'
import { change, processOf, type Step, short } from './process.ts'
import type { World } from './world.ts'

// What comes from outside: the people, the deadline, a process that dies or sleeps. Nothing of it need ever happen.

export function eventsOf(world: World): Step[] {
  const { approvals } = world.kept
  const isAwaited =
    approvals.length === 0 || approvals.some(({ status, expiresAt }) => status === 'PENDING' && expiresAt !== null)
  const each = world.processes.flatMap((_, which) => [
    ...decisions(world, which),
    ...cancel(world, which),
    ...crash(world, which),
    ...nap(world, which),
  ])
  return world.now === 0 && isAwaited ? [...each, ['The deadline passes', { ...world, now: 1 }]] : each
}

/** `resolve.ts`. A decision is judged by the time when it was sent, so after the deadline one may still be on its way; who is late does what the sweep does. */
function decisions(world: World, which: number): Step[] {
  const { approvals, without } = world.kept
  const open = approvals.filter(({ status }) => status === 'PENDING' || without === 'one decision')
  // Each call is decided at a process of its own: the last two decisions may come at once at two.
  const here = open.filter(({ callId }) => Number(callId.split('_').at(-1)) === which)
  return here.flatMap(({ id, ...record }) =>
    verdictsOn(record).map(([verdict, said]): Step => {
      const [kept] = decide(world.kept, id, { deadline: { is: 'open', at: 0 } }, said)
      const label = `Somebody decides ${short(record.callId)} at process ${which}: ${verdict}`
      return [label, woken({ ...world, kept }, which)]
    }),
  )
}

const approve = ['yes', resolution('APPROVED')] as const
const reject = ['no', resolution('REJECTED')] as const
const happened = ['it happened', resolution('APPROVED', { outcome: { result: toJsonText('told') } })] as const
const again = ['run it again', resolution('APPROVED')] as const
/** One call is approved or rejected, and made again; the other is approved or late, and happened. */
const verdictsOn = ({
  kind,
  callId,
}: Pick<ApprovalRecord, 'kind' | 'callId'>): readonly (readonly [string, Resolution])[] => {
  if (callId.endsWith('_0')) return kind === 'RECONCILIATION' ? [again] : [approve, reject]
  return kind === 'RECONCILIATION' ? [happened] : [approve]
}

function cancel(world: World, which: number): Step[] {
  const { left, kept, now } = world
  if (left.cancels === 0 || which !== 1) return []
  const cancelled = signal(kept, now, { by: requester, at: 0, reason: null })
  const after = { ...world, kept: cancelled, left: { ...left, cancels: left.cancels - 1 } }
  return [[`The requester cancels at process ${which}`, woken(after, which)]]
}

const woken = (world: World, which: number): World => change(world, which, { wakes: true })

/** All that it had in mind is gone. It is back at once: what it would do, another process does. */
function crash(world: World, which: number): Step[] {
  const { wakes, drive } = processOf(world, which)
  const { left } = world
  if (left.mishaps === 0 || (!wakes && drive === null)) return []
  const after = { ...world, left: { ...left, mishaps: left.mishaps - 1 } }
  return [[`Process ${which} dies`, change(after, which, { wakes: false, drive: null })]]
}

/** It sleeps, and wakes when its lease is over. */
function nap(world: World, which: number): Step[] {
  const { drive } = processOf(world, which)
  const { left } = world
  if (left.mishaps === 0 || drive === null || !drive.held || drive.at === 'released') return []
  const after = change({ ...world, left: { ...left, mishaps: left.mishaps - 1 } }, which, {
    drive: { ...drive, held: false },
  })
  return [[`Process ${which} sleeps past its lease`, runOut(after, drive.fence)]]
}

const runOut = (world: World, fence: number): World => {
  const { run } = world.kept
  return run.fence === fence && run.lease
    ? { ...world, kept: { ...world.kept, run: { ...run, lease: { over: true } } } }
    : world
}

/** Nobody renews the lease of one who is gone. */
export function leaseRunsOut(world: World): Step[] {
  const { run } = world.kept
  const isServed = world.processes.some(({ drive }) => drive?.fence === run.fence)
  return run.lease && !run.lease.over && !isServed ? [['The lease runs out', runOut(world, run.fence)]] : []
}
