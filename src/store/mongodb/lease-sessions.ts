import type { Binary, ClientSession, MongoClient } from 'mongodb'
import type { RunId } from '../../ids.ts'

/**
 * The sessions in which this process writes the steps of the runs it holds, one for each lease, and named in it. A process
 * that dies within a transaction leaves it open, and the server keeps everybody from the run for a minute; whoever
 * takes the run over knows by its lease what to end.
 */
export type LeaseSessions = Disposable & {
  /** For a lease that is about to be taken. */
  open(): ClientSession
  /** The lease was taken: the session is for its steps. */
  keep(run: Held, session: ClientSession): void
  /** For one step; null when there is none, or it is in use. To be kept again afterwards if the lease goes on and all went well. */
  take(run: Held): ClientSession | null
}
type Held = { readonly id: RunId; readonly fence: number }

/** More than a process works on at once: those of leases that were lost are let go at last. */
const mostSessions = 1_000

export function leaseSessions(client: MongoClient): LeaseSessions {
  const kept = new Map<string, ClientSession>()
  const keyOf = ({ id, fence }: Held) => `${id} ${fence}`
  return {
    open: () => client.startSession(),
    keep(run, session) {
      kept.set(keyOf(run), session)
      const [oldest] = kept
      if (oldest === undefined || kept.size <= mostSessions) return
      kept.delete(oldest[0])
      endSession(oldest[1])
    },
    take(run) {
      const session = kept.get(keyOf(run)) ?? null
      kept.delete(keyOf(run))
      return session
    },
    [Symbol.dispose]() {
      for (const session of kept.values()) endSession(session)
      kept.clear()
    },
  }
}

/** Nobody has to wait for that. */
export const endSession = (session: ClientSession): void => void session.endSession().catch(() => {})

/** What a lease says of the session: its id, as the server knows it. */
export const nameOf = (session: ClientSession): Binary | null => session.id?.id ?? null

/** Ends what former holders have left open. A user may do so with the sessions of the same user; without that right one waits. */
export async function endLeftOpen(
  client: MongoClient,
  sessions: readonly (Binary | null | undefined)[],
): Promise<void> {
  const ids = sessions.flatMap((id) => (id ? [{ id }] : []))
  if (ids.length > 0)
    await client
      .db('admin')
      .command({ killSessions: ids })
      .catch(() => {})
}
