import type { Server as HttpServer } from 'node:http'
import type { Logger } from 'pino'
import type { Activity } from './activity.ts'
import type { LiveSubscriptions } from './live-subscriptions.ts'
import type { WebSockets } from './websocket.ts'

export type Running = {
  readonly live: LiveSubscriptions
  readonly activity: Activity
  readonly webSockets: WebSockets
  readonly httpServers: readonly HttpServer[]
  /** Worker, hub and store. */
  readonly engine: AsyncDisposable
  readonly graceMs: number
  readonly log: Logger
}

/**
 * Ends everything in order; new work is refused already when this is called. Listening goes on until the last answer is out, so that
 * whoever asks for readiness in the meantime is told no. Of the grace period the requests under way have the first half.
 */
export async function shutDown({
  live,
  activity,
  webSockets,
  httpServers,
  engine,
  graceMs,
  log,
}: Running): Promise<void> {
  const requestsOver = AbortSignal.timeout(graceMs / 2)
  live.endAll()
  await Promise.race([activity.settled(), aborted(requestsOver)])
  await webSockets.close(AbortSignal.any([requestsOver, AbortSignal.timeout(1_000)]))
  await Promise.all(httpServers.map((server) => closeHttp(server, requestsOver)))
  const engineOver = AbortSignal.timeout(graceMs / 2)
  const stopped = engine[Symbol.asyncDispose]()
  await Promise.race([stopped, aborted(engineOver)])
  if (engineOver.aborted)
    log.warn('The grace period is over and work is still under way: it is left to whoever takes the runs over')
}

function closeHttp(server: HttpServer, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cut = () => server.closeAllConnections()
    server.close(() => {
      deadline.removeEventListener('abort', cut)
      resolve()
    })
    if (deadline.aborted) cut()
    deadline.addEventListener('abort', cut, { once: true })
  })
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
