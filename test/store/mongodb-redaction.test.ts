import { join } from 'node:path'
import { inspect } from 'node:util'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { type MongoServer, startMongoServer } from '../support/mongodb-server.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { anApproval, anEntry, aRun, aStep, claimed, started } from './records.ts'

// The password of the database's URL is nowhere to be read; nor is what the documents hold in what MongoDB says of them.

const password = 'secret@pw'
/** As it is, as it stands in a URL, and the half of it that is the same in both. */
const secret = /secret/

let server: MongoServer
const url = () => `${server.url('app')}&serverSelectionTimeoutMS=300`
beforeAll(async () => {
  if (!mongodbIsOff()) server = await startMongoServer({ login: { user: 'user', password } })
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** Everything that can be told of an error: its message, its stack, its causes, its fields. */
const allOf = (error: unknown) => inspect(error, { depth: 20, showHidden: true })

describe.skipIf(mongodbIsOff())('the password of the URL', () => {
  test('is not in what a server logs, says and answers, at any level, while its database is there, gone and back', async () => {
    await using served = await spawnServer({
      agents: join(import.meta.dirname, '../support/echo-agents.ts'),
      database: url(),
      env: { LOG_LEVEL: 'trace' },
    })
    const seen: string[] = []
    const ask = async (query: string) => seen.push(JSON.stringify(await served.graphql(query, {}, null)))
    const start = 'mutation { startRun(input: { agentName: "echo", message: "m" }) { __typename } }'
    await ask(start)
    await server.kill('SIGKILL')
    try {
      await ask(start)
      await ask('{ runs { edges { cursor } } }')
      seen.push(await (await fetch(`${served.url}/ready`)).text())
    } finally {
      await server.restart()
    }
    await expect.poll(async () => (await fetch(`${served.url}/ready`)).status, { timeout: 15_000 }).toBe(200)
    await ask(start)
    expect(seen[0]).toContain('StartRunSuccess')
    expect(seen[1]).toContain('UNAVAILABLE')
    expect(seen.at(-1)).toContain('StartRunSuccess')
    await served.kill()
    expect(served.output()).toMatch(/"started"/)
    expect([...seen, served.output()].join('\n')).not.toMatch(secret)
  })

  test('is not in what the store throws, nor in its causes', async () => {
    await using store = await openMongoStore({ url: url() })
    const run = await started(store)
    expect(store.description).not.toMatch(secret)
    await server.kill('SIGKILL')
    try {
      for (const ask of [() => store.ping(), () => store.runs.get(run.id), () => store.runs.signal(run.id)]) {
        const error = await ask().catch((error) => error)
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
        expect(allOf(error)).not.toMatch(secret)
      }
    } finally {
      await server.restart()
    }
  })

  test('is not in what keeps a server from starting', async () => {
    const lines: string[] = []
    const wrong = [
      url().replace('127.0.0.1:', '127.0.0.1:1,127.0.0.1:'),
      url().replace('secret', 'another-secret'),
      `${url()}&replicaSet=other`,
      `${url()}&tls=true`,
      `${url()}&authMechanism=secret%40pw`,
      `${url()}&tls=true&tlsCertificateKeyFile=/missing&tlsCertificateKeyFilePassword=secret%40pw`,
      url().replace('/app', ''),
      url().replace('%40', '/'),
      'mongodb+srv://user:secret%40pw@nowhere.invalid/app',
    ]
    for (const database of wrong) {
      try {
        await using server = createServer({ agents: [], database, logger: createLog('silent') })
        await server.start()
        lines.push('started')
      } catch (error) {
        lines.push(allOf(error))
      }
    }
    expect(lines).toHaveLength(wrong.length)
    for (const line of lines) {
      expect(line).toMatch(/^CountersignError/)
      expect(line).not.toMatch(secret)
    }
  })
})

describe.skipIf(mongodbIsOff())('what documents hold', () => {
  const content = 'Confidential-4711'

  test('is not in the errors of MongoDB that are told and logged: a place that is taken, a document that does not fit', async () => {
    await using database = mongoDatabase()
    await using store = await openMongoStore({ url: database.url })
    await using client = new MongoClient(database.url)
    const told: string[] = []
    const refused = async (work: () => Promise<unknown>) => told.push(allOf(await work().catch((error) => error)))
    const run = await claimed(store, { message: content, agentName: content, sessionId: content })
    const approval = anApproval(run, { arguments: `"${content}"` as never, toolName: content, fingerprint: content })
    const step = aStep(run, { propose: [approval], entries: [anEntry(run, 2, content)] })
    // The entry's place, the approval's id, and a document that does not fit, each for itself.
    await client.db().collection('journal').insertOne({ runId: run.id, seq: 2, text: content })
    await refused(() => store.runs.step(step))
    await client.db().collection('journal').deleteOne({ seq: 2 })
    expect(await store.runs.step(step)).toMatchObject({ seq: 2 })
    await refused(() =>
      store.runs.step(aStep({ ...run, seq: 2 }, { propose: [approval], entries: [anEntry(run, 3, content)] })),
    )
    await refused(() =>
      store.runs.step(aStep({ ...run, seq: 2 }, { entries: [{ ...anEntry(run, 3), text: [content] as never }] })),
    )
    const other = aRun({ message: content, sessionId: [content] as never })
    await refused(() => store.runs.create(other, anEntry(other, 1, content)))
    const large = aRun({ message: content.repeat(1_000_000) })
    await refused(() => store.runs.create(large, anEntry(large, 1)))
    expect(told).toHaveLength(5)
    for (const one of told) {
      expect(one).toMatch(/Error/)
      expect(one).not.toContain(content)
    }
  })
})
