import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CountersignError } from '../../src/errors.ts'
import { newRunId } from '../../src/ids.ts'
import { type PendingEvent, watchPendingApprovals } from '../../src/live/pending-approvals.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { News, Store } from '../../src/store/store.ts'
import {
  approver,
  countingHub,
  manualFeed,
  openScene,
  pendingApproval,
  requester,
  resolution,
  type Scene,
} from './scene.ts'

// Time is a list of gates: a read begins and ends behind one, a piece of news comes through one, and they open in any order.
// News has the record with it or not. The only timer, of a store that is away, goes off when the test says so.

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const deeds = ['create', 'touch', 'decide', 'again', 'lose', 'break', 'tick'] as const
const action = fc.record({
  do: fc.oneof(
    { arbitrary: fc.constantFrom(...deeds), weight: 5 },
    { arbitrary: fc.constantFrom('create' as const, 'decide' as const), weight: 5 },
    { arbitrary: fc.constantFrom('pull' as const), weight: 4 },
    { arbitrary: fc.constantFrom('open' as const), weight: 12 },
  ),
  pick: fc.nat(1_000),
  carries: fc.boolean(),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

test('a client that applies the events has what the store has, whatever the order of things', async () => {
  await using scene = await openScene()
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 150, size: 'max' }),
      fc.constantFrom(2, 1_000),
      async (actions, first) => {
        const world = slowWorld(scene)
        const watched = watchPendingApprovals(world.engine, approver, { first })
        const client = checkingClient()
        let pulling = false
        let failed: unknown
        const pull = () => {
          if (pulling) return
          pulling = true
          watched
            .next()
            .then(({ value }) => client.apply(value, world.lastList()))
            .catch((error) => {
              failed ??= error
            })
            .finally(() => {
              pulling = false
            })
        }
        for (const { do: what, pick, carries } of actions) {
          if (what === 'pull') pull()
          else world.act(what, pick, carries)
          await setImmediate()
          if (failed) throw failed
        }
        while (!pulling || world.isBusy()) {
          pull()
          world.finish()
          await setImmediate()
          if (failed) throw failed
        }
        client.compare(world.pending(), world.lastList())
        await watched.return?.()
        expect(world.listeners()).toBe(0)
      },
    ),
    { numRuns: 1_000 },
  )
})

/** What was not in the last snapshot: it was decided by then, or is beyond the window. */
type List = { readonly gone: ReadonlySet<string>; readonly beyond: ReadonlySet<string> }

/** Approvals whose reads and news take as long as the test likes. */
function slowWorld({ store }: Scene) {
  type Gate = { readonly open: () => void; readonly news: boolean }
  const records = new Map<string, ApprovalRecord>()
  const gates: Gate[] = []
  const feed = manualFeed()
  const runId = newRunId()
  let failing = false
  let now = 1_000_000
  const written = new Map<string, ApprovalRecord>()
  let lastList: List = { gone: new Set(), beyond: new Set() }

  const gate = () => new Promise<void>((open) => gates.push({ open, news: false }))
  const tell = (news: News) => void gates.push({ open: () => feed.tell(news), news: true })
  async function read<Value>(look: () => Value): Promise<Value> {
    await gate()
    if (failing) {
      failing = false
      throw new CountersignError('STORE_UNAVAILABLE', 'away')
    }
    const value = look()
    await gate()
    return value
  }
  const placeOf = (id: string, revision: number) => `${id} ${revision}`
  function write(record: ApprovalRecord, carries: boolean) {
    records.set(record.id, record)
    written.set(placeOf(record.id, record.revision), record)
    tellOf(record.id, record.revision, carries)
  }
  function tellOf(id: ApprovalRecord['id'], revision: number, carries: boolean) {
    const record = carries ? written.get(placeOf(id, revision)) : undefined
    tell({ kind: 'approval', id, revision, runId, ...(record && { record }) })
  }
  const pending = () => [...records.values()].filter(({ status }) => status === 'PENDING')
  const approvals: Store['approvals'] = {
    ...store.approvals,
    get: (id) => read(() => records.get(id) ?? null),
    getMany: (ids) => read(() => ids.flatMap((id) => records.get(id) ?? [])),
    list: (_filter, _order, { limit }) =>
      read(() => {
        const ids = pending().map(({ id }) => id)
        const gone = new Set(records.keys()).difference(new Set(ids))
        lastList = { gone, beyond: new Set(ids.slice(limit - 1)) }
        return pending().slice(0, limit)
      }),
  }
  const { hub, listeners } = countingHub(feed)
  const of = { id: runId, tenant: 'default', agentName: 'support', requestedBy: requester.id }

  return {
    engine: { store: { ...store, approvals, now: () => now }, hub },
    listeners,
    pending,
    lastList: () => lastList,
    act(what: Exclude<Action['do'], 'pull'>, pick: number, carries: boolean) {
      now += pick
      const choose = <Item>(items: readonly Item[]) => items[pick % Math.max(1, items.length)]
      const one = choose(pending())
      if (what === 'create') write(pendingApproval(of, 2, records.size, now), carries)
      if (what === 'touch' && one) write({ ...one, revision: one.revision + 1 }, carries)
      if (what === 'decide' && one) {
        const decided = { status: 'APPROVED', resolution: resolution('APPROVED', now) } as const
        write({ ...one, ...decided, revision: one.revision + 1 }, carries)
      }
      const any = choose([...records.values()])
      if (what === 'again' && any) {
        tellOf(any.id, 1 + (pick % any.revision), carries)
      }
      const news = choose(gates.filter((gate) => gate.news))
      if (what === 'lose' && news) {
        gates.splice(gates.indexOf(news), 1)
        tell({ kind: 'missed' })
      }
      if (what === 'break') failing = true
      if (what === 'tick') vi.runAllTimers()
      if (what === 'open') gates.splice(pick % Math.max(1, gates.length), 1)[0]?.open()
    },
    isBusy: () => gates.length > 0 || vi.getTimerCount() > 0,
    finish() {
      failing = false
      vi.runAllTimers()
      for (const { open } of gates.splice(0)) open()
    },
  }
}

/** A client that applies the events and says where they break a promise. */
function checkingClient() {
  const known = new Map<string, number>()
  const highest = new Map<string, number>()
  const removed = new Set<string>()

  function see({ id, revision }: ApprovalRecord) {
    expect(removed, 'what was removed does not come back').not.toContain(id)
    expect(revision, 'revisions do not fall').toBeGreaterThanOrEqual(highest.get(id) ?? 0)
    highest.set(id, revision)
  }

  return {
    apply(event: PendingEvent, { gone }: List) {
      if (event.__typename === 'PendingApprovalsSnapshot') {
        expect(event.reason).toBe(highest.size === 0 && known.size === 0 ? event.reason : 'RESYNC')
        known.clear()
        for (const approval of event.approvals) {
          see(approval)
          known.set(approval.id, approval.revision)
        }
        return
      }
      const { id, revision } = event.approval
      see(event.approval)
      expect(revision, 'each revision at most once').toBeGreaterThan(known.get(id) ?? 0)
      if (event.__typename !== 'PendingApprovalRemoved') {
        expect(gone, 'what was decided before the snapshot is not told as pending after it').not.toContain(id)
      }
      switch (event.__typename) {
        case 'PendingApprovalAdded':
          expect(known.has(id), 'added is what was not known').toBe(false)
          known.set(id, revision)
          break
        case 'PendingApprovalChanged':
          expect(known.has(id), 'changed is what was known').toBe(true)
          known.set(id, revision)
          break
        case 'PendingApprovalRemoved':
          known.delete(id)
          removed.add(id)
      }
    },
    /** The client knows all that is pending, but for what is beyond the window and did not change since. */
    compare(pending: readonly ApprovalRecord[], { beyond }: List) {
      const expected = pending.filter(({ id }) => known.has(id) || !beyond.has(id))
      expect(Object.fromEntries(known)).toEqual(Object.fromEntries(expected.map(({ id, revision }) => [id, revision])))
    },
  }
}
