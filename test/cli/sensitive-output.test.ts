import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventsOf, finishedOrInDoubt, readRun, saysItHappened, start } from '../behaviours/support/api.ts'
import { openGate } from '../behaviours/support/gate.ts'
import { seeing } from '../behaviours/support/seen.ts'
import { canary, pin, ssn } from '../behaviours/support/sensitive-agents.ts'
import { type SpawnedServer, spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('a sensitive value is in nothing that a server prints or answers at level trace, also when it is killed in the middle of the call', async () => {
  using directory = temporaryDirectory()
  await using gate = await openGate()
  const effects = join(directory.path, 'effects')
  const options = {
    agents: join(import.meta.dirname, '../behaviours/support/sensitive-agents.ts'),
    database: `file:${join(directory.path, 'test.db')}`,
    env: { LOG_LEVEL: 'trace', LEASE_MS: '600', EFFECTS: effects, GATE: gate.url, NODE_DEBUG: 'http' },
  }
  writeFileSync(effects, '')
  const seen: string[] = []
  const over = (server: SpawnedServer, client: { readonly seen: readonly string[] }) => {
    seen.push(server.output(), ...client.seen)
  }

  await using first = await spawnServer(options)
  const before = seeing(first)
  const { id } = await start(before, { message: 'throws', waitMs: 0 })
  await expect.poll(() => existsSync(effects) && readFileSync(effects, 'utf8'), { timeout: 30_000 }).toContain('begun')
  await readRun(before, id)
  await first.kill('SIGKILL')
  over(first, before)

  await using second = await spawnServer(options)
  const after = seeing(second)
  const run = await finishedOrInDoubt(after, id)
  expect(run.requirements[0]).toMatchObject({ kind: 'RECONCILIATION', toolCall: { arguments: { pin: '‹hidden›' } } })
  await saysItHappened(after, run, { told: `It was ${ssn}, ${pin}.` })
  await eventsOf(after, id)
  expect(await readRun(after, id)).toMatchObject({ status: 'COMPLETED' })
  await second.kill()
  over(second, after)

  const everything = seen.join('\n')
  for (const said of ['A call was cut off', 'approval resolved', '‹hidden›']) expect(everything).toContain(said)
  expect(everything).not.toMatch(canary)
}, 120_000)
