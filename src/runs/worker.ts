import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { deadlineSweep } from '../approvals/deadlines.ts'
import type { Engine } from '../engine.ts'
import { isUnavailable } from '../errors.ts'
import type { RunId } from '../ids.ts'
import type { RunRecord } from '../store/records.ts'
import { isOver } from '../store/records.ts'
import type { NewLease, News } from '../store/store.ts'
import { type Drive, drive } from './drive.ts'
import { fairClaims } from './fair-claims.ts'
import type { RunState } from './fold.ts'
import { holdLease, newLease, type RunLease } from './lease.ts'
import { loadOrBreak } from './load.ts'
import { unservedWatch } from './unserved.ts'

/** Works on runs: those it is woken for, and those the sweep finds due. At most `maxConcurrentRuns` at once; more wait in the store. */
export type Worker = {
  /** Begins to sweep for what is due: this process's former runs and others'. */
  start(): Promise<void>
  /**
   * Something about this run changed: looks at it here and now, or marks it due when there is no room. Never rejects.
   *
   * @param always Also when there is no room: for a cancel, which takes a step and no more.
   * @returns the record as it was claimed for that; null when it was not.
   */
  wake(id: RunId, always?: boolean): Promise<RunRecord | null>
  /** A lease for a run about to be created, if there is room for it; to be given to `adopt`, or to `drop`. */
  reserve(): Reservation | null
  /** Goes on with a run whose lease this process holds. */
  adopt(lease: RunLease): void
  /** Takes the lease of a run that waits, for an operation; null when it is not waiting (any more) or stays in other hands. */
  take(id: RunId): Promise<RunLease | null>
  /** Begins nothing more, gives back the leases. Running tools have three quarters of `graceMs` to end, are then told to stop, and are left behind after the last one. */
  stop(graceMs: number): Promise<void>
}

export type Reservation = {
  readonly lease: NewLease
  /** The run was created with the lease. */
  adopt(run: RunRecord, state: RunState): void
  drop(): void
}

type WorkerEngine = Omit<Engine, 'worker'>
const longestSweep = 1_000
/** How long an operation waits for a run that is just being let go. */
const longestTake = 10_000
const largestBatch = 16
/** Above the limit, for runs that are woken: a cancel or a decision must not wait for models that hang. */
const extraForWoken = 8
/** A decision this old that its run has not heard of has lost its signal. */
const unheardMs = 5_000

export function createWorker(engine: WorkerEngine): Worker {
  const { store, settings, log } = engine
  const owner = randomUUID()
  const active = new Map<RunId, Drive | Promise<unknown>>()
  /** Those that are being claimed, and of which news came meanwhile. */
  const stirred = new Set<RunId>()
  const claims = fairClaims(store, [...engine.agents.keys()])
  const sweepMs = Math.min(longestSweep, settings.leaseMs / 6)
  let reserved = 0
  let backlog = false
  const stopping = new AbortController()
  const stopped = new AbortController()
  let sweeping: Promise<unknown> = Promise.resolve()
  const abandoning = new AbortController()
  const background = new Set<Promise<unknown>>()

  const drives = () => [...active.values()].filter((working) => 'poke' in working)
  const holding = { store, log, leaseMs: settings.leaseMs, wake: (id: RunId, always: boolean) => void wake(id, always) }
  /** Runs that only wait for calls which do not hear that they shall stop keep nobody from a place, up to as many as there can be. */
  const room = () => {
    const free = settings.maxConcurrentRuns - active.size - reserved
    if (free > 0) return free
    const ending = drives().filter((driving) => driving.isEnding()).length
    return free + Math.min(ending, settings.maxConcurrentRuns + extraForWoken)
  }
  const hasRoom = (extra = 0) => room() + extra > 0 && !stopping.signal.aborted

  function wake(id: RunId, always = false): Promise<RunRecord | null> {
    const working = active.get(id)
    if (working && 'poke' in working) working.poke()
    else if (working || !hasRoom(always ? Number.POSITIVE_INFINITY : extraForWoken))
      inBackground(signal(id), 'signalling a run')
    else return claimAndDrive(id)
    return Promise.resolve(null)
  }

  async function signal(id: RunId) {
    backlog = true
    await store.runs.signal(id)
  }

  /** Resolves with the claim, before anything is done. */
  function claimAndDrive(id: RunId): Promise<RunRecord | null> {
    const heldSince = performance.now()
    const claim = store.runs.claimOrSignal(id, newLease(store, owner, settings.leaseMs))
    active.set(id, claim)
    const working = claim.then(
      (run) => (run ? begin(run, heldSince, claim) : leave(id, claim)),
      (error) => {
        leave(id, claim)
        throw error
      },
    )
    inBackground(working, 'waking a run')
    return claim.catch(() => null)
  }

  /** An operation that held the lease may have handed the run over meanwhile: then it is not ours to take off the list. */
  function leave(id: RunId, working: Drive | Promise<unknown>) {
    if (active.get(id) !== working) return
    active.delete(id)
    stirred.delete(id)
  }

  /** The lease of a claimed run, with its journal; while the store does not answer it is asked again, as long as the lease lasts. */
  async function hold(run: RunRecord, heldSince: number): Promise<RunLease> {
    const held = { ...holding, heldSince }
    for (;;) {
      try {
        return holdLease(run, await loadOrBreak(store, run), held)
      } catch (error) {
        if (!isUnavailable(error) || stopping.signal.aborted || performance.now() - heldSince > settings.leaseMs)
          throw error
        await delay(100)
      }
    }
  }

  async function begin(run: RunRecord, heldSince: number, claim: Promise<unknown>) {
    try {
      go(await hold(run, heldSince), true, !stirred.has(run.id))
    } finally {
      stirred.delete(run.id)
      // Does nothing when `go` put its drive there. Else nothing is lost: the lease runs out and the sweep finds the run again.
      leave(run.id, claim)
    }
  }

  function go(lease: RunLease, look: boolean, fresh = false) {
    const { id } = lease.run
    const former = active.get(id)
    const isOvertaken = former !== undefined && 'poke' in former && former.fence() > lease.run.fence
    if (isOvertaken || !lease.isHeld()) {
      // Handed over too late: somebody may have the run already, here or elsewhere.
      lease.stop()
      void wake(id)
      return
    }
    if (former && 'poke' in former) former.lose()
    claims.note(lease.run.tenant)
    const driving = drive({ ...engine, worker }, lease, {
      look,
      fresh,
      stopping: stopping.signal,
      abandoning: abandoning.signal,
    })
    active.set(id, driving)
    inBackground(
      driving.done.then(() => {
        leave(id, driving)
        if (driving.isUnseen() && !stopping.signal.aborted) void wake(id)
        else if (backlog) inBackground(sweepDue(), 'sweeping')
      }),
      'working on a run',
    )
  }

  async function sweepDue() {
    backlog = false
    // What starts while the claim is under way may exceed the room by this batch.
    const limit = Math.min(largestBatch, room())
    if (limit <= 0 || stopping.signal.aborted) {
      backlog = true
      return
    }
    // As of now: whatever blocks this process from here on, what it holds or renews is not over by then.
    const heldSince = performance.now()
    const lease = newLease(store, owner, settings.leaseMs)
    // A process that slept or was cut off renews what it still holds before it takes what looks abandoned.
    await Promise.all(drives().map((driving) => driving.isHeld() || driving.renew()))
    const claimed = await claims.claim(limit, lease)
    backlog ||= claimed.length === limit
    for (const run of claimed) {
      // Its fence is raised, so whoever works on it here has lost it.
      const former = active.get(run.id)
      if (former && 'poke' in former) former.lose()
      const claim = Promise.resolve()
      active.set(run.id, claim)
      inBackground(begin(run, heldSince, claim), 'taking a run over')
    }
  }

  async function sweepUnheard(before: number) {
    for (const id of await store.approvals.unheard(before, 100)) void wake(id)
  }

  /** Again and again until the worker has stopped, after what the work says or `everyMs`: also while it is stopping, tools that still run keep their lease. */
  async function repeat(everyMs: number, what: string, work: () => Promise<number> | Promise<void>) {
    let failing = false
    while (!stopped.signal.aborted) {
      let wait = everyMs
      try {
        wait = (await work()) ?? everyMs
        failing = false
      } catch (error) {
        if (!failing) log.warn({ err: error }, `${what} failed; it is tried again.`)
        failing = true
      }
      await delay(wait, undefined, { signal: stopped.signal }).catch(() => {})
    }
  }

  async function renewAll() {
    await Promise.all(drives().map((driving) => driving.renew()))
  }

  async function watchAll() {
    for (const driving of drives()) driving.watch()
  }

  async function sweep() {
    await sweepDue()
    if (!stopping.signal.aborted) await sweepUnheard(store.now() - unheardMs)
  }

  function inBackground(work: Promise<unknown>, what: string) {
    const logged = work
      .catch((error) => log.error({ err: error }, `${what} failed`))
      .finally(() => background.delete(logged))
    background.add(logged)
  }

  function hear(news: News) {
    // A step of our own brings news of entries beyond those; a signal brings none.
    if (news.kind !== 'run') return
    const working = active.get(news.id)
    if (working && !('poke' in working)) stirred.add(news.id)
    if (working && 'poke' in working && news.seq <= working.seq()) working.poke()
  }
  const listening = engine.hub.listen(hear)

  const worker: Worker = {
    async start() {
      await sweepUnheard(store.now())
      const { leaseMs } = settings
      const deadlines = deadlineSweep({ ...engine, worker }, stopping.signal)
      // Apart from each other: a claim that has to wait, for another's transaction on that run, must not cost this process its leases.
      sweeping = Promise.all([
        repeat(leaseMs / 3, 'Renewing the leases', renewAll),
        repeat(leaseMs / 10, 'Watching the leases', watchAll),
        repeat(sweepMs, 'The sweep for due runs', sweep),
        repeat(4 * leaseMs, 'Looking for runs that wait for an agent', unservedWatch(engine)),
        repeat(longestSweep, 'The sweep for deadlines', () => deadlines.look(longestSweep)),
      ])
    },
    wake,
    reserve() {
      if (!hasRoom()) {
        backlog = true
        return null
      }
      reserved += 1
      let open = true
      const close = () => {
        if (open) reserved -= 1
        open = false
      }
      const heldSince = performance.now()
      return {
        lease: newLease(store, owner, settings.leaseMs),
        adopt(run, state) {
          close()
          go(holdLease(run, state, { ...holding, heldSince }), false)
        },
        drop: close,
      }
    },
    adopt: (lease) => go(lease, true),
    async take(id) {
      for (const until = performance.now() + longestTake; performance.now() < until; ) {
        const run = await store.runs.get(id)
        if (!run || run.status === 'RUNNING' || (isOver(run.status) && run.status !== 'FAILED')) return null
        const working = active.get(id)
        if (working) {
          // A claim may be settled already: awaiting it would go round without letting anything else run.
          await ('poke' in working ? Promise.race([working.done.catch(() => {}), delay(50)]) : delay(20))
          continue
        }
        const heldSince = performance.now()
        const claim = store.runs.claimOrSignal(id, newLease(store, owner, settings.leaseMs))
        active.set(id, claim)
        const claimed = await claim.finally(() => leave(id, claim))
        if (!claimed) {
          await delay(20)
          continue
        }
        return hold(claimed, heldSince)
      }
      return null
    },
    async stop(graceMs) {
      stopping.abort()
      listening[Symbol.dispose]()
      const quiet = async () => {
        while (background.size > 0) await Promise.allSettled(background)
      }
      const ended = new AbortController()
      const end = quiet().then(() => ended.abort())
      const atMost = (ms: number) => delay(ms, undefined, { signal: ended.signal }).catch(() => {})
      await atMost(0.75 * graceMs)
      abandoning.abort()
      await atMost(0.25 * graceMs)
      // A tool that ignores its abortSignal is left behind: its call is on record as started.
      for (const driving of drives()) driving.lose()
      await Promise.race([end, atMost(100)])
      stopped.abort()
      await sweeping
      // What the last sweep claimed gives its lease back before the store is closed.
      await Promise.race([quiet(), delay(100)])
      for (const driving of drives()) driving.lose()
    },
  }
  return worker
}
