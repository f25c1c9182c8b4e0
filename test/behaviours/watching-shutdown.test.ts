import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AnyData, Events } from '../support/client.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { agentOf } from './support/agents.ts'
import { finished, readRun, start } from './support/api.ts'
import * as documents from './support/documents.ts'
import { openGate } from './support/gate.ts'
import { forEachStore } from './support/stores.ts'

const graceMs = 8_000

async function drained(stream: Events<AnyData>): Promise<void> {
  for await (const { errors } of stream) expect(errors).toBeUndefined()
}

forEachStore(({ serve, database }) => {
  async function scene() {
    await using opened = new AsyncDisposableStack()
    const db = opened.use(database())
    const gate = opened.use(await openGate())
    const directory = opened.use(temporaryDirectory())
    const effects = join(directory.path, 'effects')
    writeFileSync(effects, '')
    const options = {
      agents: join(import.meta.dirname, 'support/held-agents.ts'),
      authenticated: true,
      database: db.url,
      env: { EFFECTS: effects, GATE: gate.url, LEASE_MS: '600' },
    }
    const owned = opened.move()
    return {
      gate,
      spawn: () => spawnServer(options),
      effects: () => readFileSync(effects, 'utf8'),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  }

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'W8 %s with open SSE and WebSocket subscriptions and a request under way: all end and say so, readiness fails, exit 0',
    async (signal) => {
      await using s = await scene()
      await using server = await s.spawn()
      await start(server, { agentName: 'pauses' })
      const underWay = start(server, { agentName: 'looks', idempotencyKey: 'one' })
      await s.gate.arrival('look')
      const { runs } = await server.data(
        '{ runs(filter: { status: [RUNNING] }) { edges { node { id } } } }',
        {},
        'admin-1',
      )
      const runId = runs.edges[0].node.id
      const watching = (how: 'sse' | 'subscribe') => [
        server[how]<AnyData>(documents.pendingApprovals, {}, 'approver-1'),
        server[how]<AnyData>(documents.runEvents, { runId, after: 0 }, 'requester-1'),
      ]
      const [streams, onSockets] = [watching('sse'), watching('subscribe')]
      for (const stream of [...streams, ...onSockets]) await stream.data()

      const began = performance.now()
      const exited = server.kill(signal)
      // Whatever was still on its way comes first; then each stream says that it is complete, and each socket that the server goes.
      for (const stream of streams) await drained(stream)
      for (const stream of onSockets) await expect(drained(stream)).rejects.toMatchObject({ code: 1001 })
      const ready = await fetch(`${server.url}/ready`)
      expect(ready.status).toBe(503)
      expect(server.process.exitCode).toBeNull()
      // The wait is over and its request answered with the run as it is; the run itself has its tool's time still.
      expect(await underWay).toMatchObject({ id: runId, status: 'RUNNING', output: null })
      s.gate.open()
      expect(await exited).toEqual({ code: 0, signal: null })
      expect(performance.now() - began).toBeLessThan(graceMs)

      await using next = await s.spawn()
      expect(await finished(next, runId)).toMatchObject({ status: 'COMPLETED' })
      expect(s.effects()).toBe('look\n')
    },
  )

  test('W8 a run that is worked on with nobody waiting for it goes on after the restart, and its call was made once', async () => {
    await using s = await scene()
    await using server = await s.spawn()
    const { id } = await start(server, { agentName: 'looks', waitMs: 0 })
    await s.gate.arrival('look')
    const exited = server.kill('SIGTERM')
    s.gate.open()
    expect(await exited).toEqual({ code: 0, signal: null })
    await using next = await s.spawn()
    expect(await finished(next, id)).toMatchObject({ status: 'COMPLETED', output: 'Looked.' })
    expect(await readRun(next, id)).toMatchObject({ error: null })
    expect(s.effects()).toBe('look\n')
  })

  test('W8 connections on which nothing was ever asked, as browsers keep them ready, do not hold it up', async () => {
    await using api = await serve({ agents: [agentOf({}, []).agent], graceMs: 20_000 })
    const { hostname, port } = new URL(api.url)
    const spare = connectTcp(Number(port), hostname)
    await once(spare, 'connect')
    const closed = once(spare.resume(), 'close')
    await start(api)
    const began = performance.now()
    await api.server.close()
    expect(performance.now() - began).toBeLessThan(5_000)
    await closed
  })
})
