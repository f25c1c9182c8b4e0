import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunId } from '../../src/ids.ts'
import { readEntry } from '../../src/runs/journal.ts'
import type { AnyData, Events } from '../support/client.ts'
import { type SpawnedServer, spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { callsOf, doubtsOf, eventsOf, finished, finishedOrInDoubt, start, typesOf } from './support/api.ts'
import { openGate } from './support/gate.ts'
import { forEachStore } from './support/stores.ts'

const graceMs = 10_000
const pending = 'subscription { pendingApprovals { __typename } }'
const events = 'subscription ($runId: ID!) { runEvents(runId: $runId) { __typename } }'

/** 100 of each, half of them on the inbox and half on the run, all of which have begun. */
async function watchers(server: SpawnedServer, runId: string): Promise<Record<'sse' | 'subscribe', Events<AnyData>[]>> {
  const fifty = Array.from({ length: 50 })
  const of = (how: 'sse' | 'subscribe') =>
    fifty.flatMap(() => [server[how](pending, {}, 'approver-1'), server[how](events, { runId })])
  const all = { sse: of('sse'), subscribe: of('subscribe') }
  await Promise.all([...all.sse, ...all.subscribe].map((one) => one.data()))
  return all
}

async function rest(stream: Events<AnyData>): Promise<string> {
  try {
    for await (const { errors } of stream) if (errors) return JSON.stringify(errors)
    return 'complete'
  } catch (closed) {
    return `closed with ${(closed as { code?: number }).code}`
  }
}
const all = <Each>(each: Each) => Array.from({ length: 100 }, () => each)

forEachStore(({ database, open }) => {
  async function scene() {
    await using opened = new AsyncDisposableStack()
    const db = opened.use(database())
    const gate = opened.use(await openGate())
    const effects = join(opened.use(temporaryDirectory()).path, 'effects')
    writeFileSync(effects, '')
    const options = {
      agents: join(import.meta.dirname, 'support/held-agents.ts'),
      authenticated: true,
      database: db.url,
      env: { EFFECTS: effects, GATE: gate.url, GRACE_MS: String(graceMs), LEASE_MS: '600' },
    }
    const owned = opened.move()
    return {
      gate,
      spawn: () => spawnServer(options),
      /** How the server left these runs: whether somebody has them, and their last entry. */
      async left(...ids: RunId[]) {
        await using store = await open(db.url)
        return await Promise.all(
          ids.map(async (id) => {
            const [run, entries] = [await store.runs.get(id), await store.journal.read(id, 0, 100)]
            return { isHeld: run?.lease !== null, last: entries.map((entry) => readEntry(entry).type).at(-1) }
          }),
        )
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  }

  test('W8 SIGTERM with 100 WebSockets, 100 SSE streams, a tool that ends in time and one that ignores everything: all are told, exit 0 within the grace period, what was given is on record and the rest is asked about', {
    timeout: 180_000,
  }, async () => {
    await using s = await scene()
    await using server = await s.spawn()
    const ending = await start(server, { agentName: 'looks', waitMs: 0 })
    const endless = await start(server, { agentName: 'looks-beside', waitMs: 0 })
    await Promise.all([s.gate.arrival('look'), s.gate.arrival('beside')])
    const { sse, subscribe } = await watchers(server, ending.id)

    const began = performance.now()
    const exited = server.kill('SIGTERM')
    expect(await Promise.all(subscribe.map(rest))).toEqual(all('closed with 1001'))
    expect(await Promise.all(sse.map(rest))).toEqual(all('complete'))
    expect((await fetch(`${server.url}/ready`)).status).toBe(503)
    expect(await server.graphql('{ __typename }')).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] })
    await expect(server.subscribe(pending).data()).rejects.toMatchObject({ message: 'Unexpected server response: 503' })
    expect(server.process.exitCode).toBeNull()
    s.gate.open('look')
    expect(await exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(graceMs)

    expect(await s.left(ending.id, endless.id)).toEqual([
      { isHeld: false, last: 'call-finished' },
      { isHeld: true, last: 'call-started' },
    ])
    await using next = await s.spawn()
    expect(callsOf(await finished(next, ending.id))).toMatchObject([{ status: 'SUCCEEDED', result: { done: 'look' } }])
    expect(typesOf(await eventsOf(next, ending.id))).not.toContain('ToolCallInterrupted')
    const doubts = doubtsOf(await finishedOrInDoubt(next, endless.id))
    expect(doubts).toMatchObject([{ toolCall: { status: 'UNKNOWN', arguments: { id: 'beside' } } }])
  })
})
