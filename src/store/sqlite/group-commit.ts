import type { News } from '../store.ts'
import type { Database } from './database.ts'
import { storeError } from './errors.ts'

/** A write's own work, synchronous, told apart from its transaction; it may be run again when its batch was discarded. */
export type Work<Result> = (tell: (news: News) => void) => Result

/**
 * Writes that arrive in the same tick share one transaction and so one sync of the disk, run one after the other. One
 * that throws takes back only itself: the batch is done again with a savepoint for each, and when even that ends the
 * transaction (a full disk does), each alone. Answers come after COMMIT.
 */
export type GroupCommit = {
  write<Result>(work: Work<Result>): Promise<Result>
  /** Commits what is waiting, now. */
  flush(): void
}

type Outcome = { readonly value: unknown; readonly news: readonly News[] } | { readonly error: unknown }
/** `begun` is false when nobody could begin a transaction now: each write alone would only wait once more. */
type Discarded = { readonly error: unknown; readonly begun: boolean }
type Waiting = {
  readonly work: Work<unknown>
  readonly settle: (outcome: Outcome) => void
}

/** The process does nothing else meanwhile, so a batch is bounded. */
const maxBatch = 512

export function groupCommit(
  { connection, run }: Pick<Database, 'connection' | 'run'>,
  publish: (news: News) => void,
  onDiscard: () => void,
): GroupCommit {
  let waiting: Waiting[] = []
  let scheduled = false

  function schedule() {
    if (scheduled || waiting.length === 0) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      if (waiting.length > 0) commitBatch()
    })
  }

  function commitBatch() {
    const batch = waiting.length > maxBatch ? waiting.splice(0, maxBatch) : waiting
    if (batch === waiting) waiting = []
    schedule()
    const outcomes = commit(batch)
    for (const [index, { settle }] of batch.entries()) settle(outcomes[index] as Outcome)
    // What waits for a promise runs only after this, so the news are out before it.
    for (const outcome of outcomes) if ('news' in outcome) for (const news of outcome.news) publish(news)
  }

  /** Every outcome, in the batch's order; when it returns nothing is uncommitted. */
  function commit(batch: readonly Waiting[]): Outcome[] {
    // Hardly a write ever throws, and a savepoint costs as much as a small write: a tenth of the whole, measured.
    const outcomes = together(batch, bare)
    if (Array.isArray(outcomes)) return outcomes
    if (batch.length === 1 || !outcomes.begun) return batch.map(() => outcomes)
    const apart = together(batch, inSavepoint)
    return Array.isArray(apart) ? apart : batch.flatMap((write) => commit([write]))
  }

  /** One transaction for all, or what was in its way, and then nothing of it stands. */
  function together(batch: readonly Waiting[], perform: (write: Waiting) => Outcome): Outcome[] | Discarded {
    let begun = false
    try {
      run('BEGIN IMMEDIATE')
      begun = true
      const outcomes = batch.map(perform)
      run('COMMIT')
      return outcomes
    } catch (error) {
      onDiscard()
      if (connection.isTransaction) run('ROLLBACK')
      return { error: storeError(error), begun }
    }
  }

  function inSavepoint(write: Waiting): Outcome {
    run('SAVEPOINT one')
    try {
      const outcome = bare(write)
      run('RELEASE one')
      return outcome
    } catch (error) {
      onDiscard()
      // A full disk, for one, ends the whole transaction, and the writes before this one with it.
      if (!connection.isTransaction) throw error
      run('ROLLBACK TO one')
      run('RELEASE one')
      return { error: storeError(error) }
    }
  }

  return {
    write: <Result>(work: Work<Result>) =>
      new Promise<Result>((resolve, reject) => {
        waiting.push({
          work,
          settle: (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value as Result)),
        })
        schedule()
      }),
    flush() {
      while (waiting.length > 0) commitBatch()
    },
  }
}

function bare({ work }: Waiting): Outcome {
  const news: News[] = []
  return { value: work((one) => news.push(one)), news }
}
