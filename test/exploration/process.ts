import type { ApprovalId, CallId } from '../../src/ids.ts'
import { cancelledCall } from '../../src/runs/ends.ts'
import { approvalIdFor, type Call, isForApprover, isOpen, presentCalls } from '../../src/runs/fold.ts'
import type { EntryBody } from '../../src/runs/journal.ts'
import { next } from '../../src/runs/next.ts'
import { type ApprovalRecord, isOver, type Resolution } from '../../src/store/records.ts'
import type { Release } from '../../src/store/store.ts'
import {
  approvalFor,
  callFinished,
  callStarted,
  cancelled,
  completed,
  decided,
  failed,
  inDoubt,
  interrupted,
  paused,
  proposed,
  proposedCall,
  reconciliationFor,
  resolution,
  responded,
  resumed,
} from '../runs/journal-of.ts'
import {
  append,
  claimDue,
  claimOrSignal,
  decide,
  interned,
  isReady,
  type Kept,
  renew,
  signal,
  step,
  unheard,
} from './kept.ts'
import { type Draft, type Drive, entryAt, newDrive, type Process, type World } from './world.ts'
import { entering } from './wrong.ts'

// What a process does, step by step: each step is one operation of the store with what follows from it at once, or the beginning or end of
// a tool's `execute`. In the order of `src/runs/worker.ts` and `drive.ts`, which are to be read beside it.

export type Step = readonly [label: string, after: World]

export function stepsOf(world: World, which: number): Step[] {
  const { wakes, drive } = processOf(world, which)
  const late = world.kept.approvals.find((record) => isLate(world, record))
  const steps: (Step | false)[] = [
    late !== undefined && ['sweeps the deadlines', sweepDeadlines(world, which, late)],
    wakes && ['wakes the run', wake(change(world, which, { wakes: false }), which)],
    unheard(world.kept) && world.processes.every(isQuiet) && ['sweeps what is unheard', wake(world, which)],
    drive === null && isReady(world.kept, world.now) && ['sweeps what is due', claim(world, which, claimDue)],
  ]
  if (drive !== null) steps.push(...driveSteps(world, which, drive))
  return steps.flatMap((one) => (one ? [one] : []))
}

function driveSteps(world: World, which: number, drive: Drive): (Step | false)[] {
  const ends = drive.running.filter(({ phase }) => phase === 'under way')
  const toEnter = drive.running.flatMap(({ name, phase }) => (name !== 'model' && phase === 'to enter' ? [name] : []))
  return [
    drive.at !== 'waiting' && [nameOf(drive), goOn(world, which, drive)],
    ...ends.map(
      ({ name }): Step =>
        name === 'model'
          ? ['hears the model', speak(world, which, drive)]
          : [`ends ${short(name)}`, leave(world, which, drive, name)],
    ),
    toEnter.length > 0 && drive.held && ['enters late', enter(world, which, drive, toEnter)],
    isWorthRenewing(world, drive) && ['renews the lease', renewed(world, which, drive)],
  ]
}

/** By the time that a decision is swept for, what follows on it by itself has. */
const isQuiet = ({ wakes, drive }: Process) => !wakes && (!drive?.held || drive.at === 'waiting')

export const short = (id: CallId): string => `call ${id.split('_').at(-1)}`
const nameOf = ({ at, unseen }: Drive): string =>
  at === 'acting' ? (unseen ? 'reads the record' : 'acts') : `is ${at}`
export const processOf = ({ processes }: World, which: number): Process => {
  const process = processes[which]
  if (!process) throw new Error(`There is no process ${which}.`)
  return process
}
export const change = (world: World, which: number, changes: Partial<Process>): World => ({
  ...world,
  processes: world.processes.with(which, { ...processOf(world, which), ...changes }),
})
const set = (world: World, which: number, drive: Drive, changes: Partial<Drive>): World =>
  change(world, which, { drive: { ...drive, ...changes } })

/** `worker.wake`: who works on the run looks again; who is just claiming it leaves a signal. */
function wake(world: World, which: number): World {
  const { drive } = processOf(world, which)
  if (drive?.at === 'claimed') return { ...world, kept: signal(world.kept, world.now) }
  return drive ? set(world, which, drive, poked(drive)) : claim(world, which, claimOrSignal)
}

const poked = ({ at }: Drive) => ({ unseen: true, at: at === 'waiting' ? ('acting' as const) : at })

function claim(world: World, which: number, how: typeof claimDue): World {
  const [kept, run] = how(world.kept, world.now)
  // Of the journal only the place of its end is known yet.
  return change({ ...world, kept }, which, run ? { drive: newDrive(run, kept.journal) } : {})
}

const isWorthRenewing = ({ kept: { run } }: World, { at, held, fence, signals }: Drive) =>
  at !== 'claimed' &&
  at !== 'released' &&
  (!held || fence !== run.fence || (at === 'waiting' && signals !== run.signals))

function renewed(world: World, which: number, drive: Drive): World {
  const [kept, run] = renew(world.kept, drive.fence)
  if (run === null) return lose(world, which)
  const news = run.signals === drive.signals ? {} : poked(drive)
  return set({ ...world, kept }, which, drive, { held: true, ...news })
}

/** Its tools may go on; what becomes of them is not heard. What came in meanwhile is not forgotten. */
function lose(world: World, which: number): World {
  const { drive, wakes } = processOf(world, which)
  return change(world, which, { drive: null, wakes: wakes || drive?.unseen === true })
}

function goOn(world: World, which: number, drive: Drive): World {
  const { kept } = world
  switch (drive.at) {
    case 'claimed': {
      const broken = { ...drive.state, error: { code: 'TAMPERED' as const, message: '' } }
      return set(world, which, drive, {
        at: 'looking',
        state: kept.journal.seq === drive.state.seq ? kept.journal : interned(broken),
      })
    }
    case 'looking': {
      const ids = presentCalls(drive.state)
        .filter((call) => isOpen(call) && isForApprover(call))
        .map(approvalIdFor)
      return set(world, which, drive, { at: 'acting', seen: kept.approvals.filter(({ id }) => ids.includes(id)) })
    }
    case 'acting':
      return drive.unseen ? refresh(world, which, drive) : act(world, which, drive)
    case 'starting':
      return start(world, which, drive)
    case 'entering':
      return enter(world, which, { ...drive, at: 'acting', admitted: [] }, drive.admitted)
    case 'waiting':
      return world
    case 'released':
      return lose(world, which)
  }
}

function refresh(world: World, which: number, drive: Drive): World {
  const { run } = world.kept
  if (run.fence !== drive.fence) return lose(world, which)
  return set(world, which, drive, { at: 'looking', unseen: false, signals: run.signals, cancel: run.cancelRequested })
}

/** Asks `next` and does it, up to the first operation of the store. */
function act(world: World, which: number, before: Drive): World {
  let drive = before
  const add = (body: EntryBody, brings: Omit<Draft, 'entry'> = {}) => {
    drive = drafted(drive, body, brings)
  }
  if (drive.state.error?.code === 'TAMPERED' && !isOver(drive.state.status)) add(failed('INTERNAL'))
  for (;;) {
    const todo = next(drive.state, {
      cancelRequested: drive.cancel,
      resumeMode: 'AUTOMATIC',
      approvals: new Map(drive.seen.map((record) => [record.id, record])),
      outer: null,
      children: new Map(),
      running: new Set(drive.running.map(({ name }) => name)),
      budget: null,
      now: world.now,
    })
    switch (todo.do) {
      case 'nothing':
        return giveUp(world, which, drive, resolution('CANCELLED'))
      case 'cancel':
        add(cancelled)
        break
      case 'abort-calls':
        return set(world, which, drive, { at: 'waiting', aborted: true })
      case 'expire': {
        const [late] = todo.approvals
        const kept = late ? expire(world, late) : world.kept
        return set({ ...world, kept }, which, drive, { unseen: true })
      }
      case 'hear':
        add(decided(...todo.decisions), { heard: todo.approvals })
        break
      case 'recover':
        for (const { proposed, startedSeq } of todo.calls) {
          if (world.kept.without === 'asking what became of a call') add(interrupted(proposed.callId))
          else
            add(inDoubt(proposed.callId, startedSeq ?? 0), { propose: [reconciliationFor(proposed, startedSeq ?? 0)] })
        }
        break
      case 'conclude':
        for (const [{ proposed }] of todo.calls) add(callFinished(proposed.callId))
        break
      case 'resume':
        add(resumed)
        break
      case 'complete':
        add(completed(todo.output))
        break
      case 'pause':
        add(paused)
        return giveUp(world, which, drive)
      case 'wait-outside':
        return giveUp(world, which, drive)
      case 'wait-here':
        return flush(world, which, { ...drive, at: 'waiting' })
      case 'call-model':
        return flush(world, which, { ...drive, running: [{ name: 'model', phase: 'under way' }] })
      case 'dispatch': {
        const admitted = todo.calls.map(({ proposed }) => proposed.callId)
        return admit(world, which, { ...drive, admitted }, todo.resume)
      }
      default:
        throw new Error(`No agent asks another here: ${todo.do}.`)
    }
  }
}

function drafted(drive: Drive, body: EntryBody, brings: Omit<Draft, 'entry'> = {}): Drive {
  const entry = entryAt(drive.state.seq + 1, body)
  return { ...drive, state: append(drive.state, entry), drafts: [...drive.drafts, { entry, ...brings }] }
}

const isLate = ({ now }: World, { status, expiresAt }: ApprovalRecord) =>
  status === 'PENDING' && expiresAt !== null && expiresAt <= now

const expire = ({ kept, now }: World, { id }: ApprovalRecord): Kept =>
  decide(kept, id, { deadline: { is: 'passed', at: now } }, resolution('EXPIRED'))[0]

/** `deadlines.ts`, and whoever decides too late. */
const sweepDeadlines = (world: World, which: number, late: ApprovalRecord): World =>
  change({ ...world, kept: expire(world, late) }, which, { wakes: true })

/** Lets go unless a signal came since the record was read. */
const giveUp = (world: World, which: number, drive: Drive, cancelPending: Resolution | null = null): World =>
  flush(world, which, drive, { signals: drive.signals, due: null }, cancelPending)

/** All drafts in one step. What `lease.ts` does with an end: it lets go whatever was asked. */
function flush(
  world: World,
  which: number,
  drive: Drive,
  release: Release | null = null,
  cancelPending: Resolution | null = null,
): World {
  const { drafts, state, fence } = drive
  const quiet = { ...drive, drafts: [] }
  if (drafts.length === 0 && release === null) return set(world, which, quiet, {})
  const [kept, run] = step(world.kept, {
    fence,
    seq: state.seq - drafts.length,
    entries: drafts.map(({ entry }) => entry),
    propose: drafts.flatMap(({ propose }) => propose ?? []),
    heard: drafts.flatMap(({ heard }) => heard ?? []),
    cancelPending,
    release: isOver(state.status) ? { signals: drive.signals, due: null } : release,
  })
  if (run === null) return lose(world, which)
  const starts = drafts.flatMap(({ entry }) =>
    entry.type === 'call-started' && run.cancelRequested ? [entry.callId] : [],
  )
  const after = { ...world, kept, afterCancel: [...world.afterCancel, ...starts] }
  const released = run.lease === null
  const again = release !== null && !released && { unseen: true }
  return set(after, which, quiet, { cancel: run.cancelRequested, ...(released && { at: 'released' }), ...again })
}

/** `dispatch.ts`, `admit`: of the record as it is kept. */
function admit(world: World, which: number, drive: Drive, resumes: boolean): World {
  const { approvals, without } = world.kept
  const isApproved = (id: ApprovalId | null) => approvals.find((record) => record.id === id)?.status === 'APPROVED'
  const isAdmitted = ({ proposed, decision, doubt }: Call) =>
    decision?.verdict === 'APPROVED' &&
    isApproved(proposed.approvalId) &&
    (doubt === null || isApproved(doubt.approvalId))
  const calls = presentCalls(drive.state).filter(({ proposed }) => drive.admitted.includes(proposed.callId))
  const idsOf = (some: readonly Call[]) => some.map(({ proposed }) => proposed.callId)
  const admitted = idsOf(calls.filter(isAdmitted))
  const bodies = [
    ...(resumes ? [resumed] : []),
    ...idsOf(calls.filter((call) => !isAdmitted(call))).map((id) => callFinished(id, 'error')),
    ...admitted.map(callStarted),
  ]
  const after = bodies.reduce((drive, body) => drafted(drive, body), drive)
  return set(world, which, after, {
    at: without === 'call-started before entering' ? 'entering' : 'starting',
    admitted,
  })
}

function start(world: World, which: number, drive: Drive): World {
  const after = flush(world, which, drive)
  const { drive: written } = processOf(after, which)
  if (written === null) return after
  const { state, cancel, admitted } = written
  if (cancel === null || world.kept.without === 'looking for a cancel after call-started')
    return set(after, which, written, { at: 'entering' })
  const calls = presentCalls(state).filter(({ proposed }) => admitted.includes(proposed.callId))
  const none =
    calls.length > 0 ? drafted(written, decided(...calls.map((call) => cancelledCall(call, cancel.by)))) : written
  return set(after, which, none, { at: 'acting', admitted: [] })
}

/** The tick that enters the tools: only while the lease has time left. */
function enter(world: World, which: number, drive: Drive, calls: readonly CallId[]): World {
  const others = drive.running.filter(({ name }) => name === 'model' || !calls.includes(name))
  const mayEnter = drive.held || world.kept.without === 'lease in the tick that enters'
  const phase = mayEnter ? ('under way' as const) : ('to enter' as const)
  const after = set(world, which, drive, { running: [...others, ...calls.map((name) => ({ name, phase }))] })
  return mayEnter ? calls.reduce((now, id) => entering(now, which, id), after) : after
}

/** A tool ends, however it does, and that is written beside whatever else goes on: until it is, nobody can tell that it has ended. */
function leave(world: World, which: number, drive: Drive, name: CallId): World {
  const rest = drive.running.filter((one) => one.name !== name)
  const { at } = drive
  const after = drafted(drive, callFinished(name))
  return flush(world, which, { ...after, at: at === 'waiting' ? 'acting' : at, running: rest })
}

/** The model asks for two calls that an approver decides, one of them by the deadline; then it has done. */
function speak(world: World, which: number, drive: Drive): World {
  const { state, aborted, at } = drive
  const quiet: Drive = { ...drive, running: [], at: at === 'waiting' ? 'acting' : at }
  if (aborted) return set(world, which, quiet, {})
  if (state.turns.length > 0) return set(world, which, drafted(quiet, responded('Done.')), {})
  const calls = [null, 1].map((expiresAt, index) => proposedCall('required', index, { seq: state.seq + 2, expiresAt }))
  const spoken = drafted(quiet, responded())
  return set(world, which, drafted(spoken, proposed(...calls), { propose: calls.map((call) => approvalFor(call)) }), {})
}
