import type { Db } from 'mongodb'

/**
 * The database's clock, as this process can tell it: its own monotonic clock, set by what the server says at the start and
 * every few seconds. However wrong or jumping this machine's time of day is, leases and deadlines are judged alike everywhere.
 */
export type DatabaseClock = Disposable & {
  now(): number
  /** Resolves once it is set again, should this machine have been suspended since: the monotonic clock may have stood still meanwhile. */
  settled(): Promise<void>
}

const everyMs = 5_000
/** An answer that took longer says little: the clock would be off by up to half of it. */
const longestAnswerMs = 500
/** By so much the time of day and the monotonic clock do not part by themselves. */
const leapMs = 1_000

export async function databaseClock(db: Db): Promise<DatabaseClock> {
  let offset = (await measure(db)) ?? (await measure(db)) ?? (await measure(db, Number.POSITIVE_INFINITY)) ?? 0
  let apart = Date.now() - performance.now()
  let setting: Promise<void> | null = null

  async function set() {
    const present = Date.now() - performance.now()
    // A server that is slow says nothing better than what is known: leases would seem over that are not.
    const measured = await measure(db)
    if (measured === null) return
    offset = measured
    apart = present
  }

  const timer = setInterval(() => {
    // When it fails the clock goes on as it was set; the next writes say that the server is away.
    set().catch(() => {})
  }, everyMs).unref()
  return {
    now: () => Math.round(performance.now() + offset),
    async settled() {
      if (Math.abs(Date.now() - performance.now() - apart) < leapMs) return
      setting ??= set().finally(() => {
        setting = null
      })
      await setting
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** What to add to `performance.now()`; null when the answer took too long. */
async function measure(db: Db, within = longestAnswerMs): Promise<number | null> {
  const asked = performance.now()
  const { localTime } = await db.admin().command({ hello: 1 })
  const answered = performance.now()
  return answered - asked > within ? null : localTime.getTime() - (asked + answered) / 2
}
