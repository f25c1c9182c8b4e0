import { describe, expect, test } from 'vitest'
import type { AnyData, Client, Events } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  decide,
  eventsOf,
  finished,
  readApproval,
  readRun,
  resolve,
  start,
  until,
  watchPending,
  watchRun,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { allPending, followPending, pendingDocument } from './support/pending-client.ts'
import { sharedDatabase } from './support/servers.ts'

const times = (count: number) => Array.from({ length: count }, (_, index) => index)
const seqs = (events: readonly AnyData[]) => events.map(({ seq }) => seq)
const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, n) => after + n + 1)
/** What an event says of its own, apart from what it shows of the present. */
const own = ({ __typename, seq, text, output }: AnyData) => ({ __typename, seq, text, output })

/** Up to `limit` of the journal's entries, or to where the run pauses or ends. */
async function take(events: Events<AnyData>, limit: number): Promise<AnyData[]> {
  const taken: AnyData[] = []
  for await (const { data, errors } of events) {
    if (!data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
    if (data.runEvents.__typename === 'TextDelta') continue
    taken.push(data.runEvents)
    if (taken.length === limit || data.runEvents.__typename === 'RunPaused') break
  }
  return taken
}

/** All until the subscription completes. */
async function allOf(events: Events<AnyData>): Promise<AnyData[]> {
  const all: AnyData[] = []
  for await (const { data } of events) all.push(data?.runEvents)
  return all.filter(({ __typename }) => __typename !== 'TextDelta')
}

describe.skipIf(mongodbIsOff())('two servers on one MongoDB database', { timeout: 180_000 }, () => {
  test('W6 started on A, watched and approved on B, followed on A to its end', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await using pending = watchPending(b)
    expect((await pending.data()).pendingApprovals).toMatchObject({ reason: 'INITIAL', approvals: [] })
    const { id } = await start(a, { message: 'erase:x', waitMs: 0 })
    await using events = watchRun(a, id)
    const { __typename, approval } = (await pending.data()).pendingApprovals
    expect(__typename).toBe('PendingApprovalAdded')
    expect(approval).toMatchObject({ status: 'PENDING', arguments: { id: 'x' }, run: { id } })

    expect(await decide(b, approval.id)).toMatchObject({ status: 'APPROVED' })
    const seen: AnyData[] = []
    for await (const { data } of events) seen.push(data?.runEvents)
    expect(seen.at(-1)).toMatchObject({ __typename: 'RunCompleted', output: 'Done.' })
    expect((await pending.data()).pendingApprovals).toMatchObject({
      __typename: 'PendingApprovalRemoved',
      approval: { id: approval.id, status: 'APPROVED' },
    })
    const [onA, onB] = await Promise.all([readRun(a, id), readRun(b, id)])
    expect(onA).toMatchObject({ status: 'COMPLETED' })
    expect(onB).toEqual(onA)
    expect(s.begun()).toEqual([approval.callId])
  })

  test('W6 a console on either has what the server has, while runs are started, decided and cancelled on both', async () => {
    await using s = await sharedDatabase()
    const both = await s.spawnTwo()
    const [a, b] = both
    const consoles = both.flatMap((api) =>
      (['subscribe', 'sse'] as const).map((how) => followPending(api[how](pendingDocument, {}, 'approver-1'))),
    )
    await expect.poll(() => consoles.every(({ snapshots }) => snapshots.length === 1), { timeout: 30_000 }).toBe(true)
    await Promise.all(
      times(30).map(async (n) => {
        const [here, there] = n % 2 ? [a, b] : [b, a]
        const run = await start(here, { message: 'erase:x erase:y / erase:z' })
        const [x, y] = approvalsOf(run)
        if (n % 5 === 4) return cancel(there, run.id)
        if (n % 5 === 3) return
        await Promise.all([
          resolve(here, x.id),
          resolve(there, x.id, { decision: { reject: {} }, as: 'approver-2' }),
          n % 5 === 0 ? null : resolve(there, y.id),
        ])
        if (n % 5 !== 0) await until(here, run.id, 'RunPaused', 2)
      }),
    )
    const expected = await allPending(a)
    expect(Object.keys(expected)).toHaveLength(6 * 2 + 6 + 12)
    expect(await allPending(b)).toEqual(expected)
    // A change made now has come through on each, and is the last.
    const run = await start(a, { message: 'erase:x' })
    await cancel(b, run.id)
    await Promise.all(consoles.map((client) => client.untilRemoved(approvalsOf(run)[0].id)))
    for (const client of consoles) {
      expect(client.known()).toEqual(expected)
      // It lived on the changes: only a database that did not answer for a while makes it read again.
      expect(client.snapshots.length).toBeLessThan(4)
    }
  })

  test('W4 runEvents(after: n) gives n+1, n+2, … with no gap and no double, now from one process and now from the other', async () => {
    await using s = await sharedDatabase()
    const both = await s.spawnTwo()
    const turns = 6
    const message = times(turns).map((n) => `look:${n} erase:${n} look:${n}`)
    const [a] = both
    const run = await start(a, { message: message.join(' / ') })
    const seen: AnyData[] = []
    for (let piece = 0, turn = 1; seen.at(-1)?.__typename !== 'RunCompleted'; piece += 1) {
      const api = both[piece % 2] as Client
      const how = piece % 4 < 2 ? 'sse' : 'subscribe'
      const after = seen.at(-1)?.seq ?? null
      await using events = api[how]<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
      const taken = await take(events, 1 + (piece % 3))
      expect(taken.length).toBeGreaterThan(0)
      seen.push(...taken)
      const { __typename, requirements } = seen.at(-1)
      if (__typename !== 'RunPaused') continue
      // The next subscription begins before, after or amid what follows; the other process may be the one that goes on.
      const decided = decide(both[turn % 2] as Client, requirements[0].approval.id)
      if (turn % 3 !== 1) await decided
      if (turn % 3 === 0) await until(api, run.id, turn === turns ? 'RunCompleted' : 'RunPaused', turn % turns || 1)
      turn += 1
    }
    const over = await finished(a, run.id)
    expect(seqs(seen)).toEqual(upTo(over.lastSeq))
    for (const api of both) {
      expect((await eventsOf(api, run.id)).map(own)).toEqual(seen.map(own))
      for (const after of [1, over.lastSeq - 1, over.lastSeq, over.lastSeq + 10]) {
        await using events = api.sse<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
        expect(seqs(await allOf(events))).toEqual(upTo(over.lastSeq, Math.min(after, over.lastSeq)))
      }
    }
    expect(s.begun()).toHaveLength(3 * turns)
  })

  test('W4 to those who watch on both while it happens: each gets each entry once, wherever it began', async () => {
    await using s = await sharedDatabase()
    const both = await s.spawnTwo()
    const turns = 4
    const run = await start(both[0], {
      message: times(turns)
        .map((n) => `look:${n} erase:${n}`)
        .join(' / '),
    })
    const watchers: Promise<{ after: number; events: AnyData[] }>[] = []
    for (const turn of times(turns)) {
      const { lastSeq, requirements } = await until(both[turn % 2] as Client, run.id, 'RunPaused', turn + 1)
      for (const api of both) {
        for (const after of [0, lastSeq - 1, lastSeq, lastSeq + 3]) {
          const events = api.subscribe<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
          watchers.push(allOf(events).then((all) => ({ after, events: all })))
        }
      }
      await decide(both[(turn + 1) % 2] as Client, requirements[0].approval.id)
    }
    const { lastSeq, status } = await finished(both[0], run.id)
    expect(status).toBe('COMPLETED')
    for (const { after, events } of await Promise.all(watchers)) expect(seqs(events)).toEqual(upTo(lastSeq, after))
  })

  test('W5 R13 R14 what somebody may do or see on one process is what they may on the other, and names are known on both', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    const run = await start(a, { message: 'erase:x', as: 'requester+approver-1' })
    const [{ id }] = approvalsOf(run)
    for (const as of ['requester-2', 'approver-1@two', 'admin-1@two']) {
      expect(await resolve(b, id, { as })).toMatchObject({ __typename: 'NotFoundError' })
      expect([await readApproval(b, id, as), await readRun(b, run.id, as)]).toEqual([null, null])
    }
    expect(await resolve(b, id, { as: 'requester+approver-1' })).toMatchObject({ __typename: 'ForbiddenError' })
    expect((await b.data(documents.rights, { id }, 'requester+approver-1')).approval).toEqual({
      viewerCanResolve: false,
      viewerCannotResolveReasons: ['OWN_REQUEST'],
    })
    expect(await cancel(b, run.id, {}, 'approver-1')).toMatchObject({ __typename: 'ForbiddenError' })
    await decide(b, id, { as: 'approver-7' })
    await finished(a, run.id)
    const named =
      '{ run(id: $id) { requestedBy { id name } approvals(first: 1) { edges { node { resolution { resolvedBy { id name } } } } } } }'
    for (const api of [a, b]) {
      const { run: shown } = await api.data(`query ($id: ID!) ${named}`, { id: run.id }, 'auditor-1')
      expect(shown.requestedBy).toEqual({ id: 'prn_requester+approver-1', name: 'requester+approver 1' })
      expect(approvalsOf(shown)[0].resolution.resolvedBy).toEqual({ id: 'prn_approver-7', name: 'approver 7' })
    }
    expect(callsOf(await readRun(b, run.id))).toMatchObject([{ status: 'SUCCEEDED' }])
  })
})
