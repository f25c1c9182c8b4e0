import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from '../engine.ts'
import type { ApprovalId } from '../ids.ts'
import type { ApprovalRecord } from '../store/records.ts'
import type { News } from '../store/store.ts'
import type { Hub } from './hub.ts'

/**
 * An approval as it was read after news of it, with the number of that read; 0 when it came with the news and may be as old as those. `missed`:
 * changes may have gone unread.
 */
export type ApprovalNews =
  | { readonly kind: 'changed'; readonly approval: ApprovalRecord; readonly read: number }
  | { readonly kind: 'missed' }

/**
 * Reads what changed once for all who listen, unless the news has it. One read at a time, so that what is told of an approval
 * never goes back; each revision is told once. Listeners must not throw.
 */
export type ApprovalReader = {
  listen(listener: (news: ApprovalNews) => void): Disposable
  /** The number of the last read that began. What a later one brings is at least as new as everything committed by now. */
  readonly lastRead: number
  /** Somebody has read what there is, at this time of the store. What comes with news from about then is read again, once for all. */
  snapshotRead(at: number): void
}

/** By how much the clocks of two processes may differ. */
export const clocksApartMs = 2_000

const batchSize = 100
/** Told longer ago, an approval may be told of again, as the store has it: the feed does not lag so far behind. */
const rememberMs = 10 * 60_000
const rememberAtMost = 100_000
const waitAtMost = 10_000
const againMs = 100
const mostTries = 50

const readers = new WeakMap<Hub, ApprovalReader>()

/** The one reader of this process (of this hub). It is attached to the hub while somebody listens to it. */
export function approvalReaderOf(engine: Pick<Engine, 'store' | 'hub'>): ApprovalReader {
  const reader = readers.get(engine.hub) ?? createApprovalReader(engine)
  readers.set(engine.hub, reader)
  return reader
}

function createApprovalReader({ store, hub }: Pick<Engine, 'store' | 'hub'>): ApprovalReader {
  const listeners = new Set<(news: ApprovalNews) => void>()
  /** By id the revision that news came of, and how often it was looked for. */
  const unread = new Map<ApprovalId, { readonly revision: number; readonly tries: number }>()
  /** The highest revision told, the longest ago first. */
  const told = new Map<ApprovalId, { readonly revision: number; readonly at: number }>()
  let lastRead = 0
  let lastSnapshotAt = Number.NEGATIVE_INFINITY
  let reading = false
  let attached: Disposable | undefined

  const tellAll = (news: ApprovalNews) => {
    for (const listener of listeners) listener(news)
  }

  /** Nothing is lost silently: who listens reads everything anew. */
  function giveUp() {
    unread.clear()
    tellAll({ kind: 'missed' })
  }

  function hear(news: News) {
    if (news.kind === 'run') return
    if (news.kind === 'missed') return giveUp()
    if (revisionTold(news.id) >= news.revision) return
    if (news.record && news.record.createdAt > lastSnapshotAt + clocksApartMs) return tell(news.record, 0)
    unread.set(news.id, { revision: news.revision, tries: 0 })
    if (unread.size > waitAtMost) return giveUp()
    if (reading) return
    reading = true
    // Not at once: what one write changed is told in one go, and is read in one go.
    queueMicrotask(readOn)
  }

  async function readOn() {
    while (unread.size > 0) {
      const batch = new Map([...unread].slice(0, batchSize))
      for (const id of batch.keys()) unread.delete(id)
      lastRead += 1
      const read = lastRead
      const approvals = await getMany([...batch.keys()])
      if (approvals === null) giveUp()
      else for (const approval of approvals) tell(approval, read)
      const late = approvals?.filter(({ id, revision }) => revision < (batch.get(id)?.revision ?? 0)) ?? []
      if (late.length > 0) await lookAgain(late, batch)
    }
    reading = false
  }

  /** The feed may be ahead of what is read, while a database changes its primary: what it told of is looked for until it is there. */
  async function lookAgain(late: readonly ApprovalRecord[], batch: typeof unread) {
    await delay(againMs)
    for (const { id } of late) {
      const { revision = 0, tries = 0 } = batch.get(id) ?? {}
      if (tries < mostTries && !unread.has(id)) unread.set(id, { revision, tries: tries + 1 })
    }
  }

  async function getMany(ids: readonly ApprovalId[]): Promise<ApprovalRecord[] | null> {
    try {
      return await store.approvals.getMany(ids)
    } catch {
      return null // who listens reads anew, and meets the error where it can be told
    }
  }

  function tell(approval: ApprovalRecord, read: number) {
    const { id, revision } = approval
    if (revisionTold(id) >= revision) return
    told.delete(id)
    told.set(id, { revision, at: store.now() })
    forget()
    tellAll({ kind: 'changed', approval, read })
  }

  const revisionTold = (id: ApprovalId) => told.get(id)?.revision ?? 0

  function forget() {
    const since = store.now() - rememberMs
    for (const [id, { at }] of told) {
      if (at >= since && told.size <= rememberAtMost) return
      told.delete(id)
    }
  }

  return {
    listen(listener) {
      listeners.add(listener)
      attached ??= hub.listen(hear)
      return {
        [Symbol.dispose]() {
          listeners.delete(listener)
          if (listeners.size > 0) return
          attached?.[Symbol.dispose]()
          attached = undefined
          unread.clear()
        },
      }
    },
    get lastRead() {
      return lastRead
    },
    snapshotRead(at) {
      lastSnapshotAt = Math.max(lastSnapshotAt, at)
    },
  }
}
