import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import type { AnyData, Variables } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { failPoint } from '../support/mongodb-fail-point.ts'
import { mongoProxy } from '../support/mongodb-proxy.ts'
import { startMongoServer } from '../support/mongodb-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'
import { agentOf } from './support/agents.ts'
import { approvalsOf, callsOf, eventsOf, readRun, typesOf } from './support/api.ts'
import * as documents from './support/documents.ts'
import { allPending, followPending, pendingDocument } from './support/pending-client.ts'

/** In ms, by the URL. */
const timeouts = {
  serverSelectionTimeoutMS: 1_000,
  socketTimeoutMS: 4_000,
  connectTimeoutMS: 2_000,
  heartbeatFrequencyMS: 500,
}
/** A request that finds out that the server is gone, or hangs, and one that comes when this is known: it looks once, and a decision a second time. */
const foundWithin = 2 * timeouts.socketTimeoutMS + 2 * timeouts.serverSelectionTimeoutMS + 3_000
const knownWithin = timeouts.serverSelectionTimeoutMS + 3_000
/** How long is waited, in ms, for what comes by itself: on a busy machine the server takes its time. */
const eventually = 60_000

/** A server of ours, on a MongoDB of its own behind a proxy, whose one tool writes the id of each call to a file. */
async function scene() {
  await using opening = new AsyncDisposableStack()
  const mongodb = opening.use(await startMongoServer())
  const proxy = opening.use(await mongoProxy(mongodb))
  const effects = join(opening.use(temporaryDirectory()).path, 'effects')
  writeFileSync(effects, '')
  const note = tool({
    inputSchema: z.object({}),
    approval: 'required',
    execute: (_, { toolCallId }) => appendFileSync(effects, `${toolCallId}\n`),
  })
  const { agent } = agentOf({ note }, [[{ call: 'note', input: {} }]])
  const options = Object.entries(timeouts).map(([name, ms]) => `&${name}=${ms}`)
  const database = `${proxy.url('faults')}${options.join('')}`
  const api = opening.use(await testServer({ agents: [agent], database, leaseMs: 5_000, logLevel: 'silent' }))
  const opened = opening.move()
  onTestFinished(() => opened.disposeAsync())

  /** How long the requests took that were refused. */
  const refused: number[] = []

  /** Asks until there is an answer. What is refused says that it may be asked again, and nothing else. */
  async function ask(document: string, variables: Variables, as: string): Promise<AnyData> {
    for (;;) {
      const asked = performance.now()
      const { data, errors } = await api.graphql(document, variables, as)
      if (!errors) return data
      refused.push(performance.now() - asked)
      for (const { extensions } of errors) expect(extensions).toEqual({ code: 'UNAVAILABLE', retryAfterMs: 1_000 })
      await delay(50)
    }
  }
  /** The run once it does not work any more. What was acknowledged is there, whatever has happened since. */
  async function rest(id: string, from: string): Promise<AnyData> {
    while ((await ask('query ($id: ID!) { run(id: $id) { status } }', { id }, 'admin-1')).run.status === from)
      await delay(250)
    return (await ask(documents.run, { id }, 'admin-1')).run
  }

  async function pause(key: string): Promise<AnyData> {
    const input = { agentName: 'agent', message: 'Do it.', idempotencyKey: key }
    const { startRun } = await ask(documents.startRun, { input }, 'requester-1')
    expect(startRun.__typename).toBe('StartRunSuccess')
    return rest(startRun.run.id, 'RUNNING')
  }
  async function approve(run: AnyData): Promise<void> {
    const [{ id }] = approvalsOf(run)
    const input = { approvalId: id, decision: { approve: {} }, idempotencyKey: id }
    const { resolveApproval } = await ask(documents.resolveApproval, { input }, 'approver-1')
    expect(resolveApproval.__typename).toBe('ResolveApprovalSuccess')
  }
  const lines = () => readFileSync(effects, 'utf8').split('\n').filter(Boolean)
  return {
    api,
    mongodb,
    proxy,
    refused,
    pause,
    approve,
    /** Start, pause, resolve, tool, end. */
    async cycle(key: string): Promise<string> {
      const run = await pause(key)
      await approve(run)
      await rest(run.id, 'PAUSED')
      return (await rest(run.id, 'RUNNING')).id
    },
    effects: lines,
    untilEffects: (count: number) =>
      vi.waitFor(() => expect(lines().length).toBeGreaterThanOrEqual(count), 2 * eventually),
    ready: async () => (await fetch(`${api.url}/ready`)).status,
    /** Each run has its end, each decision stands once, each call was made once. */
    async expectWhole(ids: readonly string[]) {
      const calls = []
      for (const id of ids) {
        const run = await readRun(api, id)
        expect(run).toMatchObject({ status: 'COMPLETED', error: null })
        const [approval] = approvalsOf(run)
        expect(approval).toMatchObject({
          status: 'APPROVED',
          revision: 2,
          resolution: { resolvedBy: { id: 'prn_approver-1' } },
        })
        calls.push(...callsOf(run).map((call) => call.id))
        const events = typesOf(await eventsOf(api, id))
        for (const once of [
          'ToolCallsProposed',
          'RunPaused',
          'ToolCallsDecided',
          'ToolCallStarted',
          'ToolCallFinished',
          'RunCompleted',
        ])
          expect(events.filter((type) => type === once)).toEqual([once])
      }
      expect(calls).toHaveLength(ids.length)
      expect(lines().sort()).toEqual(calls.sort())
    },
  }
}

/** As many at a time, each one cycle after the other. */
const cycles = async (s: Awaited<ReturnType<typeof scene>>, clients: number, each: number): Promise<string[]> => {
  const done = Array.from({ length: clients }, async (_, client) => {
    const ids: string[] = []
    for (let n = 0; n < each; n += 1) ids.push(await s.cycle(`${client} ${n}`))
    return ids
  })
  return (await Promise.all(done)).flat()
}

describe.skipIf(mongodbIsOff())('on MongoDB', { timeout: 300_000 }, () => {
  test('S4 the database is killed twice under 32 cycles: each is refused in time or done once, and it heals', async () => {
    const s = await scene()
    const { api, mongodb } = s
    const watched = await s.pause('watched')
    await using consoleEvents = api.subscribe(pendingDocument, { first: 200 }, 'approver-1')
    const seen = followPending(consoleEvents)
    const events = eventsOf(api, watched.id)
    await vi.waitFor(() => expect(seen.known()).toEqual({ [approvalsOf(watched)[0].id]: 1 }), eventually)

    const working = cycles(s, 32, 1)
    working.catch(() => {})
    for (const effects of [3, 12]) {
      await s.untilEffects(effects)
      await mongodb.kill('SIGKILL')
      expect(await s.ready()).toBe(503)
      await delay(2 * timeouts.serverSelectionTimeoutMS)
      const asked = performance.now()
      const { data, errors } = await api.graphql(documents.run, { id: watched.id }, 'admin-1')
      expect([data?.run ?? null, errors]).toMatchObject([
        null,
        [{ extensions: { code: 'UNAVAILABLE', retryAfterMs: 1_000 } }],
      ])
      expect(performance.now() - asked).toBeLessThan(knownWithin)
      expect(await s.ready()).toBe(503)
      await mongodb.restart()
      await vi.waitFor(async () => expect(await s.ready()).toBe(200), eventually)
    }
    const ids = await working
    expect(s.refused.length).toBeGreaterThan(32)
    expect(Math.max(...s.refused)).toBeLessThan(foundWithin)

    // Those who watched through it all have what there is.
    expect(await allPending(api)).toEqual({ [approvalsOf(watched)[0].id]: 1 })
    await vi.waitFor(() => expect(seen.known()).toEqual({ [approvalsOf(watched)[0].id]: 1 }), eventually)
    expect(seen.snapshots).toContain('RESYNC')
    await s.approve(watched)
    expect(typesOf(await events).at(-1)).toBe('RunCompleted')
    await vi.waitFor(() => expect(seen.known()).toEqual({}), eventually)
    await s.expectWhole([watched.id, ...ids])
  })

  test('S4 the database hangs under 32 cycles: each is refused in time or done once, and it heals', async () => {
    const s = await scene()
    const { api, mongodb } = s
    const watched = await s.pause('watched')
    const events = eventsOf(api, watched.id)
    const working = cycles(s, 32, 1)
    working.catch(() => {})
    await s.untilEffects(3)
    mongodb.freeze()
    expect(await s.ready()).toBe(503)
    await delay(timeouts.connectTimeoutMS + timeouts.heartbeatFrequencyMS + 1_000)
    const asked = performance.now()
    const { errors } = await api.graphql(documents.run, { id: watched.id }, 'admin-1')
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', retryAfterMs: 1_000 } }])
    expect(performance.now() - asked).toBeLessThan(knownWithin)
    mongodb.thaw()
    await vi.waitFor(async () => expect(await s.ready()).toBe(200), eventually)
    const ids = await working
    expect(s.refused.length).toBeGreaterThan(0)
    expect(Math.max(...s.refused)).toBeLessThan(foundWithin)
    await s.approve(watched)
    expect(typesOf(await events).at(-1)).toBe('RunCompleted')
    await s.expectWhole([watched.id, ...ids])
  })

  test('S6 writes that are lost, unconfirmed, refused or collide, one after the other under 8 cycles: each call is made once', async () => {
    const s = await scene()
    const unconfirmed = { code: 64, codeName: 'WriteConcernTimeout', errmsg: 'waiting', errInfo: { wtimeout: true } }
    const faults = ['findAndModify', 'insert', 'update', 'commitTransaction', 'abortTransaction', 'find'].flatMap(
      (command) => [
        { failCommands: [command], closeConnection: true },
        { failCommands: [command], errorCode: 10107 },
        { failCommands: [command], errorCode: 112 },
        ...(command === 'findAndModify' || command === 'commitTransaction'
          ? [{ failCommands: [command], writeConcernError: unconfirmed }]
          : []),
      ],
    )
    let over = false
    const working = cycles(s, 8, 3).finally(() => {
      over = true
    })
    working.catch(() => {})
    const made = new Set<string>()
    while (!over) {
      for (const [n, fault] of faults.entries()) {
        if (over) break
        await using _ = await failPoint(s.mongodb, fault, 1 + (n % 5))
        s.proxy.loseAnswers(['commitTransaction', 'findAndModify', 'insert'][n % 3] ?? '', 1 + (n % 4))
        made.add(JSON.stringify(fault))
        await delay(60)
      }
    }
    s.proxy.loseAnswers('', 0)
    await s.expectWhole(await working)
    expect(made.size).toBe(faults.length)
  })
})
