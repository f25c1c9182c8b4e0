import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { type Bench, samplesOf } from './bench.ts'
import { startChild } from './child.ts'
import { type People, people } from './client.ts'
import { type Figure, quantile } from './figure.ts'
import { monotonicMs } from './monotonic.ts'
import { watchPending } from './operations.ts'
import type { ServerChild } from './server-child.ts'
import { socketFigures } from './sockets.ts'

/** How soon a console knows: from the commit of a pending approval to its event in the console's hands, one at a time. */
export async function liveFigures(bench: Bench): Promise<Figure[]> {
  await using server = startChild<ServerChild>('server-child.ts', bench)
  const url = await server.ask('listenWatchingCommits', bench.newDatabase())
  using clients = people(url)
  using console = openConsole(url)
  await console.next('PendingApprovalsSnapshot')
  const latencies = await samplesOf(bench.load, async () => {
    const { arrivedAt } = await proposeOne(clients, console)
    return arrivedAt - (await server.ask('lastCommit'))
  })
  return [
    {
      name: 'pending approval to console, p95',
      value: quantile(latencies, 0.95),
      unit: 'ms',
      bound: { is: 'at most', value: 15 },
    },
    { name: 'pending approval to console, p50', value: quantile(latencies, 0.5), unit: 'ms' },
    ...(await socketFigures(bench)),
  ]
}

/** From start to decision; gives when the console had it as pending. */
export async function proposeOne(clients: People, console: Console): Promise<{ readonly arrivedAt: number }> {
  const added = console.next('PendingApprovalAdded')
  const [runId, { arrivedAt }] = await Promise.all([clients.startRun(0), added])
  const removed = console.next('PendingApprovalRemoved')
  await clients.approve(await clients.listPending(runId))
  await removed
  return { arrivedAt }
}

export type Console = Disposable & {
  /** The next event, which is to be of this type. */
  next(type: string): Promise<{ readonly arrivedAt: number }>
}

export function openConsole(url: string): Console {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: 'Bearer approver' },
    retryAttempts: 0,
  })
  let waiting = Promise.withResolvers<{ type: string; arrivedAt: number }>()
  const fail = (error: unknown) => waiting.reject(error)
  client.subscribe<{ pendingApprovals: { __typename: string } }>(
    { query: watchPending },
    {
      next({ data, errors }) {
        const arrivedAt = monotonicMs()
        if (data) waiting.resolve({ type: data.pendingApprovals.__typename, arrivedAt })
        else fail(new Error(JSON.stringify(errors)))
      },
      error: fail,
      complete: () => {},
    },
  )
  return {
    async next(type) {
      const event = await waiting.promise
      waiting = Promise.withResolvers()
      if (event.type !== type) throw new Error(`The console waited for ${type} and got ${event.type}`)
      return event
    },
    [Symbol.dispose]: () => void client.dispose(),
  }
}
