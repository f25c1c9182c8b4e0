/** As many at a time, so that neither sockets nor processors run out. */
export async function inBatches(count: number, size: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += size) {
    await Promise.all(Array.from({ length: Math.min(size, count - from) }, (_, index) => work(from + index)))
  }
}
