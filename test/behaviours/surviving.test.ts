import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { databasePath } from '../../src/server/database.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  doubtsOf,
  finished,
  finishedOrInDoubt,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  restart,
  saysItHappened,
  start,
  until,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { watchDisk } from './support/full-disk.ts'
import { openGate } from './support/gate.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const heldAgents = join(import.meta.dirname, 'support/held-agents.ts')

test('S8 disk full in the middle of a batch: what was acknowledged is there, what failed said so, and it heals', async () => {
  using disk = watchDisk()
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent } = agentOf({ erase }, [[{ call: 'erase', input: { id: 'a' } }]])
  await using api = await testServer({ agents: [agent], leaseMs: 1_000 })
  const path = databasePath(api.database)
  const [waiting, alike] = [await start(api), await start(api)]

  disk.limit(path, 40)
  // Small ones between large ones, so that some still fit when others do not.
  const inputs = Array.from({ length: 80 }, (_, n) => ({
    agentName: 'agent',
    message: n % 2 ? 'x'.repeat(30_000) : 'x',
    idempotencyKey: `${n}`,
  }))
  const answers = await Promise.all(inputs.map((input) => api.graphql(documents.startRun, { input })))
  const acknowledged = answers.flatMap(({ data }) => data?.startRun?.run?.id ?? [])
  const failed = answers.flatMap(({ errors }) => errors ?? [])
  expect(acknowledged.length + failed.length).toBe(inputs.length)
  expect([acknowledged.length, failed.length]).toEqual([expect.any(Number), expect.any(Number)])
  expect(Math.min(acknowledged.length, failed.length)).toBeGreaterThan(0)
  for (const error of failed) {
    expect(error).toMatchObject({ extensions: { code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) } })
    expect(error.message).toContain('full')
  }
  // Now nothing fits any more; what can be read is read, and what cannot be decided says so.
  disk.limit(path, 0)
  const [{ id }] = approvalsOf(waiting)
  const note = 'x'.repeat(10_000)
  const input = { approvalId: id, decision: { approve: {} }, note }
  const { data, errors } = await api.graphql(documents.resolveApproval, { input }, 'approver-1')
  expect([data, errors]).toMatchObject([null, [{ extensions: { code: 'UNAVAILABLE' } }]])
  expect(await readApproval(api, id)).toEqual(approvalsOf(waiting)[0])
  expect(await readRun(api, alike.id)).toEqual(alike)
  for (const runId of acknowledged) expect(await readRun(api, runId)).toMatchObject({ id: runId })
  expect(kept.made).toEqual([])

  disk.free(path)
  expect(await decide(api, id, { note })).toMatchObject({ status: 'APPROVED' })
  expect(await finished(api, waiting.id)).toMatchObject({ status: 'COMPLETED' })
  // Those that were started go on by themselves; those that were not are started by the same request, once.
  const again = await Promise.all(
    inputs.map((one) => api.data(documents.startRun, { input: { ...one, waitMs: 30_000 } })),
  )
  const runs = again.map(({ startRun }) => startRun.run)
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['PAUSED']))
  expect(acknowledged.filter((runId) => !runs.some((run) => run.id === runId))).toEqual([])
  await restart(api)
  for (const run of [alike, ...runs]) expect(await readRun(api, run.id)).toMatchObject({ status: 'PAUSED' })
  const pending = await api.data(
    '{ approvals(filter: { status: [PENDING] }) { totalCount { count } } }',
    {},
    'approver-1',
  )
  expect(pending.approvals.totalCount.count).toBe(inputs.length + 1)
  expect(kept.inputs()).toEqual([{ id: 'a' }])
})

forEachStore(({ database }) => {
  describe('S1 a process that is killed while a tool runs', () => {
    async function scene() {
      await using opened = new AsyncDisposableStack()
      const db = opened.use(database())
      const gate = opened.use(await openGate())
      const directory = opened.use(temporaryDirectory())
      const effects = join(directory.path, 'effects')
      writeFileSync(effects, '')
      const env = { EFFECTS: effects, GATE: gate.url, LEASE_MS: '600' }
      const owned = opened.move()
      return {
        gate,
        effects: () => readFileSync(effects, 'utf8').split('\n').filter(Boolean),
        spawn: () => spawnServer({ agents: heldAgents, authenticated: true, database: db.url, env }),
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      }
    }

    test('S1 a call that was approved: somebody is asked what became of it, and it is never run again by itself', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const run = await start(first, { agentName: 'erases' })
      for (const { id } of approvalsOf(run)) await decide(first, id)
      await s.gate.arrival('erase')
      await first.kill('SIGKILL')
      const noted = `note ${callsOf(run)[1].id}`
      expect(s.effects()).toEqual(['erase', noted])
      s.gate.open()

      await using second = await s.spawn()
      const doubted = await finishedOrInDoubt(second, run.id)
      const [erase, note] = callsOf(doubted)
      expect(doubted).toMatchObject({ status: 'PAUSED', output: null, error: null })
      expect(erase).toMatchObject({ status: 'UNKNOWN', result: null, error: null })
      expect(['SUCCEEDED', 'UNKNOWN']).toContain(note.status)
      const unknown = callsOf(doubted).filter(({ status }) => status === 'UNKNOWN')
      expect(doubtsOf(doubted).map(({ callId }) => callId)).toEqual(unknown.map(({ id }) => id))
      expect(approvalsOf(doubted).map(({ kind, status }) => [kind, status])).toEqual([
        ['CONFIRMATION', 'APPROVED'],
        ['CONFIRMATION', 'APPROVED'],
        ...unknown.map(() => ['RECONCILIATION', 'PENDING']),
      ])
      for (const as of ['requester-1', 'admin-1']) {
        expect(await continueRun(second, run.id, {}, as)).toMatchObject({ __typename: 'ApprovalPendingError' })
      }
      expect(await resolve(second, approvalsOf(run)[0].id)).toMatchObject({ __typename: 'ApprovalConflictError' })
      await second.kill('SIGKILL')
      await using third = await s.spawn()
      expect(await readRun(third, run.id)).toEqual(doubted)
      // Another run is worked on, so whatever was due has been taken up.
      expect(await start(third, { agentName: 'looks' })).toMatchObject({ status: 'COMPLETED' })
      await saysItHappened(third, doubted)
      expect(await finished(third, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Erased.' })
      expect(s.effects()).toEqual(['erase', noted, 'look'])
    })

    test('S1 a call beside one that waits: that one waits on, and runs when both are decided', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const { id } = await start(first, { agentName: 'looks-beside', waitMs: 0 })
      await s.gate.arrival('beside')
      const [approval] = await listApprovals(first, { runId: id })
      expect(approval).toMatchObject({ status: 'PENDING' })
      await first.kill('SIGKILL')
      s.gate.open()
      await using second = await s.spawn()
      const doubted = await finishedOrInDoubt(second, id)
      expect(doubted).toMatchObject({
        status: 'PAUSED',
        requirements: [{ kind: 'RECONCILIATION' }, { kind: 'CONFIRMATION', approval: { id: approval.id } }],
      })
      expect(await readApproval(second, approval.id)).toEqual(approval)
      await decide(second, approval.id)
      await until(second, id, 'ToolCallsDecided')
      expect(s.effects()).toEqual(['beside'])
      await saysItHappened(second, doubted)
      expect(await finished(second, id)).toMatchObject({ status: 'COMPLETED' })
      expect(s.effects()).toEqual(['beside', `never ${callsOf(doubted)[1].id}`])
    })

    test('S1 twenty runs at once: each call was made once, and every run says what became of it', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const pause = async () => {
        const { id } = await start(first, { agentName: 'pauses', waitMs: 0 })
        return until(first, id, 'RunPaused')
      }
      const runs = await Promise.all(Array.from({ length: 20 }, pause))
      const decisions = runs.map((run) => resolve(first, approvalsOf(run)[0].id).catch(() => null))
      await Promise.race(decisions)
      await first.kill('SIGKILL')
      await Promise.all(decisions)
      await using second = await s.spawn()
      // What was not decided is decided now; what was decided stands.
      for (const run of runs) await resolve(second, approvalsOf(run)[0].id)
      const over = await Promise.all(runs.map(({ id }) => finishedOrInDoubt(second, id)))
      for (const run of over)
        expect([run.status, doubtsOf(run).length]).toEqual(run.status === 'COMPLETED' ? [run.status, 0] : ['PAUSED', 1])
      const made = s.effects()
      expect(new Set(made).size).toBe(made.length)
      for (const run of over.filter(({ status }) => status === 'COMPLETED')) {
        expect(made).toContain(`note ${callsOf(run)[0].id}`)
      }
      await Promise.all(over.map((run) => saysItHappened(second, run)))
      for (const { id } of over) expect(await finished(second, id)).toMatchObject({ status: 'COMPLETED' })
      expect(s.effects()).toEqual(made)
    })
  })
})
