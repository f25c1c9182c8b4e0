import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MongoClient } from 'mongodb'
import type { Authenticate } from '../src/access/authenticate.ts'
import { createServer, type Server } from '../src/server/server.ts'
import { isMongoUrl } from '../src/store/mongodb/url.ts'
import { answer, cpuMs } from './child.ts'
import { monitored } from './commands.ts'
import { watchCommits } from './commits.ts'
import { benchAgent, quiet } from './cycle.ts'
import { monotonicMs } from './monotonic.ts'

let server: Server | undefined
let toolCalls = 0
let arrivedAt = 0
let committedAt = 0
/** From a request's arrival to the tool's first line, in ms: of calls nobody has asked for yet. */
const latencies: number[] = []
let onLatency: (() => void) | undefined
let watching: MongoClient | undefined
const arrivals: number[] = []
let onArrival: (() => void) | undefined

const agent = benchAgent(() => {
  toolCalls += 1
  if (arrivedAt === 0) return
  latencies.push(performance.now() - arrivedAt)
  onLatency?.()
})

const authenticate: Authenticate = (token) => {
  if (token === 'requester') return { id: 'rita', name: 'Rita Requester', roles: ['REQUESTER'] }
  if (token === 'approver') return { id: 'ada', name: 'Ada Approver', roles: ['APPROVER'] }
  // One of many.
  if (token?.startsWith('approver-')) return { id: token, roles: ['APPROVER'] }
  return null
}

const handlers = {
  async listen(database: string): Promise<string> {
    server = createServer({
      agents: [agent],
      database,
      authenticate,
      rateLimits: { startRunPerMinute: 0 },
      logger: quiet,
    })
    const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
    return url
  },
  cpuMs,
  toolCalls: () => toolCalls,
  /** From here on notes when requests arrive: when Node has read their head, before any of our code. */
  watchArrivals() {
    subscribe('http.server.request.start', () => {
      arrivedAt = performance.now()
    })
  },
  /** How long the next tool call came after the last request before it, in ms. */
  async nextLatency(): Promise<number> {
    while (latencies.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      onLatency = resolve
      await promise
    }
    return latencies.shift() ?? 0
  },
  /** As `listen`, and notes when a transaction is through that proposes an approval. */
  async listenWatchingCommits(database: string): Promise<string> {
    const kind = isMongoUrl(database) ? 'mongodb' : 'sqlite'
    watchCommits[kind]((at) => {
      committedAt = at
    })
    return handlers.listen(kind === 'mongodb' ? monitored(database) : database)
  },
  lastCommit: () => committedAt,
  /** Beside the server a change stream of the driver alone, on approvals; notes when it brings a new one. */
  async watchBare(database: string) {
    watching = new MongoClient(database)
    const stream = watching
      .db()
      .collection('approvals')
      .watch([{ $match: { operationType: 'insert' } }])
    // It ends with its client, which is no news.
    stream.on('error', () => {})
    stream.on('change', () => {
      arrivals.push(monotonicMs())
      onArrival?.()
    })
    await once(stream, 'resumeTokenChanged')
  },
  /** When the next new approval came by the bare change stream. */
  async nextArrival(): Promise<number> {
    while (arrivals.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      onArrival = resolve
      await promise
    }
    return arrivals.shift() ?? 0
  },
  /** What it holds, after a full collection of garbage. */
  resources(): Resources {
    const { rss, heap } = handlers.memory()
    const mb = (bytes: number) => Math.round(bytes / 100_000) / 10
    const handles = process.getActiveResourcesInfo().length
    return { heap: mb(heap), rss: mb(rss), handles, fds: readdirSync('/proc/self/fd').length }
  },
  /** In bytes, what is left after a full collection of garbage. */
  memory(): { readonly rss: number; readonly heap: number } {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    for (let time = 0; time < 3; time += 1) collect()
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heap: heapUsed }
  },
}
export type ServerChild = typeof handlers
/** Memory in MB; timers, sockets and the like; open files (on Linux). */
export type Resources = Readonly<Record<'heap' | 'rss' | 'handles' | 'fds', number>>

answer(handlers, async () => {
  await Promise.all([server?.close(), watching?.close()])
})
