import { describe, expect, test } from 'vitest'
import { runIdOfCall } from '../../src/ids.ts'
import type { AnyData, Client } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  decide,
  doubtsOf,
  eventsOf,
  finished,
  finishedOrInDoubt,
  readRun,
  saysItHappened,
  start,
  until,
} from './support/api.ts'
import { type Effect, sharedDatabase } from './support/servers.ts'
import { startAny } from './support/start-any.ts'

/** Long enough that a process which has to wait for its turn does not lose what it holds. */
const leaseMs = 3_000
const env = { LEASE_MS: String(leaseMs) }
const times = (count: number) => Array.from({ length: count }, (_, index) => index)
const turns = (count: number) =>
  times(count)
    .map((n) => `look:${n} look:${n}`)
    .join(' / ')

/** Starts it and waits for nothing. */
const begin = async (api: Client, message: string, agentName = 'agent'): Promise<string> =>
  (await start(api, { message, agentName, waitMs: 0 })).id

/** Throws where two processes had a call of one run under way at the same time, or a call was begun twice. */
function expectOneAtATime(effects: readonly Effect[]) {
  const begun = effects.filter(({ phase }) => phase === 'begin').map(({ callId }) => callId)
  expect(new Set(begun).size).toBe(begun.length)
  const working = new Map<string, Map<string, number>>()
  for (const { phase, callId, pid } of effects) {
    const runId = runIdOfCall(callId)
    const calls = working.get(runId) ?? new Map<string, number>()
    working.set(runId, calls)
    if (phase === 'end') calls.delete(callId)
    else calls.set(callId, pid)
    expect(new Set(calls.values()).size).toBeLessThan(2)
  }
}

/** Over, unless nobody knows whether a call that was under way had happened: then that is asked. */
function expectEnded(run: AnyData) {
  const unknown = callsOf(run).filter(({ status }) => status === 'UNKNOWN')
  expect(run.status).toBe(unknown.length > 0 ? 'PAUSED' : 'COMPLETED')
  expect(doubtsOf(run).map(({ callId }) => callId)).toEqual(unknown.map(({ id }) => id))
}

describe.skipIf(mongodbIsOff())('two servers on one MongoDB database', { timeout: 180_000 }, () => {
  test('S2 share the work: what one has no room for the other takes, and each run is worked on by one at a time', async () => {
    await using s = await sharedDatabase({ ...env, MAX_CONCURRENT_RUNS: '6' })
    const [a, b] = await s.spawnTwo()
    const ids = await Promise.all(times(11).map((n) => begin(a, `wait:${n} look:x / erase:${n} / look:y / erase:z`)))
    await Promise.all(times(11).map((n) => s.gate.arrival(`${n}`)))
    expect(new Set(s.effects().map(({ pid }) => pid))).toEqual(new Set([a.pid, b.pid]))
    s.gate.open()
    await Promise.all(
      ids.map(async (id, n) => {
        for (const turn of [1, 2]) {
          const { requirements } = await until(n % 2 ? a : b, id, 'RunPaused', turn)
          await decide((n + turn) % 2 ? a : b, requirements[0].approval.id)
        }
        expect(await finished(a, id)).toMatchObject({ status: 'COMPLETED' })
      }),
    )
    const effects = s.effects()
    expect(effects).toHaveLength(2 * 5 * 11)
    expectOneAtATime(effects)
    const workersOf = (id: string) =>
      new Set(effects.filter(({ callId }) => runIdOfCall(callId) === id).map(({ pid }) => pid))
    expect(ids.some((id) => workersOf(id).size === 2)).toBe(true)
  })

  test('S2 one is killed while it calls tools and models: the other takes its runs over within twice the lease, and runs nothing twice', async () => {
    await using s = await sharedDatabase(env)
    const [a, b] = await s.spawnTwo()
    const calling = await Promise.all(times(4).map((n) => begin(a, `wait:a${n} / look:x`)))
    const thinking = await Promise.all(times(4).map(() => begin(a, 'look:x / look:y', 'thinking')))
    const paused = await Promise.all(times(4).map(() => start(a, { message: 'erase:x / look:y' })))
    const others = await Promise.all(times(2).map((n) => begin(b, `wait:b${n} / look:x`)))
    await Promise.all(['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'model'].map((name) => s.gate.arrival(name)))

    const killed = performance.now()
    await a.kill('SIGKILL')
    const ended = await Promise.all(
      calling.map(async (id) => {
        const over = await finishedOrInDoubt(b, id)
        return { over, after: performance.now() - killed }
      }),
    )
    for (const { over, after } of ended) {
      expect(after).toBeLessThan(2 * leaseMs)
      expect(over).toMatchObject({ status: 'PAUSED', requirements: [{ kind: 'RECONCILIATION' }] })
      expect(callsOf(over)).toMatchObject([{ status: 'UNKNOWN' }])
    }
    s.gate.open()
    for (const id of [...thinking, ...others]) expect(await finished(b, id)).toMatchObject({ status: 'COMPLETED' })
    for (const run of paused) {
      expect(await readRun(b, run.id)).toEqual(run)
      await decide(b, approvalsOf(run)[0].id)
      expect(await finished(b, run.id)).toMatchObject({ status: 'COMPLETED' })
    }
    const effects = s.effects()
    expectOneAtATime(effects)
    expect(effects.filter(({ id }) => /^a\d/.test(id)).map(({ phase, pid }) => [phase, pid])).toEqual(
      calling.map(() => ['begin', a.pid]),
    )
  })

  test('S2 one is killed in the middle of its writes: the other takes its runs over all the same', async () => {
    await using s = await sharedDatabase(env)
    const [a, b] = await s.spawnTwo()
    const calling = await begin(a, 'wait:a')
    const ids = await Promise.all(times(8).map(() => begin(a, turns(8))))
    await Promise.all(ids.map((id) => until(b, id, 'ToolCallFinished')))
    const killed = performance.now()
    await a.kill('SIGKILL')
    expectEnded(await finishedOrInDoubt(b, calling))
    expect(performance.now() - killed).toBeLessThan(2 * leaseMs)
    const runs = await Promise.all(ids.map((id) => finishedOrInDoubt(b, id)))
    runs.forEach(expectEnded)
    expectOneAtATime(s.effects())
  })

  test('S3 one that sleeps past its lease and wakes writes nothing more, runs no tool again, says so, and goes on serving', async () => {
    await using s = await sharedDatabase(env)
    const [a, b] = await s.spawnTwo()
    const calling = await begin(a, 'wait:w / look:after')
    const thinking = await begin(a, 'look:x / look:y', 'thinking')
    await Promise.all([s.gate.arrival('w'), s.gate.arrival('model')])
    a.process.kill('SIGSTOP')
    const doubted = await finishedOrInDoubt(b, calling)
    expectEnded(doubted)
    s.gate.open()
    const completed = await finished(b, thinking)
    expect(completed).toMatchObject({ status: 'COMPLETED' })
    await saysItHappened(b, doubted, 'It was told.')
    const reconciled = await finished(b, calling)
    expect(reconciled).toMatchObject({ status: 'COMPLETED' })
    expect(callsOf(reconciled)).toMatchObject([{ result: 'It was told.' }, { status: 'SUCCEEDED' }])
    const told = await Promise.all([calling, thinking].map((id) => eventsOf(b, id)))
    a.process.kill('SIGCONT')

    // The tool that slept comes to its end, and the model's answer is there: neither is written.
    await expect.poll(() => a.output().match(/Lost the lease of a run/g)?.length, { timeout: 60_000 }).toBe(2)
    expect(a.output()).toContain(calling)
    expect(a.output()).toContain(thinking)
    expect(await start(a, { message: 'look:z' })).toMatchObject({ status: 'COMPLETED' })
    expect((await fetch(`${a.url}/ready`)).status).toBe(200)
    expect(await Promise.all([calling, thinking].map((id) => eventsOf(a, id)))).toEqual(told)
    expect([await readRun(a, calling), await readRun(a, thinking)]).toEqual([reconciled, completed])
    const made = s.effects().filter(({ phase }) => phase === 'begin')
    expect(made.map(({ id, pid }) => [id, pid]).slice(0, 4)).toEqual([
      ['w', a.pid],
      ['x', b.pid],
      ['y', b.pid],
      ['after', b.pid],
    ])
    expect(made.map(({ id }) => id)).toEqual(['w', 'x', 'y', 'after', 'z'])
  })

  test('S3 one that falls asleep anywhere in many runs, and wakes in the middle of their being taken over: no call is made twice', async () => {
    await using s = await sharedDatabase(env)
    const [a, b] = await s.spawnTwo()
    const ids = await Promise.all(times(8).map(() => begin(a, turns(8))))
    await Promise.all(ids.map((id) => until(b, id, 'ToolCallFinished')))
    a.process.kill('SIGSTOP')
    await Promise.race(ids.map((id) => untilWorkedOnBy(b.pid, id)))
    a.process.kill('SIGCONT')
    const runs = await Promise.all(ids.map((id) => finishedOrInDoubt(a, id)))
    runs.forEach(expectEnded)
    expectOneAtATime(s.effects())

    async function untilWorkedOnBy(pid: number, id: string) {
      const isTaken = () => s.effects().some((effect) => effect.pid === pid && runIdOfCall(effect.callId) === id)
      await expect.poll(isTaken, { timeout: 60_000, interval: 5 }).toBe(true)
    }
  })

  describe('S7 an agent that only one process serves', () => {
    const serves = { SERVES: 'agent,thinking,rare' }

    test('S7 its runs go on there, wherever they are decided', async () => {
      await using s = await sharedDatabase(env)
      const [a, b] = await Promise.all([s.spawn(serves), s.spawn()])
      expect(await startAny(b, { agentName: 'rare' })).toMatchObject({ __typename: 'NotFoundError' })
      const runs = await Promise.all(
        times(5).map(() => start(a, { agentName: 'rare', message: 'erase:x erase:y / look:z' })),
      )
      for (const run of runs) for (const { id } of approvalsOf(run)) await decide(b, id)
      for (const { id } of runs) expect(await finished(b, id)).toMatchObject({ status: 'COMPLETED' })
      expect(s.begun()).toHaveLength(15)
      expect(new Set(s.effects().map(({ pid }) => pid))).toEqual(new Set([a.pid]))
    })

    test('S7 its runs wait while that process is gone, and nobody fails them', async () => {
      await using s = await sharedDatabase(env)
      const [a, b] = await Promise.all([s.spawn(serves), s.spawn()])
      const calling = await begin(a, 'wait:w', 'rare')
      await s.gate.arrival('w')
      const [decided, cancelled] = await Promise.all(
        times(2).map(() => start(a, { agentName: 'rare', message: 'erase:x' })),
      )
      await a.kill('SIGKILL')
      await decide(b, approvalsOf(decided)[0].id)
      await until(b, decided.id, 'ToolCallsDecided')
      // What is over needs no agent to end.
      expect(await cancel(b, cancelled.id)).toMatchObject({
        __typename: 'CancelRunSuccess',
        run: { status: 'CANCELLED' },
      })
      // Longer than a takeover takes: b takes over the run of another process that died.
      const c = await s.spawn()
      const other = await begin(c, 'wait:c')
      await s.gate.arrival('c')
      await c.kill('SIGKILL')
      expectEnded(await finishedOrInDoubt(b, other))
      expect(await readRun(b, calling)).toMatchObject({ status: 'RUNNING' })
      expect(await readRun(b, decided.id)).toMatchObject({ status: 'PAUSED', requirements: [] })

      // Who has not the agent says that there are such, once.
      const told = () => b.output().match(/Runs wait for an agent that this server does not have/g)
      await expect.poll(() => told()?.length, { timeout: 60_000 }).toBe(1)
      const again = await s.spawn(serves)
      expect(await finished(b, decided.id)).toMatchObject({ status: 'COMPLETED' })
      expectEnded(await finishedOrInDoubt(b, calling))
      expect(
        s
          .effects()
          .filter(({ id }) => id === 'x')
          .map(({ pid }) => pid),
      ).toEqual([again.pid, again.pid])
    })
  })
})
