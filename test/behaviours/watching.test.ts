import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData, Events } from '../support/client.ts'
import type { TestServer } from '../support/test-server.ts'
import { agentOf } from './support/agents.ts'
import {
  approvalsOf,
  cancel,
  decide,
  finished,
  listApprovals,
  resolve,
  restart,
  start,
  until,
  watchPending,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { allPending, followPending, pendingDocument } from './support/pending-client.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (id: string) => ({ call: 'erase', input: { id } })
const times = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Proposes two calls, and once they are decided a third. */
function erasing() {
  const erase = tool({ inputSchema, approval: 'required', execute: () => null })
  return agentOf({ erase }, [[call('a'), call('b')], [call('c')]]).agent
}

/** Many who start runs, and approve, reject and cancel, all at once. Gives the pending approvals that are left. */
async function turmoil(api: TestServer, people: number): Promise<void> {
  await Promise.all(
    times(people).map(async (n) => {
      const run = await start(api)
      const [a, b] = approvalsOf(run)
      if (n % 5 === 4) return cancel(api, run.id)
      if (n % 5 === 3) return
      await Promise.all([
        resolve(api, a.id),
        resolve(api, a.id, { decision: { reject: {} }, as: 'approver-2' }),
        n % 5 === 0 ? null : resolve(api, b.id, { decision: { reject: {} } }),
      ])
      if (n % 5 !== 0) await until(api, run.id, 'RunPaused', 2)
    }),
  )
}

/** Everything that was committed before has been told: a change made now has come through, and is the last. */
async function quiet(api: TestServer, clients: readonly ReturnType<typeof followPending>[]): Promise<void> {
  const expected = await allPending(api)
  await expect
    .poll(() => clients.map((client) => client.known()), { timeout: 10_000 })
    .toEqual(clients.map(() => expected))
  const run = await start(api)
  await cancel(api, run.id)
  for (const { id } of approvalsOf(run)) await Promise.all(clients.map((client) => client.untilRemoved(id)))
  for (const client of clients) expect(client.known()).toEqual(expected)
}

forEachStore(({ serve }) => {
  test.each([200, 5])(
    'W1 a client that applies snapshot and changes has what the server has, under concurrent creation and resolution: first %i',
    async (first) => {
      await using api = await serve({ agents: [erasing()] })
      for (const _ of times(10)) await start(api)
      const watch = (how: 'subscribe' | 'sse') => followPending(api[how](pendingDocument, { first }, 'approver-1'))
      const early = [watch('subscribe'), watch('sse')]
      await expect.poll(() => early.map(({ snapshots }) => snapshots)).toEqual([['INITIAL'], ['INITIAL']])
      await Promise.all(early.map((client) => client.readRest(api)))
      expect(early[0]?.known()).toEqual(await allPending(api))
      await turmoil(api, 20)

      // Whoever comes in the middle of it, too.
      const storm = turmoil(api, 25)
      const late = [watch('subscribe'), watch('subscribe'), watch('sse')]
      await expect.poll(() => late.every(({ snapshots }) => snapshots.length > 0)).toBe(true)
      await Promise.all(late.map((client) => client.readRest(api)))
      await storm
      await quiet(api, [...early, ...late])
      const seen = new Set(early.flatMap(({ events }) => events))
      expect(seen).toEqual(new Set(['PendingApprovalsSnapshot', 'PendingApprovalAdded', 'PendingApprovalRemoved']))
    },
  )

  test('W1 what is beyond the snapshot’s window is told of when it changes, once', async () => {
    await using api = await serve({ agents: [erasing()] })
    const runs: AnyData[] = []
    for (const _ of times(4)) runs.push(await start(api))
    const client = followPending(api.subscribe(pendingDocument, { first: 5 }, 'approver-1'))
    await expect.poll(() => client.snapshots.length).toBe(1)
    const all = runs.flatMap(approvalsOf)
    expect(Object.keys(client.known())).toEqual(all.slice(0, 5).map(({ id }) => id))
    const beyond = all[7]
    await decide(api, beyond.id, { decision: { reject: {} } })
    await client.untilRemoved(beyond.id)
    expect(client.events).toEqual(['PendingApprovalsSnapshot', 'PendingApprovalRemoved'])
  })

  test('W1 by its filter: only matches, snapshot and changes alike', async () => {
    const erase = tool({ inputSchema, approval: 'required', execute: () => null })
    const other = agentOf({ erase }, [[call('x')]], { name: 'other' }).agent
    await using api = await serve({ agents: [erasing(), other] })
    await start(api)
    const theirs = await start(api, { agentName: 'other', as: 'requester-2' })
    const filters = [{ agentName: ['other'] }, { requestedBy: ['prn_requester-2'] }, { runId: theirs.id }]
    const clients = filters.map((filter) => followPending(api.subscribe(pendingDocument, { filter }, 'approver-1')))
    const nothing = followPending(api.subscribe(pendingDocument, { filter: { toolName: [] } }, 'approver-1'))
    await expect.poll(() => [...clients, nothing].every(({ snapshots }) => snapshots.length === 1)).toBe(true)
    const [{ id }] = approvalsOf(theirs)
    for (const client of clients) expect(client.known()).toEqual({ [id]: 1 })
    const run = await start(api)
    await decide(api, approvalsOf(run)[0].id)
    await decide(api, id)
    await Promise.all(clients.map((client) => client.untilRemoved(id)))
    for (const client of clients) expect(client.events).toEqual(['PendingApprovalsSnapshot', 'PendingApprovalRemoved'])
    expect(nothing.events).toEqual(['PendingApprovalsSnapshot'])
  })

  test('W2 after a disconnect of any length, and a restart, a new subscription gives the state as it is', async () => {
    await using api = await serve({ agents: [erasing()] })
    const runs: AnyData[] = []
    for (const _ of times(6)) runs.push(await start(api))
    {
      await using before = watchPending(api)
      expect((await before.data()).pendingApprovals.approvals).toHaveLength(12)
    }
    for (const run of runs.slice(0, 2)) await cancel(api, run.id)
    for (const run of runs.slice(2, 4)) {
      for (const { id } of approvalsOf(run)) await decide(api, id)
      await until(api, run.id, 'RunPaused', 2)
    }
    for (const _ of times(2)) {
      for (const how of ['subscribe', 'sse'] as const) {
        const expected = await allPending(api)
        await using events = api[how]<AnyData>(pendingDocument, {}, 'approver-1')
        const { pendingApprovals } = await events.data()
        expect(pendingApprovals).toMatchObject({
          reason: 'INITIAL',
          totalCount: { count: Object.keys(expected).length },
        })
        const told = pendingApprovals.approvals.map(({ id, revision }: AnyData) => [id, revision])
        expect(Object.fromEntries(told)).toEqual(expected)
      }
      await restart(api)
      await start(api)
    }
  })

  describe('W5 a subscriber', () => {
    test('W5 sees only its tenant, and a requester only its own', async () => {
      await using api = await serve({ agents: [erasing()] })
      const people = {
        'approver-1': ['requester-1', 'requester-2'],
        'auditor-1': ['requester-1', 'requester-2'],
        'requester-1': ['requester-1'],
        'requester-2': ['requester-2'],
        'requester-3': [],
        'approver-1@two': ['requester-1@two'],
        'requester-1@two': ['requester-1@two'],
      }
      const requesters = ['requester-1', 'requester-2', 'requester-1@two']
      const first = await Promise.all(requesters.map((as) => start(api, { as })))
      const clients = Object.keys(people).map((as, n) =>
        followPending(api[n % 2 ? 'sse' : 'subscribe'](pendingDocument, {}, as)),
      )
      await expect.poll(() => clients.every(({ snapshots }) => snapshots.length === 1)).toBe(true)
      const second = await Promise.all(requesters.map((as) => start(api, { as })))
      for (const [n, run] of first.entries()) await cancel(api, run.id, {}, requesters[n])
      const left = requesters.map((as, n) => [as, approvalsOf(second[n]).map(({ id }) => id)] as const)
      const expected = Object.values(people).map((own) =>
        left.flatMap(([as, ids]) => ((own as string[]).includes(as) ? ids : [])),
      )
      await expect
        .poll(() => clients.map((client) => Object.keys(client.known()).sort()))
        .toEqual(expected.map((ids) => ids.sort()))
      // Each was told of what is theirs and of nothing else: two runs of two calls, of which one run was cancelled.
      expect(clients.map(({ events }) => events.length)).toEqual([9, 9, 5, 5, 1, 5, 5])
    })

    test('W5 of a run or an approval of another tenant, or of another requester, is told NOT_FOUND', async () => {
      await using api = await serve({ agents: [erasing()] })
      const run = await start(api)
      const [{ id }] = await listApprovals(api, { runId: run.id })
      for (const as of ['requester-2', 'approver-1@two', 'admin-1@two', 'requester-1@two']) {
        for (const how of ['subscribe', 'sse'] as const) {
          for (const [document, variables] of [
            [documents.runEvents, { runId: run.id }],
            [documents.approvalChanges, { id }],
          ] as const) {
            await using events = api[how](document, variables, as)
            expect(await refusalOf(events)).toContain('"code":"NOT_FOUND"')
          }
        }
      }
      await cancel(api, run.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'CANCELLED' })
    })
  })
})

/** What came instead of events. Over SSE it is an answer with a status of its own, which the client throws. */
const refusalOf = (events: Events<unknown>): Promise<string> =>
  events.next().then(
    ({ value }) => JSON.stringify(value?.errors),
    (error) => (error.response instanceof Response ? error.response.text() : JSON.stringify(error)),
  )
