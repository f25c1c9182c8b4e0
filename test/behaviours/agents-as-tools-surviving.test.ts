import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnyData, Client } from '../support/client.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import {
  callsOf,
  cancel,
  decide,
  doubtsOf,
  eventsOf,
  finished,
  finishedOrInDoubt,
  listApprovals,
  readRun,
  saysItHappened,
  start,
  typesOf,
} from './support/api.ts'
import { openGate } from './support/gate.ts'
import { childOf } from './support/nested.ts'
import { forEachStore } from './support/stores.ts'

const agents = join(import.meta.dirname, 'support/nested-agents.ts')

forEachStore(({ name, database }) => {
  async function scene() {
    await using opened = new AsyncDisposableStack()
    const db = opened.use(database())
    const gate = opened.use(await openGate())
    const effects = join(opened.use(temporaryDirectory()).path, 'effects')
    writeFileSync(effects, '')
    const env = { EFFECTS: effects, GATE: gate.url, LEASE_MS: '900' }
    const owned = opened.move()
    const spawn = async () => owned.use(await spawnServer({ agents, authenticated: true, database: db.url, env }))
    const first = await spawn()
    return {
      gate,
      first,
      effects: () => readFileSync(effects, 'utf8').split('\n').filter(Boolean),
      /** Kills it; another one, which on MongoDB is there already, goes on. */
      async takeOver() {
        const other = name === 'MongoDB' ? await spawn() : null
        await first.kill('SIGKILL')
        return other ?? (await spawn())
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  }

  /** The runs that `outer` asked for, from the outside in. */
  async function within(api: Client, id: string): Promise<AnyData[]> {
    const middle = await childOf(api, id)
    return [await readRun(api, middle.id), await readRun(api, (await childOf(api, middle.id)).id)]
  }

  /** Both levels of agent calls are answered, and no record asks anybody what became of them. */
  async function expectJoined(api: Client, id: string) {
    const [middle] = await within(api, id)
    for (const run of [await readRun(api, id), middle]) {
      expect(run).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      expect(callsOf(run)).toMatchObject([{ toolName: 'ask', status: 'SUCCEEDED' }])
      expect(typesOf(await eventsOf(api, run.id)).filter((type) => type === 'ChildRunStarted')).toHaveLength(1)
    }
    expect((await listApprovals(api, {})).filter(({ kind }) => kind === 'RECONCILIATION')).toEqual([])
  }

  // Each starts two or three servers.
  describe('S1 a process that is killed in the middle of runs within runs', { timeout: 120_000 }, () => {
    test('S1 while the innermost model thinks: all are taken over, and what it had done is there once', async () => {
      await using s = await scene()
      const run = await start(s.first, { agentName: 'outer', message: 'look think', waitMs: 0 })
      await s.gate.arrival('think')
      const second = await s.takeOver()
      s.gate.open()
      expect(await finished(second, run.id)).toMatchObject({ status: 'COMPLETED' })
      await expectJoined(second, run.id)
      expect(s.effects()).toEqual(['look0'])
    })

    test('S1 while all are paused, and again right after the decision: it is made once, and all go on', async () => {
      await using s = await scene()
      const run = await start(s.first, { agentName: 'outer', message: 'look pay look' })
      expect(run).toMatchObject({ status: 'PAUSED', requirements: [{ path: ['outer', 'middle', 'inner'] }] })
      const second = await s.takeOver()
      expect(await readRun(second, run.id)).toEqual(run)
      await decide(second, run.requirements[0].approval.id)
      await second.kill('SIGKILL')
      const third = await s.takeOver()
      // Where it died between the call and its record nobody knows, and a person says what became of it.
      const innermost = () => within(third, run.id).then(([, inner]) => inner)
      const stopped = await finishedOrInDoubt(third, (await innermost()).id)
      await saysItHappened(third, stopped)
      const over = await finished(third, run.id)
      const [middle, inner] = await within(third, run.id)
      const effects = s.effects()
      expect(new Set(effects).size).toBe(effects.length)
      if (doubtsOf(stopped).length === 0) expect(effects).toEqual(['look0', 'pay1', 'look2'])
      expect([over.status, middle.status, inner.status]).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED'])
    })

    test('S1 while a tool of the innermost runs: all wait until somebody says what became of it, and nobody asks about the agents', async () => {
      await using s = await scene()
      const run = await start(s.first, { agentName: 'outer', message: 'look wait', waitMs: 0 })
      await s.gate.arrival('wait1')
      const second = await s.takeOver()
      s.gate.open()
      const waiting = await finishedOrInDoubt(second, run.id)
      expect(waiting).toMatchObject({
        status: 'PAUSED',
        requirements: [{ kind: 'RECONCILIATION', path: ['outer', 'middle', 'inner'], toolCall: { status: 'UNKNOWN' } }],
      })
      await saysItHappened(second, waiting)
      expect(await finished(second, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const [middle, inner] = await within(second, run.id)
      expect([middle.status, inner.status]).toEqual(['COMPLETED', 'COMPLETED'])
      expect(callsOf(inner).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED'])
      expect((await listApprovals(second, { kind: ['RECONCILIATION'] })).map(({ toolName }) => toolName)).toEqual([
        'wait',
      ])
      expect(s.effects()).toEqual(['look0', 'wait1'])
    })

    test('S1 while a cancel of the outer one waits for a tool of the innermost: all come to an end', async () => {
      await using s = await scene()
      const run = await start(s.first, { agentName: 'outer', message: 'wait look', waitMs: 0 })
      await s.gate.arrival('wait0')
      const cancelling = cancel(s.first, run.id).catch(() => null)
      await expect.poll(s.effects).toContain('aborted')
      const second = await s.takeOver()
      await cancelling
      s.gate.open()
      expect(await finished(second, run.id)).toMatchObject({ status: 'CANCELLED' })
      const [middle, inner] = await within(second, run.id)
      expect([middle.status, inner.status]).toEqual(['CANCELLED', 'CANCELLED'])
      expect(callsOf(inner)).toMatchObject([{ status: 'UNKNOWN' }])
      expect(s.effects()).toEqual(['wait0', 'aborted'])
    })
  })
})
