import { Agent, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { message } from './cycle.ts'
import * as operations from './operations.ts'

export type Pending = { readonly id: string; readonly fingerprint: string }

/** A requester and an approver of one server, over HTTP with connections kept open. */
export type People = Disposable & {
  /** Gives the run's id; with `waitMs`, once it is paused. */
  startRun(waitMs: number): Promise<string>
  listPending(runId: string): Promise<Pending>
  approve(approval: Pending): Promise<void>
  reject(approval: Pending): Promise<void>
  cancel(runId: string): Promise<void>
  /** Whether there is a run in one of these statuses. */
  isThere(status: readonly string[]): Promise<boolean>
  /** Closes the connections that are kept open; the next request opens its own. */
  disconnect(): void
}

export function people(url: string): People {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(url)

  /** @throws Error for any answer with errors. */
  function post<Data>(token: string, query: string, variables: object): Promise<Data> {
    const body = Buffer.from(JSON.stringify({ query, variables }))
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
      accept: 'application/graphql-response+json',
    }
    return new Promise((resolve, reject) => {
      const sent = request({ agent, hostname, port, path: '/graphql', method: 'POST', headers }, (response) => {
        json(response).then((answer) => {
          const { data, errors } = answer as { data: Data; errors?: unknown }
          if (errors === undefined) resolve(data)
          else reject(new Error(JSON.stringify(errors)))
        }, reject)
      })
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The server had just closed a connection that was long idle: it has not seen the request.
        if (sent.reusedSocket && error.code === 'ECONNRESET') post<Data>(token, query, variables).then(resolve, reject)
        else reject(error)
      })
      sent.end(body)
    })
  }

  async function resolve({ id, fingerprint }: Pending, decision: object) {
    type Data = { resolveApproval: { __typename: string } }
    const input = { approvalId: id, decision, expectedFingerprint: fingerprint }
    const { resolveApproval } = await post<Data>('approver', operations.resolveApproval, { input })
    if (resolveApproval.__typename !== 'ResolveApprovalSuccess') throw new Error(JSON.stringify(resolveApproval))
  }

  return {
    async startRun(waitMs) {
      type Data = { startRun: { message?: string; run?: { id: string; status: string } } }
      const input = { agentName: 'bench', message, waitMs }
      const { startRun } = await post<Data>('requester', operations.startRun, { input })
      const { run } = startRun
      if (!run || (waitMs > 0 && run.status !== 'PAUSED')) throw new Error(JSON.stringify(startRun))
      return run.id
    },
    async listPending(runId) {
      type Data = { approvals: { edges: { node: Pending }[] } }
      const { approvals } = await post<Data>('approver', operations.listPending, { runId })
      const [edge] = approvals.edges
      if (!edge) throw new Error(`Nothing is pending in ${runId}`)
      return edge.node
    },
    approve: (approval) => resolve(approval, { approve: {} }),
    reject: (approval) => resolve(approval, { reject: { message: 'Not this one.' } }),
    async cancel(runId) {
      type Data = { cancelRun: { __typename: string } }
      const { cancelRun } = await post<Data>('requester', operations.cancelRun, { input: { runId } })
      if (cancelRun.__typename !== 'CancelRunSuccess') throw new Error(JSON.stringify(cancelRun))
    },
    async isThere(status) {
      type Data = { runs: { edges: unknown[] } }
      const { runs } = await post<Data>('requester', operations.someRun, { status })
      return runs.edges.length > 0
    },
    disconnect: () => agent.destroy(),
    [Symbol.dispose]: () => agent.destroy(),
  }
}
