import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import {
  approvalsOf,
  callsOf,
  decide,
  doubtsOf,
  eventsOf,
  finished,
  finishedOrInDoubt,
  readRun,
  resolve,
  saysItHappened,
  start,
  until,
} from './support/api.ts'
import { openGate } from './support/gate.ts'
import { forEachStore } from './support/stores.ts'

const runAgain = { decision: { reconcile: { runAgain: { confirm: true } } } }

forEachStore(({ database }) => {
  // Three servers are started one after the other, which takes its time on a busy machine.
  describe('S1 a process that is killed (SIGKILL) in the middle of calls', { timeout: 120_000 }, () => {
    async function scene() {
      await using opened = new AsyncDisposableStack()
      const db = opened.use(database())
      const gate = opened.use(await openGate())
      const effects = join(opened.use(temporaryDirectory()).path, 'effects')
      writeFileSync(effects, '')
      const env = { EFFECTS: effects, GATE: gate.url, LEASE_MS: '600' }
      const agents = join(import.meta.dirname, 'support/killed-agents.ts')
      const owned = opened.move()
      const made = () => readFileSync(effects, 'utf8').split('\n').filter(Boolean)
      return {
        gate,
        made,
        untilMade: (count: number) => expect.poll(() => made().length, { timeout: 30_000, interval: 5 }).toBe(count),
        spawn: () => spawnServer({ agents, authenticated: true, database: db.url, env }),
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      }
    }
    const callIdsOf = (run: AnyData) =>
      Object.fromEntries(callsOf(run).map((call) => [call.arguments.id, call.id])) as Record<string, string>

    test('S1 what may be made again is, with its id; what the other side knows is taken; of the rest somebody is asked', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const message = 'again:twice asked:happened asked:not asked:silent once:unknown'
      const { id } = await start(first, { message, waitMs: 0 })
      await s.untilMade(5)
      await first.kill('SIGKILL')
      s.gate.open()
      await using second = await s.spawn()
      const run = await finishedOrInDoubt(second, id)
      expect(callsOf(run).map(({ arguments: { id }, status, result }) => [id, status, result])).toEqual([
        ['twice', 'SUCCEEDED', { done: 'twice' }],
        ['happened', 'SUCCEEDED', { found: 'happened' }],
        ['not', 'SUCCEEDED', { done: 'not' }],
        ['silent', 'UNKNOWN', null],
        ['unknown', 'UNKNOWN', null],
      ])
      const ids = callIdsOf(run)
      expect(doubtsOf(run).map(({ callId }) => callId)).toEqual([ids.silent, ids.unknown])
      await saysItHappened(second, run)
      expect(await finished(second, id)).toMatchObject({ status: 'COMPLETED' })
      const twice = ['twice', 'not']
      const expected = Object.entries(ids).flatMap(([name, callId]) =>
        Array<string>(twice.includes(name) ? 2 : 1).fill(`${name} ${callId}`),
      )
      expect(s.made().sort()).toEqual(expected.sort())
    })

    test('S1 it dies again in the second attempt: that one has its own question, and the first answer stands', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const started = await start(first, { message: 'approved:a' })
      await decide(first, approvalsOf(started)[0].id)
      await s.untilMade(1)
      await first.kill('SIGKILL')
      await using second = await s.spawn()
      const doubted = await finishedOrInDoubt(second, started.id)
      const [, one] = approvalsOf(doubted)
      await decide(second, one.id, runAgain)
      await s.untilMade(2)
      await second.kill('SIGKILL')
      await using third = await s.spawn()
      const again = await until(third, started.id, 'RunPaused', 3)
      const [approval, before, now] = approvalsOf(again)
      expect([approval.status, before.id, before.status, before.revision]).toEqual(['APPROVED', one.id, 'APPROVED', 2])
      expect(now).toMatchObject({ kind: 'RECONCILIATION', status: 'PENDING', callId: approval.callId })
      expect(now.id).not.toBe(one.id)
      expect(doubtsOf(again).map((doubt) => doubt.approval.id)).toEqual([now.id])
      expect(await resolve(third, one.id, runAgain)).toMatchObject({ __typename: 'ApprovalConflictError' })
      await saysItHappened(third, again, 'told')
      expect(callsOf(await finished(third, started.id))).toMatchObject([{ status: 'SUCCEEDED', result: 'told' }])
      expect(s.made()).toHaveLength(2)
    })

    test('S1 it dies as soon as the question is answered: the answer is not lost, and lets it be made again once', async () => {
      await using s = await scene()
      await using first = await s.spawn()
      const runs = await Promise.all(
        ['a', 'b', 'c', 'd'].map((id) => start(first, { message: `once:${id}`, waitMs: 0 })),
      )
      await s.untilMade(4)
      await first.kill('SIGKILL')
      await using second = await s.spawn()
      const doubted = await Promise.all(runs.map(({ id }) => finishedOrInDoubt(second, id)))
      const answers = doubted.map((run) => resolve(second, doubtsOf(run)[0].approval.id, runAgain).catch(() => null))
      await Promise.race(answers)
      await second.kill('SIGKILL')
      await Promise.all(answers)
      s.gate.open()
      await using third = await s.spawn()
      for (const run of doubted) {
        const [doubt] = doubtsOf(run)
        const was = approvalsOf(await readRun(third, run.id))[0]
        // Answered now if it was not; what had been answered has been heard, and began the second attempt or will.
        if (was.status === 'PENDING') await resolve(third, doubt.approval.id, runAgain)
        const over = await finishedOrDoubtedAgain(run.id)
        const asked = approvalsOf(over)
        expect(asked[0]).toMatchObject({ id: doubt.approval.id, status: 'APPROVED' })
        // Begun by the second process and cut off there, or made by the third: never both.
        expect(s.made().filter((line) => line.endsWith(callsOf(over)[0].id)).length).toBeLessThanOrEqual(2)
        expect(asked.length).toBe(over.status === 'COMPLETED' ? 1 : 2)
      }

      async function finishedOrDoubtedAgain(id: string) {
        let interruptions = 0
        await eventsOf(third, id, ({ __typename }) => __typename === 'ToolCallInterrupted' && ++interruptions === 2)
        return readRun(third, id)
      }
    })
  })
})
