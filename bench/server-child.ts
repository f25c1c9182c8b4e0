import { subscribe } from 'node:diagnostics_channel'
import { StatementSync } from 'node:sqlite'
import type { Authenticate } from '../src/access/authenticate.ts'
import { createServer, type Server } from '../src/server/server.ts'
import { answer, cpuMs } from './child.ts'
import { benchAgent, quiet } from './cycle.ts'
import { monotonicMs } from './monotonic.ts'

let server: Server | undefined
let toolCalls = 0
let arrivedAt = 0
let committedAt = 0
/** From a request's arrival to the tool's first line, in ms: of calls nobody has asked for yet. */
const latencies: number[] = []
let onLatency: (() => void) | undefined

const agent = benchAgent(() => {
  toolCalls += 1
  if (arrivedAt === 0) return
  latencies.push(performance.now() - arrivedAt)
  onLatency?.()
})

const authenticate: Authenticate = (token) => {
  if (token === 'requester') return { id: 'rita', name: 'Rita Requester', roles: ['REQUESTER'] }
  if (token === 'approver') return { id: 'ada', name: 'Ada Approver', roles: ['APPROVER'] }
  return null
}

const handlers = {
  async listen(path: string): Promise<string> {
    server = createServer({ agents: [agent], database: `file:${path}`, authenticate, logger: quiet })
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
  /** From here on notes when a transaction is through that proposes an approval. The store tells nobody outside the server. */
  watchCommits() {
    let proposes = false
    StatementSync.prototype.run = new Proxy(StatementSync.prototype.run, {
      apply(run, statement: StatementSync, values) {
        const result = Reflect.apply(run, statement, values)
        if (statement.sourceSQL.startsWith('INSERT INTO approvals')) proposes = true
        else if (proposes && statement.sourceSQL === 'COMMIT') {
          proposes = false
          committedAt = monotonicMs()
        }
        return result
      },
    })
  },
  lastCommit: () => committedAt,
}
export type ServerChild = typeof handlers

answer(handlers, async () => server?.close())
