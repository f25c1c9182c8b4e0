import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChangeStream, Db, Document } from 'mongodb'
import type { ApprovalId, RunId } from '../../ids.ts'
import { callIdOf, runIdOfCall } from '../../ids.ts'
import { type ApprovalDocument, toApproval, v } from './documents.ts'
import type { Announcer } from './news.ts'

/** What is asked of the stream: which document of which collection, of its change only what is news, and a new approval as it was written. */
type Change = {
  readonly ns: { readonly coll: string }
  readonly documentKey: { readonly _id: string }
  readonly fullDocument?: Changed
  readonly updateDescription?: { readonly updatedFields: Changed }
  readonly proposed?: ApprovalDocument
}
type Changed = { readonly seq?: number; readonly signals?: number; readonly revision?: number }

export type Feed = AsyncDisposable & {
  /** A write of this process may stand although nobody was told: for a while the stream brings this process's own as well. */
  doubt(): void
}

const longestWaitMs = 1_000
/** In ms. What is sent to a server is done by then or never: it ends by itself a transaction that is open for a minute. */
const doubtMs = 120_000

/**
 * Tells what other processes wrote, by one change stream for this process. When the stream fails, for whatever reason, it
 * is opened anew and `missed` is told: nobody relies on what was lost in between. Open when this resolves.
 */
export async function openFeed(db: Db, prefix: string, announce: Announcer): Promise<Feed> {
  const runs = `${prefix}runs`
  const closing = new AbortController()
  let isInDoubt = false
  let doubt: NodeJS.Timeout | undefined
  const openStream = () => open(db, runs, `${prefix}approvals`, isInDoubt ? null : announce.writer)
  let opened = await openStream()

  function setDoubt(inDoubt: boolean) {
    if (isInDoubt === inDoubt) return
    isInDoubt = inDoubt
    // Whoever follows it opens another, and tells that something may have been missed.
    opened.stream.close().catch(() => {})
  }

  /** Until the stream fails. */
  async function follow({ stream, first }: Opened): Promise<never> {
    for (let change = await first; ; change = await stream.next()) announceChange(change)
  }

  async function followForever(): Promise<void> {
    for (;;) {
      await follow(opened).catch(() => opened.stream.close().catch(() => {}))
      const again = await openAgain()
      if (again === null) return
      opened = again
      announce.missed()
    }
  }

  /** Null when the store is closed. */
  async function openAgain(): Promise<Opened | null> {
    for (let wait = 25; ; wait = Math.min(wait * 2, longestWaitMs)) {
      await delay(wait, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return null
      const withOwn = isInDoubt
      const again = await openStream().catch(() => null)
      // Closed in the meantime: whoever closes waits for the stream that there was.
      if (closing.signal.aborted || withOwn !== isInDoubt) await again?.stream.close().catch(() => {})
      else if (again !== null) return again
    }
  }

  function announceChange({ ns, documentKey, fullDocument, updateDescription, proposed }: Change) {
    const { seq, signals, revision } = fullDocument ?? updateDescription?.updatedFields ?? {}
    if (ns.coll !== runs) {
      const id = documentKey._id as ApprovalId
      // One of another version is refused where it is asked for.
      if (proposed?.v === v) announce.approval(toApproval(proposed))
      else if (revision !== undefined) announce.approvalAt({ id, revision, runId: runIdOfCall(callIdOf(id)) })
      return
    }
    const id = documentKey._id as RunId
    if (seq !== undefined) announce.changed(id, { seq })
    else if (signals !== undefined) announce.changed(id, { signals })
  }

  void followForever()
  return {
    doubt() {
      clearTimeout(doubt)
      doubt = setTimeout(setDoubt, doubtMs, false).unref()
      setDoubt(true)
    },
    // A stream that is being resumed just now hears of no closing: it ends with the client, which is closed next.
    async [Symbol.asyncDispose]() {
      closing.abort()
      clearTimeout(doubt)
      await opened.stream.close().catch(() => {})
    },
  }
}

type Opened = { readonly stream: ChangeStream<Document, Change>; readonly first: Promise<Change> }

/** @param writer Whose writes are left out; nobody's when null. */
async function open(db: Db, runs: string, approvals: string, writer: string | null): Promise<Opened> {
  const fields = ['seq', 'signals', 'revision']
  const own = new RegExp(`^${writer}`)
  const stream = db.watch<Document, Change>([
    {
      $match: {
        'ns.coll': { $in: [runs, approvals] },
        $or: [
          { operationType: { $in: ['insert', 'replace'] } },
          ...fields.map((field) => ({ [`updateDescription.updatedFields.${field}`]: { $exists: true } })),
        ],
        ...(writer !== null && {
          'fullDocument.by': { $not: own },
          'updateDescription.updatedFields.by': { $not: own },
        }),
      },
    },
    {
      $project: {
        ...Object.fromEntries(
          [
            'ns.coll',
            'documentKey',
            ...fields.flatMap((field) => [`fullDocument.${field}`, `updateDescription.updatedFields.${field}`]),
          ].map((path) => [path, 1]),
        ),
        proposed: { $cond: [{ $eq: ['$ns.coll', approvals] }, '$fullDocument', '$$REMOVE'] },
      },
    },
  ])
  try {
    // It is opened by the first question only: what changed before the server has answered that would be lost.
    const answered = once(stream, 'resumeTokenChanged')
    const first = stream.next()
    first.catch(() => {})
    await Promise.race([first, answered])
    return { stream, first }
  } catch (error) {
    await stream.close().catch(() => {})
    throw error
  }
}
