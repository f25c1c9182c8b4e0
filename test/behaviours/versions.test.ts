import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { emptyState, fold } from '../../src/runs/fold.ts'
import { readEntries } from '../../src/runs/journal.ts'
import { fixtureAgents } from '../fixtures/agents.ts'
import { type Fixture, restore } from '../fixtures/dump.ts'
import type { AnyData } from '../support/client.ts'
import { testServer } from '../support/test-server.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  doubtsOf,
  finished,
  finishedOrInDoubt,
  readRun,
  start,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const versions = readdirSync(fixtures).filter((name) => /^v\d+$/.test(name))

forEachStore(({ name, database, open }) => {
  describe.each(versions)('a database as %s left it', (version) => {
    async function restored() {
      const { dump, ...fixture }: Fixture = JSON.parse(
        readFileSync(join(fixtures, version, `${name.toLowerCase()}.json`), 'utf8'),
      )
      await using opening = new AsyncDisposableStack()
      const { url } = opening.use(database())
      await restore(url, dump)
      const opened = opening.move()
      return { ...fixture, url, [Symbol.asyncDispose]: () => opened.disposeAsync() }
    }

    test('its journals fold to what the records of their runs say', async () => {
      await using there = await restored()
      await using store = await open(there.url)
      const ids = Object.values(there.runs)
      expect(ids.length).toBeGreaterThan(12)
      for (const id of ids) {
        const run = await store.runs.get(id as never)
        const records = await store.journal.read(id as never, 0, 1_000)
        const state = fold(emptyState, readEntries(records, { seq: 0, prev: '' }), records.at(-1)?.text)
        const { status, output, error, finishedAt, seq } = state
        expect(run).toMatchObject({ v: 1, status, output, error, finishedAt, seq })
      }
    })

    test('what waited is decided as it was shown, and every run comes to its end', async () => {
      await using there = await restored()
      const { agents, kept } = fixtureAgents('fair')
      await using api = await testServer({ agents, database: there.url })
      const run = (scene: string) => readRun(api, there.runs[scene] ?? '')
      const end = (scene: string) => finished(api, there.runs[scene] ?? '')
      const pendingOf = async (scene: string) =>
        approvalsOf(await run(scene)).find(({ status }) => status === 'PENDING') as AnyData
      const approve = async (scene: string, more: object = {}) => {
        const { id, fingerprint, revision } = await pendingOf(scene)
        await decide(api, id, { expectedFingerprint: fingerprint, expectedRevision: revision, ...more })
      }
      const answer = async (scene: string) => {
        const answers = (await run(scene)).requirements.map(({ callId }: AnyData) => ({
          ...{ callId, decision: { approve: {} } },
        }))
        expect(await continueRun(api, there.runs[scene] ?? '', { answers })).toMatchObject({
          __typename: 'ContinueRunSuccess',
        })
      }
      // These need nobody.
      expect(await end('unheard')).toMatchObject({ status: 'COMPLETED', output: 'Done: erase:unheard' })
      expect(callsOf(await end('expired'))).toMatchObject([{ status: 'EXPIRED' }])
      const cut = await finishedOrInDoubt(api, there.runs.cutOff ?? '')
      expect(callsOf(cut)).toMatchObject([{ status: 'UNKNOWN' }, { status: 'SUCCEEDED' }])

      await approve('required')
      await approve('half')
      await approve('userInput', { decision: { approve: { values: { cents: 7 } } } })
      await approve('external', { decision: { approve: { outcome: { success: { result: 'shipped' } } } } })
      const [inner] = (await run('nested')).requirements
      expect(inner).toMatchObject({ path: ['agent', 'helper'] })
      await decide(api, inner.approval.id)
      for (const scene of ['audit', 'plain']) await answer(scene)
      for (const scene of ['manual', 'failed'])
        expect(await continueRun(api, there.runs[scene] ?? '')).toMatchObject({ __typename: 'ContinueRunSuccess' })
      const happened = { decision: { reconcile: { happened: { success: { result: 'It did.' } } } } }
      const again = { decision: { reconcile: { runAgain: { confirm: true } } } }
      await decide(api, doubtsOf(cut)[0]?.approval.id, happened)
      await decide(api, doubtsOf(await run('doubted'))[0]?.approval.id, again)

      const waiting = ['required', 'half', 'userInput', 'external', 'nested', 'audit', 'plain', 'manual', 'failed']
      for (const scene of [...waiting, 'cutOff', 'doubted'])
        expect(await end(scene)).toMatchObject({ status: 'COMPLETED', error: null })
      expect(await run('rejected')).toMatchObject({ status: 'COMPLETED' })
      expect(callsOf(await run('rejected'))).toMatchObject([{ status: 'REJECTED' }])
      const [rejected] = approvalsOf(await run('rejected'))
      expect([rejected, ...rejected.history.edges.map(({ node }: AnyData) => node)]).toMatchObject([
        { resolution: { via: null } },
        { via: null },
        { via: null },
      ])
      expect(await run('cancelled')).toMatchObject({ status: 'CANCELLED' })
      const made = kept.inputs().map((input) => JSON.stringify(input))
      const once = ['required', 'one', 'two', 'nested', 'audit', 'plain', 'manual', 'unheard', 'doubted']
      const expected = [...once, 'cutOff'].map((id) => JSON.stringify({ id }))
      expect(made.sort()).toEqual([...expected, JSON.stringify({ cents: 7, id: 'userInput' })].sort())
    })

    test('a later run of a session hears what was said, and an API key is still one', async () => {
      await using there = await restored()
      const { agents } = fixtureAgents('fair')
      {
        await using api = await testServer({ agents, database: there.url })
        const later = await start(api, { message: 'read:later', sessionId: 'told' })
        expect(later).toMatchObject({ status: 'COMPLETED', output: 'Done: read:later' })
      }
      await using api = await testServer({ agents, database: there.url, authenticate: null })
      const viewer = await api.data('{ viewer { principal { id } roles tenant } }', {}, there.token)
      expect(viewer).toEqual({
        viewer: { principal: { id: 'prn_fixture' }, roles: ['AUDITOR'], tenant: 'default' },
      })
    })
  })
})
