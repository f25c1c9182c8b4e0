import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  eventsOf,
  finished,
  finishedOrInDoubt,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  until,
} from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const errands = join(import.meta.dirname, 'support/errands.ts')
const call = (name: string, id: string) => ({ call: name, input: { id } })

function scene(ids = ['a']) {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, [ids.map((id) => call('erase', id))])
  return { kept, prompts, agents: [agent] }
}

async function timed<Answer>(asked: Promise<Answer>) {
  const began = performance.now()
  return { answer: await asked, ms: performance.now() - began }
}

forEachStore(({ serve, database, editEntry, rounds }) => {
  describe('R16 cancelling a paused run', () => {
    test('R16 cancels its pending approvals, and none of its calls runs afterwards', async () => {
      const { kept, prompts, agents } = scene(['a', 'b', 'c'])
      await using api = await serve({ agents })
      const run = await start(api)
      const [a, b, c] = approvalsOf(run)
      const approved = await decide(api, b.id)
      await until(api, run.id, 'ToolCallsDecided')
      const answer = await cancel(api, run.id, { reason: 'Enough.' })
      expect(answer).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED', requirements: [] } })
      expect((await eventsOf(api, run.id)).at(-1)).toMatchObject({ __typename: 'RunCancelled', reason: 'Enough.' })
      for (const { id } of [a, c]) {
        const standing = await readApproval(api, id)
        expect(standing).toMatchObject({
          ...{ status: 'CANCELLED', revision: 2 },
          resolution: { status: 'CANCELLED', cause: 'CANCELLATION', resolvedBy: null },
          history: { edges: [{ node: { action: 'PROPOSED' } }, { node: { action: 'CANCELLED', revision: 2 } }] },
        })
        const late = await resolve(api, id)
        expect(late).toMatchObject({ __typename: 'ApprovalConflictError', approval: standing })
      }
      // What was approved stays so, and does not run either.
      expect(await readApproval(api, b.id)).toEqual(approved)
      expect(callsOf(await readRun(api, run.id)).map(({ status }) => status)).toEqual([
        'CANCELLED',
        expect.stringMatching(/CANCELLED/),
        'CANCELLED',
      ])
      expect((await continueRun(api, run.id)).__typename).toBe('RunStateError')
      expect(await cancel(api, run.id)).toMatchObject({ __typename: 'CancelRunSuccess' })
      await restart(api)
      expect(await readRun(api, run.id)).toMatchObject({ status: 'CANCELLED' })
      expect([kept.made, prompts.length]).toEqual([[], 1])
    })

    test('R16 also when its agent is no longer there', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const run = await start(api)
      await restart(api, { agents: [agentOf({}, [], { name: 'other' }).agent] })
      expect(await cancel(api, run.id)).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
      expect(await listApprovals(api, { runId: run.id })).toMatchObject([{ status: 'CANCELLED' }])
      expect(kept.made).toEqual([])
    })

    test('R16 a decision that races the cancel has one winner, again and again', async () => {
      const { kept, agents } = scene()
      await using api = await serve({ agents })
      const outcomes = new Set<string>()
      let cancelMs = 0
      await inBatches(rounds(100), 10, async (round) => {
        const run = await start(api)
        const [approval] = approvalsOf(run)
        // One before the other by up to as long as the last cancel took: each store takes its own time.
        const lead = (cancelMs * ((round % 10) - 5)) / 5
        const deciding = delay(Math.max(0, -lead)).then(() => resolve(api, approval.id))
        const cancelling = delay(Math.max(0, lead)).then(() => timed(cancel(api, run.id)))
        const [decision, { answer: cancelled, ms }] = await Promise.all([deciding, cancelling])
        cancelMs = ms
        const callsAtEnd = kept.times(approval.callId)
        const over = await finished(api, run.id)
        const [standing] = approvalsOf(over)
        expect(decision.approval).toEqual(standing)
        expect(standing.revision).toBe(2)
        if (decision.__typename === 'ResolveApprovalSuccess') expect(standing.status).toBe('APPROVED')
        else {
          expect(decision.__typename).toBe('ApprovalConflictError')
          expect(standing).toMatchObject({ status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } })
          expect([callsAtEnd, over.status]).toEqual([0, 'CANCELLED'])
        }
        if (cancelled.__typename === 'CancelRunSuccess') expect(over.status).toBe('CANCELLED')
        else {
          expect(cancelled.__typename).toBe('RunStateError')
          expect([over.status, standing.status]).toEqual(['COMPLETED', 'APPROVED'])
        }
        // Once the cancel is answered nothing begins any more; and what ran is on record, once.
        const [made] = callsOf(over)
        expect(kept.times(approval.callId)).toBe(callsAtEnd)
        expect(made.status).toBe(callsAtEnd === 1 ? 'SUCCEEDED' : 'CANCELLED')
        outcomes.add(`${standing.status} ${over.status}`)
      })
      expect(await listApprovals(api, { status: ['PENDING'] })).toEqual([])
      // Else nothing raced.
      expect(outcomes.size).toBeGreaterThan(1)
    })
  })

  test('R16 cancelling while a tool runs that ignores abortSignal: its result is recorded, cancelled is the last entry', async () => {
    const kept = ledger()
    const begun = Promise.withResolvers<void>()
    const told = Promise.withResolvers<void>()
    const stubborn = tool({
      inputSchema,
      async execute(_, { abortSignal }) {
        abortSignal?.addEventListener('abort', () => told.resolve(), { once: true })
        begun.resolve()
        await told.promise
        // It hears, and goes on all the same.
        await new Promise((resolve) => setImmediate(resolve))
        return { paid: true }
      },
    })
    const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
    const { agent, prompts } = agentOf({ stubborn, erase }, [[call('stubborn', 'a'), call('erase', 'b')]])
    await using api = await serve({ agents: [agent] })
    const { id } = await start(api, { waitMs: 0 })
    await begun.promise
    const answer = await cancel(api, id, { reason: 'Stop.' })
    expect(answer).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
    const [finish, end] = (await eventsOf(api, id)).slice(-2)
    expect(finish).toMatchObject({
      __typename: 'ToolCallFinished',
      toolCall: { status: 'SUCCEEDED', result: { paid: true }, toolName: 'stubborn' },
    })
    expect(end).toMatchObject({ __typename: 'RunCancelled', reason: 'Stop.' })
    const over = await readRun(api, id)
    expect(callsOf(over)).toMatchObject([{ status: 'SUCCEEDED', result: { paid: true } }, { status: 'CANCELLED' }])
    expect(approvalsOf(over)).toMatchObject([{ status: 'CANCELLED' }])
    expect([kept.made, prompts.length]).toEqual([[], 1])
  })

  describe('R16 however a run ends, none of its approvals stays PENDING:', () => {
    test('R16 its journal was tampered with', async () => {
      const { kept, agents } = scene(['a', 'b'])
      await using api = await serve({ agents })
      const run = await start(api)
      const [a, b] = approvalsOf(run)
      await editEntry(api.database, run.id, 2, (text) => text.replace('"text":null', '"text":"forged"'))
      await decide(api, a.id)
      const over = await endOf(api, run.id)
      expect(over).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
      expect(kept.made).toEqual([])
      expect(await listApprovals(api, { runId: run.id })).toMatchObject([
        { id: a.id, status: 'APPROVED' },
        { id: b.id, status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } },
      ])
    })
    /** A journal that is broken cannot be watched to its end. */
    async function endOf(api: Parameters<typeof continueRun>[0], id: string) {
      const status = /* GraphQL */ `query ($id: ID!) { run(id: $id) { status error { code } } }`
      for (;;) {
        const { run } = await api.data(status, { id }, 'admin-1')
        if (run.status !== 'RUNNING' && run.status !== 'PAUSED') return run
      }
    }

    test('R16 its process died in the middle of another call, and it is cancelled then', async () => {
      await using db = database()
      using directory = temporaryDirectory()
      const effects = join(directory.path, 'effects')
      writeFileSync(effects, '')
      const env = { EFFECTS: effects, LEASE_MS: '300' }
      const options = { agents: errands, authenticated: true, database: db.url, env }
      await using before = await spawnServer(options)
      const { id } = await start(before, { agentName: 'beside', waitMs: 0 })
      await until(before, id, 'ToolCallStarted')
      expect(await listApprovals(before, { runId: id })).toMatchObject([{ status: 'PENDING' }])
      await before.kill('SIGKILL')
      await using after = await spawnServer(options)
      const doubted = await finishedOrInDoubt(after, id)
      expect(doubted).toMatchObject({ status: 'PAUSED' })
      expect(await cancel(after, id)).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
      const over = await finished(after, id)
      expect(callsOf(over).map(({ status }) => status)).toEqual(['UNKNOWN', 'CANCELLED'])
      expect(approvalsOf(over)).toMatchObject([
        { kind: 'CONFIRMATION', status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } },
        { kind: 'RECONCILIATION', status: 'CANCELLED', resolution: { cause: 'CANCELLATION' } },
      ])
      for (const { id: approvalId } of approvalsOf(over))
        expect(await resolve(after, approvalId)).toMatchObject({ __typename: 'ApprovalConflictError' })
      expect(readFileSync(effects, 'utf8')).not.toContain('erase')
    })
  })
})
