import { setTimeout as delay } from 'node:timers/promises'
import { type Ledger, live } from './life.ts'
import { openLine } from './line.ts'
import { startable } from './scripts.ts'
import type { Host, Site } from './site.ts'

/** What befalls one of several processes. */
export const troubles = ['killed', 'asleep', 'cut off'] as const
export type Trouble = (typeof troubles)[number]

export type SeveralOptions = {
  readonly processes: number
  readonly random: () => number
  /** How many runs are under way at once. */
  readonly width: number
  /** What comes next, and null when it is enough. */
  readonly next: (befallen: number) => Trouble | null
}

/** Several processes share the work; again and again one of them dies, sleeps past its leases or loses its database, and comes back. Gives how often. */
export async function troubleOneAtATime(site: Site, ledger: Ledger, options: SeveralOptions): Promise<number> {
  const { processes, random, width, next } = options
  await using lines = new AsyncDisposableStack()
  const line = lines.use(await openLine(site.database))
  // Only the first one can be cut off, and it is the one.
  const hosts: Host[] = [site.spawn({ database: line.url })]
  while (hosts.length < processes) hosts.push(site.spawn())
  await Promise.all(hosts.map(({ up }) => up))
  let begun = 0
  let befallen = 0
  let isEnding = false
  const keepBusy = async () => {
    while (!isEnding) {
      const script = startable[Math.floor(random() * startable.length)] ?? 'beside'
      await live(site, ledger, `shared-${begun++}`, script)
    }
  }
  const people = Promise.all(Array.from({ length: width }, keepBusy))
  people.catch(() => {
    isEnding = true
  })
  /** In the middle of the work, and long enough for others to take it over. */
  const aMoment = () => delay(random() * site.leaseMs)
  const longerThanALease = () => delay((1.2 + random()) * site.leaseMs)
  for (let trouble = next(0); trouble !== null && !isEnding; trouble = next(befallen)) {
    const index = trouble === 'cut off' ? 0 : Math.floor(random() * hosts.length)
    const [host] = hosts.slice(index)
    if (!host) throw new Error('There is no such process.')
    await aMoment()
    if (trouble === 'killed') {
      await host.kill()
      await longerThanALease()
      const another = site.spawn(index === 0 ? { database: line.url } : {})
      hosts[index] = another
      await another.up
    } else if (trouble === 'asleep') {
      host.sleep()
      await longerThanALease()
      await host.wake()
    } else {
      line.cut()
      host.leave()
      await longerThanALease()
      line.mend()
      await host.comeBack()
    }
    befallen += 1
  }
  isEnding = true
  await people
  await Promise.all(hosts.map((host) => host.kill()))
  return befallen
}
