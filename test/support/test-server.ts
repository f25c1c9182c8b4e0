import { join } from 'node:path'
import type { Authenticate } from '../../src/access/authenticate.ts'
import { createLog, type LogLevel } from '../../src/server/log.ts'
import type { ServerOptions } from '../../src/server/options.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { type Client, connect } from './client.ts'
import { testPrincipals } from './principals.ts'
import { temporaryDirectory } from './temporary.ts'

export type TestServerOptions = Omit<ServerOptions, 'authenticate' | 'database'> & {
  /** A URL; of a temporary file when left out. */
  database?: string
  /** {@link testPrincipals} when left out; null: none, everyone is the local admin. */
  authenticate?: Authenticate | null
  logLevel?: LogLevel
}

export type TestServer = Client & {
  /** For `server.runs.*` and `server.approvals.*`. A new one after each restart. */
  readonly server: Server
  /** The URL of its database. */
  readonly database: string
  /** Stops the server and starts another on the same database and port, perhaps with other options. Old subscriptions are over. */
  restart(changes?: Partial<TestServerOptions>): Promise<void>
}

/**
 * The real server in this process, on a free port of loopback, with a database of its own that goes with it.
 *
 * @example
 * await using api = await testServer({ agents: [support] })
 * const { startRun } = await api.data('mutation …', { input }, 'requester-1')
 */
export async function testServer(options: TestServerOptions): Promise<TestServer> {
  await using starting = new AsyncDisposableStack()
  const directory = starting.use(temporaryDirectory())
  let settings = { database: `file:${join(directory.path, 'test.db')}`, ...options }
  let server = create(settings)
  starting.defer(() => server.close())
  const { url } = await server.listen({ port: 0 })
  const client = starting.use(connect(url))
  const owned = starting.move()

  return {
    ...client,
    get server() {
      return server
    },
    get database() {
      return settings.database
    },
    async restart(changes = {}) {
      await server.close()
      settings = { ...settings, ...changes }
      server = create(settings)
      await server.listen({ port: Number(new URL(url).port) })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function create({ authenticate, logLevel = 'fatal', logger, ...options }: TestServerOptions): Server {
  return createServer({
    graceMs: 4_000,
    ...options,
    ...(authenticate === null ? {} : { authenticate: authenticate ?? testPrincipals }),
    logger: logger ?? createLog(logLevel),
  })
}
