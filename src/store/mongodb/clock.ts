import type { Db } from 'mongodb'

/**
 * The database's clock, as this process can tell it: its own monotonic clock, set by what the server says at the start and
 * every few seconds. However wrong or jumping this machine's time of day is, leases and deadlines are judged alike everywhere.
 */
export type DatabaseClock = Disposable & { now(): number }

const everyMs = 5_000
/** An answer that took longer says little: the clock is off by at most half of it. */
const longestAnswerMs = 500

export async function databaseClock(db: Db): Promise<DatabaseClock> {
  let offset = await measure(db)
  const timer = setInterval(() => {
    measure(db).then(
      (measured) => {
        offset = measured
      },
      // The clock goes on as it was set; the next writes say that the server is away.
      () => {},
    )
  }, everyMs).unref()
  return {
    now: () => Math.round(performance.now() + offset),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** What to add to `performance.now()`. */
async function measure(db: Db, tries = 3): Promise<number> {
  const asked = performance.now()
  const { localTime } = await db.admin().command({ hello: 1 })
  const answered = performance.now()
  if (answered - asked > longestAnswerMs && tries > 1) return measure(db, tries - 1)
  return localTime.getTime() - (asked + answered) / 2
}
