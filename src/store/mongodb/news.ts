import { randomUUID } from 'node:crypto'
import type { RunId } from '../../ids.ts'
import type { ApprovalRecord, RunRecord } from '../records.ts'
import type { News } from '../store.ts'

/** What this process wrote, told at once. */
export type Tell = {
  /** Another one each time, to be put into what is written: the change stream leaves out what bears one. */
  mark(): string
  run(run: RunRecord): void
  signal(run: RunRecord): void
  approval(approval: ApprovalRecord): void
  /** Of one whose record is not at hand. */
  approvalAt(changed: Pick<ApprovalRecord, 'id' | 'revision' | 'runId'>): void
  /** Something may have been written of which nobody was told. */
  missed(): void
}

/** Tells each change once, whichever way it comes first: from the writer in this process or from the change stream. */
export type Announcer = Tell & {
  /** What all marks of this process begin with. */
  readonly writer: string
  /** What the stream brings of a run: that it has this entry, or (`seq` 0) that it was signalled for the `signals`th time. */
  changed(id: RunId, change: { readonly seq: number } | { readonly signals: number }): void
  listen(sink: (news: News) => void): Disposable
  close(): void
}

/** A stream that lags further behind brings some changes twice, which does no harm. */
const rememberAtMost = 10_000

export function announcer(): Announcer {
  const sinks = new Set<{ readonly sink: (news: News) => void }>()
  const told = new Set<string>()
  const writer = `${randomUUID()}:`
  let marks = 0

  const tellAll = (news: News) => {
    for (const { sink } of sinks) sink(news)
  }
  function tell(change: string, news: News) {
    // The second time is the last: it need not be remembered longer.
    if (told.delete(change)) return
    told.add(change)
    const [oldest] = told
    if (oldest !== undefined && told.size > rememberAtMost) told.delete(oldest)
    tellAll(news)
  }

  return {
    writer,
    mark: () => `${writer}${++marks}`,
    run: (record) => tell(`${record.id} ${record.seq}`, newsOf(record)),
    signal: (record) => tell(`${record.id} signal ${record.signals}`, newsOf(record)),
    changed: (id, change) =>
      'seq' in change
        ? tell(`${id} ${change.seq}`, { kind: 'run', id, seq: change.seq })
        : tell(`${id} signal ${change.signals}`, { kind: 'run', id, seq: 0 }),
    approval: (record) => {
      const { id, revision, runId } = record
      tell(`${id} ${revision}`, { kind: 'approval', id, revision, runId, record })
    },
    approvalAt: ({ id, revision, runId }) => tell(`${id} ${revision}`, { kind: 'approval', id, revision, runId }),
    missed() {
      told.clear()
      tellAll({ kind: 'missed' })
    },
    listen(sink) {
      const subscription = { sink }
      sinks.add(subscription)
      return { [Symbol.dispose]: () => void sinks.delete(subscription) }
    },
    close: () => sinks.clear(),
  }
}

const newsOf = (record: RunRecord): News => ({ kind: 'run', id: record.id, seq: record.seq, record })
