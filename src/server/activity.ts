/** What is under way, so that stopping can wait for it. */
export type Activity = {
  /** Counts until the promise settles, and gives it back. */
  track<T>(work: Promise<T>): Promise<T>
  /** Resolves as soon as nothing is under way. */
  settled(): Promise<void>
}

export function createActivity(): Activity {
  const underWay = new Set<Promise<unknown>>()
  return {
    track(work) {
      underWay.add(work)
      const done = () => void underWay.delete(work)
      work.then(done, done)
      return work
    },
    async settled() {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
  }
}
