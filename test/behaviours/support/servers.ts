import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConnectionString } from 'mongodb-connection-string-url'
import type { CallId } from '../../../src/ids.ts'
import { mongoDatabase } from '../../support/mongodb-database.ts'
import { type SpawnedServer, spawnServer } from '../../support/spawn-server.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { type Gate, openGate } from './gate.ts'

/** What a tool of `shared-agents.ts` wrote. */
export type Effect = {
  readonly phase: 'begin' | 'end'
  readonly id: string
  readonly callId: CallId
  readonly pid: number
}

/** One MongoDB database, and server processes on it with the agents of `shared-agents.ts`; all end with their scope. */
export type Servers = AsyncDisposable & {
  readonly gate: Gate
  /** In the order in which they were written. */
  effects(): Effect[]
  /** The calls that were begun, in order. */
  begun(): string[]
  spawn(env?: Record<string, string>): Promise<SpawnedServer>
  /** Two that start at once. */
  spawnTwo(env?: Record<string, string>): Promise<[SpawnedServer, SpawnedServer]>
}

export async function sharedDatabase(env: Record<string, string> = {}): Promise<Servers> {
  await using opening = new AsyncDisposableStack()
  const url = new ConnectionString(opening.use(mongoDatabase()).url)
  // A thousand requests at once wait for a connection for as long as this machine needs.
  url.searchParams.set('waitQueueTimeoutMS', '60000')
  const gate = opening.use(await openGate())
  const path = join(opening.use(temporaryDirectory()).path, 'effects')
  writeFileSync(path, '')
  const opened = opening.move()
  const agents = join(import.meta.dirname, 'shared-agents.ts')
  const spawn = async (more: Record<string, string> = {}) =>
    opened.use(
      await spawnServer({
        agents,
        authenticated: true,
        database: url.toString(),
        env: { EFFECTS: path, GATE: gate.url, ...env, ...more },
      }),
    )
  const effects = (): Effect[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  return {
    gate,
    effects,
    begun: () => effects().flatMap(({ phase, callId }) => (phase === 'begin' ? [callId] : [])),
    spawn,
    spawnTwo: (more) => Promise.all([spawn(more), spawn(more)]),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
