import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData, Events } from '../support/client.ts'
import { agentOf } from './support/agents.ts'
import { approvalsOf, decide, eventsOf, finished, restart, start, until } from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const turns = 6

/** Each turn looks twice and erases once; every erasure waits for an approver. */
function working() {
  const look = tool({ inputSchema, execute: ({ id }) => id })
  const erase = tool({ inputSchema, approval: 'required', execute: () => null })
  const script = Array.from({ length: turns }, (_, n) => [
    { text: `Turn ${n}.` },
    call('look', `${n}`),
    call('erase', `${n}`),
    call('look', `${n} too`),
  ])
  return agentOf({ look, erase }, script).agent
}

/** Up to `limit` of the journal's entries (or to where it pauses, when there is one), and whether the subscription completed by itself. */
async function take(events: Events<AnyData>, limit = Number.POSITIVE_INFINITY) {
  const entries: AnyData[] = []
  for await (const { data, errors } of events) {
    if (!data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
    if (data.runEvents.__typename === 'TextDelta') continue
    entries.push(data.runEvents)
    if (entries.length >= limit || (data.runEvents.__typename === 'RunPaused' && Number.isFinite(limit)))
      return { entries, completed: false }
  }
  return { entries, completed: true }
}
const seqs = (entries: readonly AnyData[]) => entries.map(({ seq }) => seq)
const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, n) => after + n + 1)
/** What an event says of its own, apart from what it shows of the present. */
const own = ({ __typename, seq, text, output }: AnyData) => ({ __typename, seq, text, output })

forEachStore(({ serve }) => {
  describe('W4 runEvents(after: n)', () => {
    test('W4 gives n+1, n+2, … with no gap and no double across reconnects and restarts, and completes after the last', async () => {
      await using api = await serve({ agents: [working()] })
      const run = await start(api)
      const seen: AnyData[] = []
      let decided: Promise<unknown> | null = null
      for (let turn = 1, piece = 0; ; piece += 1) {
        const how = piece % 2 ? 'sse' : 'subscribe'
        const after = seen.at(-1)?.seq ?? null
        await using events = api[how]<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
        const { entries, completed } = await take(events, 1 + (piece % 3))
        seen.push(...entries)
        if (completed) break
        const { __typename, requirements } = seen.at(-1)
        if (__typename === 'RunPaused') {
          // The next subscription begins before, after or amid what follows.
          decided = decide(api, requirements[0].approval.id)
          if (turn % 3 !== 1) await decided
          if (turn % 3 === 0)
            await until(api, run.id, turn === turns ? 'RunCompleted' : 'RunPaused', turn === turns ? 1 : turn + 1)
          turn += 1
        }
        if (piece % 5 !== 4) continue
        await decided
        await restart(api)
      }
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(seqs(seen)).toEqual(upTo(over.lastSeq))
      expect(seen.at(-1)).toMatchObject({ __typename: 'RunCompleted' })
      const whole = await eventsOf(api, run.id)
      expect(seen.map(own)).toEqual(whole.map(own))

      for (const after of [0, 1, over.lastSeq - 1, over.lastSeq, over.lastSeq + 10]) {
        for (const how of ['sse', 'subscribe'] as const) {
          await using events = api[how]<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
          const { entries, completed } = await take(events)
          expect([completed, seqs(entries)]).toEqual([true, upTo(over.lastSeq, Math.min(after, over.lastSeq))])
        }
      }
    })

    test('W4 to many who come while it happens: each gets each entry once, wherever it began', async () => {
      await using api = await serve({ agents: [working()] })
      const run = await start(api)
      const watchers: Promise<{ after: number; entries: AnyData[]; completed: boolean }>[] = []
      const watch = (after: number) => {
        const how = watchers.length % 2 ? 'sse' : 'subscribe'
        const events = api[how]<AnyData>(documents.runEvents, { runId: run.id, after }, 'requester-1')
        watchers.push(take(events).then((taken) => ({ after, ...taken })))
      }
      for (let turn = 1; turn <= turns; turn += 1) {
        const { lastSeq, requirements } = await until(api, run.id, 'RunPaused', turn)
        for (const after of [0, lastSeq - 1, lastSeq, lastSeq + 3]) watch(after)
        const decided = decide(api, requirements[0].approval.id)
        watch(lastSeq)
        watch(lastSeq + 1)
        await decided
      }
      const { lastSeq } = await finished(api, run.id)
      for (const { after, entries, completed } of await Promise.all(watchers)) {
        expect([completed, seqs(entries)]).toEqual([true, upTo(lastSeq, after)])
      }
    })

    test('W4 after a place that is none is BAD_USER_INPUT', async () => {
      await using api = await serve({ agents: [working()] })
      const run = await start(api)
      await using events = api.subscribe(documents.runEvents, { runId: run.id, after: -1 }, 'requester-1')
      const answer = await events.next().then(
        ({ value }) => value?.errors,
        (errors) => errors,
      )
      expect(answer).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    })
  })

  describe('W7 over graphql-transport-ws and over SSE', () => {
    test('W7 the same subscriptions give the same', async () => {
      await using api = await serve({ agents: [working()] })
      const run = await start(api)
      const [{ id }] = approvalsOf(run)
      const both = (document: string, variables: object, token: string) =>
        (['subscribe', 'sse'] as const).map((how) => api[how]<AnyData>(document, { ...variables }, token))
      const pending = both(documents.pendingApprovals, {}, 'approver-1')
      const runs = both(documents.runEvents, { runId: run.id, after: 0 }, 'requester-1')
      const changes = both(approvalDocument, { id }, 'approver-1')
      const told = pending.map(async (events) => [await events.data(), await events.data(), await events.data()])
      await Promise.all([...pending, ...runs, ...changes].map(() => api.data('{ __typename }')))
      for (const events of changes) expect((await events.data()).approval).toMatchObject({ id, status: 'PENDING' })
      for (let turn = 1; turn <= turns; turn += 1) {
        const { requirements } = await until(api, run.id, 'RunPaused', turn)
        await decide(api, requirements[0].approval.id)
      }
      const [ws, sse] = await Promise.all(told)
      expect(ws?.map(({ pendingApprovals }) => pendingApprovals)).toEqual(
        sse?.map(({ pendingApprovals }) => pendingApprovals),
      )
      const [wsRun, sseRun] = await Promise.all(runs.map((events) => take(events)))
      expect(wsRun?.entries.map(own)).toEqual(sseRun?.entries.map(own))
      expect([wsRun?.completed, sseRun?.completed]).toEqual([true, true])
      const last = await Promise.all(
        changes.map(async (events) => {
          const all: AnyData[] = []
          for await (const { data } of events) all.push(data?.approval)
          return all.at(-1)
        }),
      )
      expect(last[0]).toEqual(last[1])
      expect(last[0]).toMatchObject({ id, status: 'APPROVED', toolCall: { status: 'SUCCEEDED' } })
    })

    test('W7 queries, mutations and a bad operation on one socket: the bad one fails alone', async () => {
      await using api = await serve({ agents: [working()] })
      const socket = api.socket('admin-1')
      const watching = socket.iterate({ query: 'subscription { pendingApprovals { __typename } }' })
      expect((await watching.next()).value).toEqual({
        data: { pendingApprovals: { __typename: 'PendingApprovalsSnapshot' } },
      })
      const bad = {
        'subscription {': 'GRAPHQL_PARSE_FAILED',
        '}': 'GRAPHQL_PARSE_FAILED',
        '{ nothing }': 'GRAPHQL_VALIDATION_FAILED',
        'subscription { pendingApprovals { nothing } }': 'GRAPHQL_VALIDATION_FAILED',
        'subscription { pendingApprovals(first: "x") { at } }': 'GRAPHQL_VALIDATION_FAILED',
        'subscription { pendingApprovals(first: 0) { at } }': 'BAD_USER_INPUT',
        'subscription { runEvents(runId: "x") { at } }': 'NOT_FOUND',
      }
      const fails = Object.entries(bad).map(async ([query, code]) => {
        const errors = await socket
          .iterate({ query })
          .next()
          .then(
            ({ value }) => value?.errors,
            (thrown) => thrown,
          )
        expect([query, errors]).toMatchObject([query, [{ extensions: { code } }]])
      })
      const viewer = socket.iterate({ query: '{ viewer { principal { id } } }' }).next()
      const input = { agentName: 'agent', message: 'Go.', waitMs: 30_000 }
      const started = socket.iterate({ query: documents.startRun, variables: { input } }).next()
      await Promise.all(fails)
      expect((await viewer).value).toEqual({ data: { viewer: { principal: { id: 'prn_admin-1' } } } })
      expect((await started).value?.data).toMatchObject({ startRun: { run: { status: 'PAUSED' } } })
      expect((await watching.next()).value).toEqual({
        data: { pendingApprovals: { __typename: 'PendingApprovalAdded' } },
      })
      await watching.return?.()
    })
  })
})

const approvalDocument = /* GraphQL */ `
  subscription ($id: ID!) { approval(id: $id) { id status revision toolCall { status result } resolution { status } } }
`
