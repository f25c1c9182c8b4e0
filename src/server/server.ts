import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Access, openAccess } from '../access/access.ts'
import { audited } from '../access/audited.ts'
import { type Principal, type PrincipalInput, parsePrincipal } from '../access/principal.ts'
import type { Watch } from '../access/watch.ts'
import { agentsByName } from '../agents/define-agent.ts'
import { getApproval, listApprovals } from '../approvals/read.ts'
import { resolveApproval } from '../approvals/resolve.ts'
import { revealArgument } from '../approvals/reveal.ts'
import type { Engine, Settings } from '../engine.ts'
import { CountersignError } from '../errors.ts'
import { createHub } from '../live/hub.ts'
import { cancelRun } from '../runs/cancel.ts'
import { continueRun } from '../runs/continue.ts'
import { getRun, listRuns } from '../runs/read.ts'
import { startRun } from '../runs/start.ts'
import { createWorker } from '../runs/worker.ts'
import { createActivity } from './activity.ts'
import { checkDatabase, defaultDatabaseUrl, openStore } from './database.ts'
import { failedSignIns } from './failed-sign-ins.ts'
import { createHttpServer, type HttpBounds, httpBounds } from './http-server.ts'
import { checkNames } from './input-names.ts'
import { listenOn } from './listen-on.ts'
import { createLiveSubscriptions } from './live-subscriptions.ts'
import { createLog } from './log.ts'
import { loggedError } from './logged-error.ts'
import { isLoopback } from './loopback.ts'
import { accessOf, type ServerOptions, settingsOf } from './options.ts'
import { createPipeline } from './pipeline.ts'
import { rateLimit } from './rate-limit.ts'
import { shownAnswer, shownOrNull, shownPage } from './shown-results.ts'
import { shutDown } from './shutdown.ts'
import { signInWith } from './sign-in.ts'
import { countingStarts } from './start-rate.ts'
import { createWebSockets } from './websocket.ts'

export type Listening = {
  /** Such as `http://127.0.0.1:4000`; GraphQL is at `/graphql` there. */
  readonly url: string
  /** The same as the server's. */
  close(): Promise<void>
}

/** An operation as the library offers it: the principal stands where the engine's own takes what it works with. */
type As<Operation> = Operation extends (engine: Engine, principal: Principal, ...input: infer Input) => infer Result
  ? (principal: PrincipalInput, ...input: Input) => Result
  : never

export type Server = AsyncDisposable & {
  /**
   * Starts, and serves GraphQL over HTTP, SSE and WebSocket at `/graphql`, health at `/health` and `/ready`.
   *
   * @throws CountersignError INVALID_CONFIGURATION when the address cannot be listened on, or is not loopback and nobody has to sign in; it is started then, and may be told another.
   */
  listen(address?: { port?: number; host?: string }): Promise<Listening>
  /** Opens the database and begins to work on runs; for those who bring their own HTTP server, or none. Once, however often it is called. */
  start(): Promise<void>
  /** Answers a request; for those who bring their own HTTP server. As long as it is `open`, see to it yourself that only this machine reaches it. */
  fetch(request: Request): Promise<Response>
  /** Takes over a WebSocket: `httpServer.on('upgrade', server.handleUpgrade)`. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Refuses new work, completes streams and leaves sockets, lets requests under way finish, hands the runs back and closes the database. */
  close(): Promise<void>
  /** Whether nobody has to say who they are: without authentication, until there is an API key. False before the start. */
  readonly open: boolean
  /** How many subscriptions are open now, over SSE and WebSocket. */
  readonly liveSubscriptions: number
  /** The operations of the API as a given principal, without HTTP. Call `start` or `listen` first. What is sensitive is hidden here too. */
  readonly runs: {
    readonly start: As<typeof startRun>
    readonly continue: As<typeof continueRun>
    readonly cancel: As<typeof cancelRun>
    readonly get: As<typeof getRun>
    readonly list: As<typeof listRuns>
  }
  readonly approvals: {
    readonly list: As<typeof listApprovals>
    readonly get: As<typeof getApproval>
    readonly resolve: As<typeof resolveApproval>
    readonly reveal: As<typeof revealArgument>
  }
}

/**
 * A server for these agents. Nothing is opened before `listen` or `start`.
 *
 * @throws CountersignError INVALID_DEFINITION (two agents of one name) or INVALID_CONFIGURATION that says which option is wrong.
 * @example
 * import { createServer, defineAgent, scriptedModel } from 'countersign'
 *
 * const echo = defineAgent({ name: 'echo', model: scriptedModel([[{ text: 'Hello.' }]]) })
 * await using server = createServer({ agents: [echo], database: ':memory:' })
 * const { url } = await server.listen({ port: 0 })
 * console.log(`GraphQL at ${url}/graphql`)
 */
export const createServer = (options: ServerOptions): Server => serverWithin(httpBounds, options)

/** The same with other bounds on what clients take, for tests of them. */
export function serverWithin(bounds: HttpBounds, options: ServerOptions): Server {
  const { graceMs, allowedOrigins, introspection, graphiql, rateLimits, ...settings } = settingsOf(options)
  const { database = defaultDatabaseUrl, logger = createLog('info') } = options
  const log = logger.child({}, { serializers: { err: loggedError } })
  const agents = agentsByName(options.agents)
  const offered = new Set(options.agents.map(({ name }) => name))
  checkDatabase(database)

  const accessSettings = accessOf(options)
  const live = createLiveSubscriptions()
  const activity = createActivity()
  const endWaits = new AbortController()
  const resources = new AsyncDisposableStack()
  const httpServers: HttpServer[] = []
  let loopbackOnly = false
  let running: { readonly engine: Engine; readonly access: Access } | undefined
  let starting: Promise<void> | undefined
  let closing: Promise<void> | undefined
  let graceUntil = Number.POSITIVE_INFINITY

  const refusal = () => (closing ? 'it is stopping' : running ? null : 'it has not started')
  const present = () => {
    if (running === undefined) throw new CountersignError('STORE_UNAVAILABLE', 'Call `await server.start()` first.')
    return running
  }
  const presentEngine = () => present().engine
  const isOpen = () => running?.access.isOpen ?? false
  const monotonic = () => performance.now()
  const failures = failedSignIns(rateLimit(rateLimits.failedSignInsPerMinute, monotonic))
  const signIn = signInWith((...asked) => present().access.identify(...asked), failures, log)
  const watch: Watch = (identity, onOver) => present().access.watch(identity, onOver)
  const graceLeft = () => Math.min(graceMs, Math.max(0, graceUntil - performance.now()))
  const readiness = async () => refusal() ?? (await storeRefusal(presentEngine()))
  const as =
    <Input extends unknown[], Result>(
      name: string,
      operation: (engine: Engine, principal: Principal, ...input: Input) => Promise<Result>,
      show: (agents: Engine['agents'], result: Result) => Result = (_, result) => result,
    ) =>
    async (by: PrincipalInput, ...input: Input): Promise<Result> => {
      if (closing) throw new CountersignError('STORE_UNAVAILABLE', 'The server is closed.')
      const engine = presentEngine()
      const principal = parsePrincipal(by)
      checkNames(name, input[0])
      const asked = { operation: name, principal, requestId: null, input: input[0] }
      const done = audited(engine.log, asked, () => operation(engine, principal, ...input))
      return show(engine.agents, await activity.track(done))
    }
  const maxBody = 2 * Math.max(settings.limits.message, settings.limits.result) + settings.limits.arguments

  const pipeline = createPipeline({
    signIn,
    watch,
    isOpen,
    engine: presentEngine,
    readiness,
    refusal,
    graphiql: () => graphiql ?? loopbackOnly,
    introspection: () => introspection ?? loopbackOnly,
    allowedOrigins,
    countStart: countingStarts(rateLimit(rateLimits.startRunPerMinute, monotonic), isOpen),
    live,
    maxBody,
    log,
  })
  const webSockets = createWebSockets({ pipeline, signIn, watch, isOpen, allowedOrigins, refusal, activity, log })

  const begin = once(async () => {
    await using opened = new AsyncDisposableStack()
    const store = opened.use(await openStore(database))
    const access = opened.use(await openAccess(accessSettings, store, log))
    const hub = opened.use(createHub(store, endWaits.signal))
    const worker = createWorker({ store, hub, agents, offered, settings, log })
    // Less than what `shutDown` waits for, so that the database is closed as well.
    opened.defer(() => worker.stop(0.8 * graceLeft()))
    await worker.start()
    resources.use(opened.move())
    const engine = { store, hub, worker, agents, offered, settings: withAccess(settings, access), log }
    running = { engine, access }
    log.info({ database: store.description, agents: [...offered] }, 'started')
  })

  const server: Server = {
    async start() {
      if (closing)
        throw new CountersignError('INVALID_CONFIGURATION', 'A closed server does not start again: create another.')
      starting = begin()
      await starting
    },
    async listen({ port = 4000, host = '127.0.0.1' } = {}) {
      await server.start()
      const open = isOpen()
      if (open && !isLoopback(host)) throw openBeyondLoopback(host)
      const http = createHttpServer(bounds, (request, response) => {
        void activity.track(Promise.resolve(pipeline(request, response)))
      })
      http.on('upgrade', server.handleUpgrade)
      const url = await listenOn(http, port, host)
      loopbackOnly = isLoopback(host) && (httpServers.length === 0 || loopbackOnly)
      httpServers.push(http)
      log.info(
        { url, open },
        open ? 'listening: without authentication everyone on this machine has all rights' : 'listening',
      )
      return { url, close: () => server.close() }
    },
    fetch: (request) => activity.track(Promise.resolve(pipeline.fetch(request, {}))),
    handleUpgrade: (request, socket, head) => webSockets.handleUpgrade(request, socket, head),
    close() {
      closing ??= (async () => {
        await starting?.catch(() => {})
        graceUntil = performance.now() + graceMs
        await shutDown({
          live,
          endWaits,
          activity,
          webSockets,
          httpServers,
          engine: resources,
          graceLeft,
          log,
        })
      })()
      return closing
    },
    [Symbol.asyncDispose]: () => server.close(),
    get open() {
      return isOpen()
    },
    get liveSubscriptions() {
      return live.size
    },
    runs: {
      start: as('startRun', startRun),
      continue: as('continueRun', continueRun, shownAnswer),
      cancel: as('cancelRun', cancelRun),
      get: as('run', getRun),
      list: as('runs', listRuns),
    },
    approvals: {
      list: as('approvals', listApprovals, shownPage),
      get: as('approval', getApproval, shownOrNull),
      resolve: as('resolveApproval', resolveApproval, shownAnswer),
      reveal: as('revealArgument', revealArgument, shownAnswer),
    },
  }
  return server
}

/** Why the database keeps the server from taking work; null when it answers. */
const storeRefusal = (engine: Engine): Promise<string | null> =>
  Promise.race([
    engine.store.ping().then(
      () => null,
      (error) => (error instanceof CountersignError ? error.message : 'the database does not answer'),
    ),
    new Promise<string>((resolve) => setTimeout(resolve, 2_000, 'the database does not answer').unref()),
  ])

const openBeyondLoopback = (host: string) =>
  new CountersignError(
    'INVALID_CONFIGURATION',
    `Without authentication the server listens on loopback only, and ${host} is not. Make an API key (\`countersign keys create\`), set up JWTs, give 'authenticate', or listen on 127.0.0.1.`,
  )

/** While everyone is one principal, nobody else could decide what it requested. */
const withAccess = (settings: Settings, access: Access): Settings => ({
  ...settings,
  get allowSelfApproval() {
    return access.isOpen || settings.allowSelfApproval
  },
})

/** Runs once, whoever comes while it runs waits for the same; a failure may be tried again. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= work().catch((error) => {
      running = undefined
      throw error
    })
    return running
  }
}
