import type { Server as HttpServer } from 'node:http'
import type { Logger } from 'pino'
import type { Activity } from './activity.ts'
import type { LiveSubscriptions } from './live-subscriptions.ts'
import type { WebSockets } from './websocket.ts'

export type Running = {
  readonly live: LiveSubscriptions
  /** Ends the waits for runs, see `Hub.closing`. */
  readonly endWaits: AbortController
  readonly activity: Activity
  readonly webSockets: WebSockets
  readonly httpServers: readonly HttpServer[]
  /** Worker, hub and store. */
  readonly engine: AsyncDisposable
  /** Of the grace period, in ms: all of it when this is called. */
  readonly graceLeft: () => number
  readonly log: Logger
}

/**
 * Ends everything in order; new work is refused already when this is called. Of the grace period the requests under way have half at most,
 * the runs what is left. Listening goes on until they are done, so that whoever asks for readiness in the meantime is told no.
 */
export async function shutDown({
  live,
  endWaits,
  activity,
  webSockets,
  httpServers,
  engine,
  graceLeft,
  log,
}: Running): Promise<void> {
  const requestsOver = AbortSignal.timeout(Math.ceil(graceLeft() / 2))
  live.endAll()
  endWaits.abort()
  await Promise.race([activity.settled(), aborted(requestsOver)])
  await webSockets.close(AbortSignal.any([requestsOver, AbortSignal.timeout(1_000)]))
  if (requestsOver.aborted) for (const server of httpServers) server.closeAllConnections()
  const engineOver = AbortSignal.timeout(Math.ceil(graceLeft()))
  const stopped = engine[Symbol.asyncDispose]()
  await Promise.race([stopped, aborted(engineOver)])
  if (engineOver.aborted)
    log.warn('The grace period is over and work is still under way: it is left to whoever takes the runs over')
  await Promise.all(httpServers.map((server) => closeHttp(server, AbortSignal.timeout(lastAnswerMs))))
}

/** For whoever has just been told no. */
const lastAnswerMs = 200

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
