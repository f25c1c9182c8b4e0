import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { ApprovalId } from '../../src/ids.ts'
import { principalId } from '../../src/ids.ts'
import type { ResolveApprovalResult } from '../../src/results.ts'
import type { Resolution } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { TestServer } from '../support/test-server.ts'
import { agentOf, ledger, messageOf } from './support/agents.ts'
import {
  approvalsOf,
  decide,
  eventsOf,
  finished,
  listApprovals,
  person,
  start,
  typesOf,
  until,
  watchPending,
} from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { forEachStore } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const errands = join(import.meta.dirname, 'support/errands.ts')

/** An agent that erases what the message names, each word an id. */
function scene() {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, (prompt) =>
    prompt.at(-1)?.role === 'user'
      ? messageOf(prompt)
          .split(' ')
          .map((id) => ({ call: 'erase', input: { id } }))
      : [{ text: 'Done.' }],
  )
  return { kept, prompts, agents: [agent] }
}

forEachStore(({ serve, database, open, rounds }) => {
  describe('R12 a decision is not lost', () => {
    test('R12 that answers the very announcement of the approval, again and again', async () => {
      const { kept, agents } = scene()
      const times = rounds(200)
      await using api = await serve({ agents })
      await using pending = watchPending(api)
      await pending.data()
      const decided: Promise<unknown>[] = []
      const answering = (async () => {
        for await (const { data } of pending) {
          const { __typename, approval } = data.pendingApprovals
          if (__typename === 'PendingApprovalAdded') decided.push(decide(api, approval.id))
          if (decided.length === times) return
        }
      })()
      await inBatches(times, 20, async (index) => {
        const { id } = await start(api, { message: String(index), waitMs: 0 })
        expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      })
      await answering
      await Promise.all(decided)
      expect(kept.made).toHaveLength(times)
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(times)
      expect(await listApprovals(api, { status: ['PENDING'] })).toEqual([])
    })

    test('R12 that comes at the first moment at which there is something to decide, again and again', async () => {
      const { kept, agents } = scene()
      const times = rounds(100)
      await using api = await serve({ agents })
      await inBatches(times, 10, async () => {
        const started = await api.server.runs.start(person('requester-1'), { agentName: 'agent', message: 'a b' })
        if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
        // An approval's id follows from its call's, and that from its place in the journal.
        const places = [0, 1].map((index) => `apr_${started.run.id.slice(4)}_3_${index}`)
        await Promise.all(places.map((id) => insist(api, id)))
        expect(await finished(api, started.run.id)).toMatchObject({ status: 'COMPLETED' })
      })
      expect(kept.made).toHaveLength(2 * times)
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(2 * times)
    })

    test('R12 that comes while the pause is being written, again and again', async () => {
      const kept = ledger()
      const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
      /** What the run still waits for before it can pause. */
      const slow = new Map<string, PromiseWithResolvers<string>>()
      const wait = tool({ inputSchema, execute: ({ id }) => slow.get(id)?.promise })
      const { agent } = agentOf({ erase, wait }, (prompt) => {
        const id = messageOf(prompt)
        if (prompt.at(-1)?.role !== 'user') return [{ text: 'Done.' }]
        return ['wait', 'erase'].map((name) => ({ call: name, input: { id } }))
      })
      await using api = await serve({ agents: [agent] })
      let paused = 0
      let decideMs = 0
      const times = rounds(200)
      await inBatches(times, 10, async (round) => {
        const ending = Promise.withResolvers<string>()
        slow.set(String(round), ending)
        const { id } = await start(api, { message: String(round), waitMs: 0 })
        await until(api, id, 'ToolCallStarted')
        const approvalId = `apr_${id.slice(4)}_3_1`
        const input = { approvalId, decision: { approve: {} } }
        const decision = () => api.server.approvals.resolve(person('approver-1'), input)
        // One before the other by up to as long as the last decision took: each store takes its own time.
        const lead = (decideMs * ((round % 10) - 3)) / 5
        if (lead < 0) ending.resolve('at last')
        await delay(Math.max(0, -lead))
        const asked = performance.now()
        const decided = decision().finally(() => {
          decideMs = performance.now() - asked
        })
        await delay(Math.max(0, lead))
        ending.resolve('at last')
        expect(await decided).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
        const types = typesOf(await eventsOf(api, id))
        expect(types.at(-1)).toBe('RunCompleted')
        if (types.includes('RunPaused')) paused += 1
      })
      expect(kept.made).toHaveLength(times)
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(times)
      // Both before and after it, else nothing raced.
      expect(paused).toBeGreaterThan(0)
      expect(paused).toBeLessThan(times)
    })

    test('R12 when its process dies right after the write', async () => {
      await using db = database()
      using directory = temporaryDirectory()
      const effects = join(directory.path, 'effects')
      writeFileSync(effects, '')
      const env = { EFFECTS: effects, LEASE_MS: '500' }
      const options = { agents: errands, authenticated: true, database: db.url, env }
      await using before = await spawnServer(options)
      const run = await start(before, { agentName: 'two' })
      const [a, b] = approvalsOf(run)
      await decide(before, b.id, { decision: { reject: { message: 'No.' } } })
      await before.kill('SIGKILL')
      {
        await using store = await open(db.url)
        await approveBehindItsBack(store, a.id)
      }
      await using after = await spawnServer(options)
      expect(await finished(after, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(readFileSync(effects, 'utf8')).toBe(`erase a ${a.callId}\n`)
    })

    test('R12 when both decisions are written and no server has heard of either', async () => {
      const { kept, agents } = scene()
      await using db = database()
      const options = { agents, database: db.url }
      const runs: { id: string }[] = []
      {
        await using api = await serve(options)
        for (let left = 5; left > 0; left -= 1) runs.push(await start(api, { message: 'a b' }))
      }
      {
        await using store = await open(db.url)
        for (const run of runs) for (const { id } of approvalsOf(run)) await approveBehindItsBack(store, id)
      }
      await using api = await serve(options)
      for (const { id } of runs) expect(await finished(api, id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.made).toHaveLength(10)
      expect(new Set(kept.made.map(({ id }) => id)).size).toBe(10)
    })
  })
})

/** Approves as soon as there is something to approve. */
async function insist({ server }: TestServer, approvalId: string): Promise<void> {
  let answer: ResolveApprovalResult
  do {
    answer = await server.approvals.resolve(person('approver-1'), { approvalId, decision: { approve: {} } })
    await new Promise((resolve) => setImmediate(resolve))
  } while (answer.__typename === 'NotFoundError')
  expect(answer).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
}

/** Nothing but the decision's own write, as if its process had died after it. */
async function approveBehindItsBack(store: Store, id: ApprovalId): Promise<void> {
  const resolution: Resolution = {
    ...{
      status: 'APPROVED',
      cause: 'DECISION',
      by: principalId('approver-1'),
      at: store.now(),
      decisionId: `by hand ${id}`,
    },
    ...{ note: null, message: null, arguments: null, fingerprint: null, values: null, outcome: null },
  }
  const { won } = await store.approvals.decide(id, 'default', {}, resolution)
  expect(won).toBe(true)
}
