import { describe, expect, test } from 'vitest'
import { bareGraphqlSse } from '../clients/bare-graphql-sse.ts'
import { bareGraphqlWs } from '../clients/bare-graphql-ws.ts'
import { retryWait } from '../clients/people-client.ts'
import { watchInbox, watchRun } from '../clients/watching.ts'
import { type Answer, type AnyData, type Client, connect } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { approvalsOf, callsOf, readRun } from './support/api.ts'
import { balancer } from './support/balancer.ts'
import * as documents from './support/documents.ts'
import { allPending } from './support/pending-client.ts'
import { sharedDatabase } from './support/servers.ts'

/** What becomes of an approval: who decides it at which console, and how. One of four is left alone. */
const plans = [
  { console: 0, decision: { approve: {} }, status: 'APPROVED' },
  { console: 1, decision: { approve: {} }, status: 'APPROVED' },
  { console: 0, decision: { reject: {} }, status: 'REJECTED' },
  null,
] as const
/** By the last hex digit of its run's id. */
const planOf = (approvalId: string) => plans[Number.parseInt(approvalId.charAt(35), 16) % 4] ?? null

/** Asks again where the connection breaks, or the server is about to stop. */
async function persistently(ask: () => Promise<Answer<AnyData>>): Promise<AnyData> {
  for (;;) {
    const { data, errors = [] } = await ask().catch((): Answer<AnyData> => ({}))
    if (data) return data
    for (const { message, extensions } of errors) if (extensions.code !== 'UNAVAILABLE') throw new Error(message)
    await retryWait()
  }
}
const idsOf = (all: readonly AnyData[]): string[] => all.map(({ id }) => id).sort()
async function countOf(api: Client, filter: object = {}): Promise<number> {
  const document = 'query ($filter: RunFilter) { runs(filter: $filter) { totalCount { count } } }'
  return (await api.data(document, { filter }, 'admin-1')).runs.totalCount.count
}

describe.skipIf(mongodbIsOff())('two servers on one MongoDB database', { timeout: 180_000 }, () => {
  test('W2 W4 W8 restarted one after the other behind a TCP proxy while people go on: no event and nothing acknowledged is lost or doubled', async () => {
    const patience = { timeout: 60_000 }
    await using s = await sharedDatabase({ LEASE_MS: '3000' })
    const servers = await s.spawnTwo()
    await using opened = new AsyncDisposableStack()
    const proxy = opened.use(await balancer(servers.map(({ url }) => url)))
    const api = opened.use(connect(proxy.url))
    const libraries = [bareGraphqlWs, bareGraphqlSse]
    const requesters = libraries.map((open) => opened.use(open(api.endpoint, () => 'Bearer requester-1')))
    const consoles = libraries.map((open) => watchInbox(opened.use(open(api.endpoint, () => 'Bearer approver-1'))))
    await expect.poll(() => consoles.map(({ seen }) => seen.snapshots), patience).toEqual([1, 1])

    const work = { isGoingOn: true, isOpen: true }
    const runs: string[] = []
    const decided = new Map<string, AnyData>()
    const watched: { readonly id: string; readonly seqs: readonly number[] }[] = []

    async function startRuns(who: string) {
      for (let n = 0; work.isGoingOn; n += 1) {
        const [id, key] = [`${who}${n}`, `start ${who}${n}`]
        const message = `look:${id} erase:${id} / look:${id}`
        const input = { agentName: 'agent', message, idempotencyKey: key, waitMs: 5_000 }
        const { startRun } = await persistently(() => api.graphql(documents.startRun, { input }))
        runs.push(startRun.run.id)
        // A socket takes a hundred operations at most.
        if (watched.length > 60) continue
        for (const client of requesters) watched.push({ id: startRun.run.id, ...watchRun(client, startRun.run.id) })
      }
    }
    async function decideAt(index: number) {
      while (work.isOpen) {
        for (const approvalId of Object.keys(consoles[index]?.pending() ?? {})) {
          const plan = planOf(approvalId)
          if (plan?.console !== index || decided.has(approvalId)) continue
          const input = { approvalId, decision: plan.decision, idempotencyKey: `decide ${approvalId}` }
          const ask = () => api.graphql(documents.resolveApproval, { input }, 'approver-1')
          decided.set(approvalId, (await persistently(ask)).resolveApproval)
        }
        await retryWait()
      }
    }
    const starting = ['a', 'b'].map(startRuns)
    const deciding = [0, 1].map(decideAt)
    const more = async () => {
      const [before, decisions] = [runs.length, decided.size]
      await expect.poll(() => runs.length > before + 3 && decided.size > decisions + 1, patience).toBe(true)
    }
    await more()
    for (const server of servers) {
      expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null })
      await s.spawn({ PORT: new URL(server.url).port })
      await more()
    }
    work.isGoingOn = false
    await Promise.all(starting)
    const settled = async () => {
      const pending = Object.keys(await allPending(api))
      return { due: pending.filter(planOf), count: pending.length + (await countOf(api, { status: ['COMPLETED'] })) }
    }
    await expect.poll(settled, patience).toEqual({ due: [], count: runs.length })
    work.isOpen = false
    await Promise.all(deciding)

    // Each console was at a server that was stopped. A socket is never told that its subscription is complete; a stream is.
    expect(consoles.map(({ seen }) => seen.snapshots > 1)).toEqual([true, true])
    expect(consoles.map(({ seen }) => seen.completions > 0)).toEqual([false, true])
    const pending = await allPending(api)
    for (const { pending: known } of consoles) await expect.poll(known, patience).toEqual(pending)
    expect([new Set(runs).size, await countOf(api)]).toEqual([runs.length, runs.length])
    const all = await Promise.all(runs.map((id) => readRun(api, id)))
    for (const { id, seqs } of watched) {
      const lastSeq = all.find((run) => run.id === id).lastSeq
      await expect.poll(() => seqs, patience).toEqual(Array.from({ length: lastSeq }, (_, n) => n + 1))
    }

    const approvals = all.flatMap(approvalsOf)
    expect(approvals).toHaveLength(all.length)
    expect(approvals.map(({ id, status }) => [id, status])).toEqual(
      approvals.map(({ id }) => [id, planOf(id)?.status ?? 'PENDING']),
    )
    const acknowledged = [...decided].filter(([, { __typename }]) => __typename === 'ResolveApprovalSuccess')
    expect(acknowledged.map(([id]) => id).sort()).toEqual(idsOf(approvals.filter(({ id }) => planOf(id) !== null)))
    expect(s.begun().sort()).toEqual(idsOf(all.flatMap(callsOf).filter(({ status }) => status === 'SUCCEEDED')))
  })
})
