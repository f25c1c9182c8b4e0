import { type Ledger, live } from './life.ts'
import { type Script, startable } from './scripts.ts'
import type { Host, Site } from './site.ts'

/** A run on its way to a point, where it stops until the process is killed. */
type Journey = { readonly name: string; readonly script: Script; readonly point: string }

export type PointsTried = {
  readonly tried: readonly string[]
  /** Of those: seen once, and not come to again. They are where two things happen at once. */
  readonly missed: readonly string[]
  readonly kills: number
}

/** Where a run is cut off, so that what follows from that is seen. */
const cuts: readonly Omit<Journey, 'name'>[] = [
  ...['look', 'again', 'asked', 'pay'].map((tool) => ({
    script: 'beside' as const,
    point: `${tool} after its effect`,
  })),
  { script: 'beside', point: 'asked before its effect' },
  { script: 'beside', point: 'look before its effect' },
  { script: 'plain', point: 'mail after its effect' },
  { script: 'delegating', point: 'pay after its effect' },
  { script: 'two', point: 'decide APPROVED by DECISION after' },
]
/** Whoever stops there holds up everybody: a loop of the worker's, or a server in the middle of a transaction. */
const holdsUpAll = /claim what is due|renew|name a principal|approvals\.(?:unheard|due|remind)|by DEADLINE|, before /
/** How many runs are on their way at once: those that have stopped take nobody's time. */
const widest = 6
const mostTries = 3
/** How many have stopped when the process is killed: their leases are renewed until then, which a slow database has to bear. */
const mostStopped = 30

/**
 * Learns the points by watching a server that nothing happens to, and one that takes over from it. Then each run goes to a point of its own and
 * stops there, and the process is killed when all have; what is left is taken over by the next process, which is killed in the same way.
 *
 * @param isThorough Also those of a run within another that are alike, and every command of every transaction, not only the first of its kind.
 */
export async function killAtEveryPoint(site: Site, ledger: Ledger, isThorough: boolean): Promise<PointsTried> {
  const lives = new Map<string, Promise<void>>()
  /** The points, each with the script of the first run that came there and where that one was cut off before. */
  const seen = new Map<string, { readonly script: Script; readonly cut: string | null }>()
  const tried = new Set<string>()
  const reached = new Set<string>()
  let kills = 0

  const begin = (name: string, script: Script): Promise<void> => {
    const life = live(site, ledger, name, script)
    life.catch(() => {})
    lives.set(name, life)
    return life
  }
  const isOver = (name: string): AbortSignal => {
    const over = new AbortController()
    void (lives.get(name) ?? Promise.resolve()).finally(() => over.abort()).catch(() => {})
    return over.signal
  }
  async function die(host: Host) {
    await host.kill()
    kills += 1
  }
  function learn(host: Host, ways: ReadonlyMap<string, { script: Script; cut: string | null }>): string[] {
    const found: string[] = []
    for (const { run, point } of host.reached()) {
      const way = ways.get(run) ?? (run === '*' ? { script: 'two' as const, cut: null } : undefined)
      if (!way || seen.has(point)) continue
      seen.set(point, way)
      found.push(point)
    }
    return found
  }
  function note(point: string, isReached: boolean) {
    tried.add(point)
    if (isReached) reached.add(point)
  }
  /** Sends new runs off, a few at a time, until each has stopped; one that comes to its end instead is tried again. */
  async function sendAll(host: Host, journeys: readonly Journey[]) {
    const left = [...journeys]
    const sendNext = async () => {
      for (let one = left.shift(); one; one = left.shift()) note(one.point, await send(host, one))
    }
    await Promise.all(Array.from({ length: widest }, sendNext))
  }
  async function send(host: Host, { name, script, point }: Journey): Promise<boolean> {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const own = tries === 0 ? name : `${name}.${tries}`
      const isStopped = new AbortController()
      const stopped = host.stop(own, point, isStopped.signal)
      const life = begin(own, script)
      if (await Promise.race([stopped, life.then(() => false)])) return true
      isStopped.abort()
    }
    return false
  }
  /**
   * Somebody comes there, whoever it is, and the process dies of it.
   *
   * @param led One who has been led there already.
   */
  async function dieAt(host: Host, point: string, led?: Promise<void>) {
    const { script } = seen.get(point) ?? { script: 'two' }
    const over = new AbortController()
    const stopped = host.stop('*', point, over.signal)
    let isReached = false
    for (let tries = 0; tries < mostTries && !isReached; tries += 1) {
      const life = (tries === 0 && led) || begin(`last-${kills}-${tries}`, script)
      isReached = await Promise.race([stopped, life.then(() => false)])
    }
    over.abort()
    note(point, isReached)
    await die(host)
  }

  /** A process of its own for a point that holds up all: where only runs come to that were cut off before, one is. */
  async function dieAlone(point: string) {
    const { script, cut } = seen.get(point) ?? { script: 'two', cut: null }
    if (cut === null) return dieAt(site.spawn({ stops: [] }), point)
    const name = `led-${kills}`
    const before = site.spawn({ stops: [] })
    await send(before, { name, script, point: cut })
    await die(before)
    await dieAt(site.spawn({ stops: [] }), point, lives.get(name))
  }

  const plain = startable.map((script, index) => ({ name: `plain-${index}`, script }))
  const cut = cuts.map((one, index) => ({ ...one, name: `cut-${index}` }))
  const first = site.spawn({ stops: [] })
  for (const { name, script } of plain) await begin(name, script)
  learn(first, new Map(plain.map(({ name, script }) => [name, { script, cut: null }])))
  await sendAll(first, cut)
  await die(first)

  // A run that an agent asked for goes much the same way.
  const isTried = (point: string) =>
    !holdsUpAll.test(point) && (isThorough || !point.startsWith('inner: ') || !seen.has(point.slice('inner: '.length)))
  const ordinary = [...seen].filter(([point]) => isTried(point))
  const direct = ordinary.map(([point, { script }], index) => ({ name: `direct-${index}`, script, point }))
  // They leave decisions behind that nobody has heard of.
  const deciding = direct.filter(({ point }) => point.startsWith('decide '))

  const second = site.spawn({ stops: [] })
  await Promise.all(cut.map(({ name }) => lives.get(name)))
  const later = learn(second, new Map(cut.map(({ name, script, point }) => [name, { script, cut: point }])))
  const afterwards = later
    .filter(isTried)
    .map((point, index) => ({ ...(seen.get(point) ?? { script: 'two', cut: null }), name: `again-${index}`, point }))
  await sendAll(
    second,
    afterwards.flatMap(({ name, script, cut }) => (cut === null ? [] : [{ name, script, point: cut }])),
  )
  await sendAll(second, deciding)
  await dieAt(second, 'renew before')

  // What nobody has heard of is looked for before anything else: it is not even up.
  await dieAtOnce(['approvals.unheard, finding some, after'])

  const third = site.spawn({ stops: [] })
  const arrivals = afterwards.map(async ({ name, point }) => {
    note(point, await third.stop(name, point, isOver(name)))
  })
  await Promise.all(arrivals)
  await dieAt(third, 'renew after')

  const others = direct.filter((journey) => !deciding.includes(journey))
  while (others.length > 0) {
    const host = site.spawn({ stops: [] })
    await sendAll(host, others.splice(0, mostStopped))
    await die(host)
  }

  await dieAtOnce(['claim what is due, finding some, after', 'name a principal before'])
  await dieAtOnce(['claim what is due before', 'name a principal after'])
  // In a transaction one waits, and so do the others on the stand-in.
  const within = [...seen.keys()].filter((point) => point.includes(', before '))
  const kinds = Map.groupBy(within, (point) => point.slice(point.indexOf(', before ')))
  const loops = [...seen.keys()].filter(
    (point) => /by DEADLINE|approvals\.remind/.test(point) && !within.includes(point),
  )
  // One that a run comes to by itself takes half the time.
  const oneOf = (kind: readonly string[]) => kind.find((point) => seen.get(point)?.cut === null) ?? kind[0] ?? []
  for (const point of [...loops, ...(isThorough ? within : [...kinds.values()].flatMap(oneOf))]) await dieAlone(point)

  const last = site.spawn()
  await Promise.all(lives.values())
  await last.kill()
  return { tried: [...tried], missed: [...tried.difference(reached)], kills }

  async function dieAtOnce(points: readonly string[]) {
    const host = site.spawn({ stops: points })
    const over = AbortSignal.timeout(60_000)
    for (const point of points) note(point, await host.stop('*', point, over))
    await die(host)
  }
}
