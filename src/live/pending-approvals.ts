import type { Principal } from '../access/principal.ts'
import { approvalFilter, type PendingApprovalListFilter } from '../approvals/read.ts'
import type { Engine } from '../engine.ts'
import { CountersignError } from '../errors.ts'
import type { ApprovalId } from '../ids.ts'
import type { ApprovalRecord } from '../store/records.ts'
import type { ApprovalFilter } from '../store/store.ts'
import { type ApprovalNews, approvalReaderOf, clocksApartMs } from './approval-news.ts'
import { openChannel, type Taken } from './channel.ts'

export type PendingApprovalsInput = {
  readonly filter?: PendingApprovalListFilter | null
  /** How many a snapshot has, the oldest: 1 to 1,000. Default 200. */
  readonly first?: number | null
}

/** `at`, in ms since 1970: when the snapshot was read, or when the approval changed. */
export type PendingEvent =
  | {
      readonly __typename: 'PendingApprovalsSnapshot'
      readonly at: number
      /** RESYNC: changes may have been missed; this replaces all that was told before. */
      readonly reason: 'INITIAL' | 'RESYNC'
      readonly approvals: readonly ApprovalRecord[]
      readonly hasNextPage: boolean
    }
  | {
      /** Added: told of for the first time since the snapshot. Removed: it is pending no more, also when it was not told of before. */
      readonly __typename: 'PendingApprovalAdded' | 'PendingApprovalChanged' | 'PendingApprovalRemoved'
      readonly at: number
      readonly approval: ApprovalRecord
    }

type Changed = Extract<ApprovalNews, { kind: 'changed' }>

/** How many changed approvals wait for a consumer that does not pull; one more, and it gets a snapshot instead. */
const queueAtMost = 1_000
/** How many pending approvals a consumer is known to know; one more, and a snapshot begins anew. */
const knownAtMost = 10_000

/**
 * First a snapshot, then every change of every match. Revisions of an approval rise; what was removed does not come back.
 *
 * @throws CountersignError BAD_USER_INPUT when `first` is not from 1 to 1,000.
 */
export function watchPendingApprovals(
  engine: Pick<Engine, 'store' | 'hub'>,
  principal: Principal,
  { filter: asked, first: given }: PendingApprovalsInput,
): AsyncIterableIterator<PendingEvent> {
  const { store } = engine
  const first = given ?? 200
  if (!Number.isInteger(first) || first < 1 || first > 1_000) {
    throw new CountersignError('BAD_USER_INPUT', `\`first\` must be from 1 to 1000, and it is ${first}.`)
  }
  const filter = approvalFilter(principal, asked ?? {})
  const reader = approvalReaderOf(engine)

  const queue = new Map<ApprovalId, Changed>()
  /** The pending approvals that the consumer was told of, with the revision it knows. */
  const known = new Map<ApprovalId, number>()
  let reason: 'INITIAL' | 'RESYNC' = 'INITIAL'
  /** The next pull reads a snapshot; until then nothing needs to be kept. */
  let snapshotDue = true
  /** The last read of changes that began before the last snapshot was read: what it brought may be older than the snapshot. */
  let lastReadBefore = 0
  let lastSnapshotAt = 0

  function resync() {
    snapshotDue = true
    queue.clear()
  }

  /** Whether there is something to pull now. */
  function hear(news: ApprovalNews): boolean {
    if (news.kind === 'missed') resync()
    if (snapshotDue) return true
    if (news.kind === 'missed' || !filter || !matches(filter, news.approval)) return false
    queue.set(news.approval.id, news)
    if (queue.size > queueAtMost) resync()
    return true
  }

  async function take(): Promise<Taken<PendingEvent>> {
    if (snapshotDue) return { value: await snapshot() }
    for (const [id, news] of queue) {
      queue.delete(id)
      const value = await eventOf(news)
      if (value) return { value }
    }
    return 'nothing yet'
  }

  async function snapshot(): Promise<PendingEvent> {
    snapshotDue = false // from here on changes are kept: they may be newer than what the list finds
    const page = { limit: first + 1 }
    const found = filter
      ? await orResync(() => store.approvals.list({ ...filter, status: ['PENDING'] }, 'OLDEST_FIRST', page))
      : []
    lastReadBefore = reader.lastRead
    const approvals = found.slice(0, first)
    known.clear()
    for (const { id, revision } of approvals) known.set(id, revision)
    lastSnapshotAt = store.now()
    reader.snapshotRead(lastSnapshotAt)
    const event = { at: lastSnapshotAt, reason, approvals, hasNextPage: found.length > first }
    reason = 'RESYNC'
    return { __typename: 'PendingApprovalsSnapshot', ...event }
  }

  async function eventOf({ approval, read }: Changed): Promise<PendingEvent | null> {
    const { id, status, revision, createdAt, updatedAt: at } = approval
    const before = known.get(id)
    if (before !== undefined && before >= revision) return null
    if (status !== 'PENDING') {
      known.delete(id)
      // An audit record is written with its answer: it never was pending.
      return approval.type === 'AUDIT' ? null : { __typename: 'PendingApprovalRemoved', at, approval }
    }
    const isAfterSnapshot = read > lastReadBefore || createdAt > lastSnapshotAt + clocksApartMs
    if (before === undefined && !isAfterSnapshot) return stillPending(id)
    return present(approval)
  }

  /** Perhaps from before the snapshot, and not in it: beyond its window, newer, or decided in between. Only a later look can tell. */
  async function stillPending(id: ApprovalId): Promise<PendingEvent | null> {
    const approval = await orResync(() => store.approvals.get(id))
    // If it was decided meanwhile, the news of that is on its way.
    return approval?.status === 'PENDING' ? present(approval) : null
  }

  function present(approval: ApprovalRecord): PendingEvent {
    const isNew = !known.has(approval.id)
    known.set(approval.id, approval.revision)
    if (known.size > knownAtMost) resync()
    return { __typename: isNew ? 'PendingApprovalAdded' : 'PendingApprovalChanged', at: approval.updatedAt, approval }
  }

  /** A read that fails takes what it was read for with it. */
  async function orResync<Value>(read: () => Promise<Value>): Promise<Value> {
    try {
      return await read()
    } catch (error) {
      resync()
      throw error
    }
  }

  return openChannel({
    attach: (wake) =>
      reader.listen((news) => {
        if (hear(news)) wake()
      }),
    take,
  })
}

/** By what never changes in an approval, and so in memory; the store does the same for lists. */
const matches = (filter: ApprovalFilter, approval: ApprovalRecord): boolean =>
  approval.tenant === filter.visible.tenant &&
  (filter.visible.requestedBy ?? approval.requestedBy) === approval.requestedBy &&
  (filter.runId ?? approval.runId) === approval.runId &&
  isAmong(filter.type, approval.type) &&
  isAmong(filter.kind, approval.kind) &&
  isAmong(filter.agentName, approval.agentName) &&
  isAmong(filter.toolName, approval.toolName) &&
  isAmong(filter.requestedBy, approval.requestedBy)

const isAmong = <Value>(allowed: readonly Value[] | undefined, value: Value) => allowed?.includes(value) ?? true
