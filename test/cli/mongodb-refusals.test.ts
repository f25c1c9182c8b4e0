import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CountersignError } from '../../src/errors.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { withHello } from '../support/mongodb-hello.ts'
import { type MongoServer, startMongoServer } from '../support/mongodb-server.ts'
import { runCli } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

// What keeps a server from starting with MongoDB is told in one line, which says what to do and shows nothing that lets somebody in.

const secret = /secret|%40pw|@pw/
const login = { user: 'countersign', password: 'secret@pw' }

/** The one line that these commands and the store itself say of this database. */
async function refusalOf(url: string, commands: readonly string[] = ['migrate', 'start']): Promise<string> {
  const env = { DATABASE_URL: url, DEMO_DATABASE: ':memory:', PORT: '0', LOG_LEVEL: 'trace' }
  const [opened, ...ended] = await Promise.all([
    openMongoStore({ url }).then(
      () => 'it was opened',
      (error) => error,
    ),
    ...commands.map((command) => runCli([command], { env })),
  ])
  expect(opened).toBeInstanceOf(CountersignError)
  expect(inspect(opened)).not.toMatch(secret)
  for (const { code, stdout, stderr } of ended) {
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^countersign: [^\n]+\n$/)
    expect(stderr).not.toMatch(secret)
    expect(stderr.replace('DATABASE_URL: ', '')).toContain(opened.message)
  }
  return opened.message
}

const within = (ms: number, url: string) => `${url}${url.includes('?') ? '&' : '?'}serverSelectionTimeoutMS=${ms}`
/** Where nobody answers, however long one waits. */
const quickly = (url: string) => within(300, url)
/** Where somebody does, on a machine that has much else to do. */
const patiently = (url: string) => within(3_000, url)

describe.skipIf(mongodbIsOff())('a URL', () => {
  test.each([
    ['that names no database', 'mongodb://u:secret%40pw@127.0.0.1:1', /^the MongoDB URL names no database: add one/],
    [
      'of a name that cannot be',
      'mongodb://u:secret%40pw@127.0.0.1:1/a.b',
      /^the MongoDB URL names a database by what is no name$/,
    ],
    [
      'with a slash in its password',
      'mongodb://u:secret/@pw@127.0.0.1/app',
      /^the MongoDB URL cannot be read: .* percent-encoded$/,
    ],
    [
      'with an at and a slash in its password, which would be its host and database',
      'mongodb://u:secret@pw/pw@127.0.0.1/app',
      /^the MongoDB URL cannot be read: .* percent-encoded$/,
    ],
    ['without a host', 'mongodb://u:secret%40pw@/app', /^the MongoDB URL cannot be read/],
    ['with a broken escape', 'mongodb://u:secret%4@127.0.0.1:1/app', /^the MongoDB URL cannot be read/],
  ])('%s', async (_, url, line) => {
    expect(await refusalOf(url, ['start'])).toMatch(line)
  })

  test.each([
    ['an option that there is not', 'tsl=true', 'The MongoDB URL is wrong: option tsl is not supported.'],
    ['a value that cannot be', 'tls=maybe', 'The MongoDB URL is wrong: tls/ssl must be either "true" or "false".'],
    [
      'a file that is not there',
      'tls=true&tlsCAFile=/missing',
      /^The MongoDB URL is wrong: a file .* cannot be read \(ENOENT.*'\/missing'\)\.$/,
    ],
    ['its password as an option', 'maxPoolSize=secret%40pw', 'The MongoDB URL is wrong: its options cannot be used.'],
  ])('with %s', async (_, option, line) => {
    expect(await refusalOf(`mongodb://u:secret%40pw@127.0.0.1:1/app?${option}`, ['migrate'])).toEqual(
      expect.stringMatching(line),
    )
  })

  test('of a host that nobody is at, within the time that it gives', async () => {
    const url = quickly('mongodb://u:secret%40pw@127.0.0.1:1/app')
    const began = performance.now()
    await expect(openMongoStore({ url })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(await refusalOf(url)).toMatch(
      /^No MongoDB server can be reached at mongodb:\/\/127\.0\.0\.1:1\/app: connect ECONNREFUSED 127\.0\.0\.1:1\. Is it running/,
    )
  })

  test('of a host that there is not, by its address and by its SRV record', async () => {
    expect(await refusalOf(quickly('mongodb://u:secret%40pw@nowhere.invalid/app'))).toMatch(
      /^No MongoDB server can be reached at mongodb:\/\/nowhere\.invalid\/app: getaddrinfo /,
    )
    expect(await refusalOf(quickly('mongodb+srv://u:secret%40pw@nowhere.invalid/app'))).toMatch(
      /^The servers of mongodb\+srv:\/\/nowhere\.invalid\/app cannot be looked up: querySrv \w+\. Is the host of the URL right/,
    )
  })
})

describe.skipIf(mongodbIsOff())('a server', { timeout: 120_000 }, () => {
  let server: MongoServer
  const url = () => server.url('app')
  beforeAll(async () => {
    server = await startMongoServer({ login })
  }, 120_000)
  afterAll(() => server[Symbol.asyncDispose]())

  test('lets in who signs in by the URL', async () => {
    await using store = await openMongoStore({ url: url() })
    await store.ping()
    expect(store.description).not.toMatch(secret)
  })

  test('that refuses the password, or asks for one', async () => {
    expect(await refusalOf(url().replace('secret', 'wrong-secret'))).toMatch(
      /^The MongoDB server at mongodb:\S+\/app refused the user or the password of the URL \(and of its authSource\)\.$/,
    )
    expect(
      await refusalOf(
        url()
          .replace(/\/\/.*@/, '//')
          .replace('&authSource=admin', ''),
      ),
    ).toMatch(/^The MongoDB server at mongodb:\S+\/app asks who it is: put user and password into the URL\.$/)
  })

  test('of another replica set than the URL names', async () => {
    const line =
      /^No MongoDB server can be reached at mongodb:\S+\/app: none answered as the primary of the replica set 'other'\. .* replicaSet of the URL right\?$/
    expect(await refusalOf(quickly(`${url()}&replicaSet=other`))).toMatch(line)
    expect(await refusalOf(quickly(url().replace('directConnection=true', 'replicaSet=other')))).toMatch(line)
  })

  test('without TLS that is asked for it', async () => {
    expect(await refusalOf(quickly(`${url()}&tls=true`))).toMatch(
      /^No MongoDB server can be reached .* TLS and replicaSet/,
    )
  })

  test.each([
    ['5.0, which the driver still speaks to', 13],
    ['3.6, which it does not', 6],
  ])('of MongoDB %s', async (_, wireVersion) => {
    await using old = await withHello(url(), { minWireVersion: 0, maxWireVersion: wireVersion })
    expect(await refusalOf(patiently(old.url))).toMatch(
      /^The MongoDB server at mongodb:\S+\/app is too old: version 6\.0 or later is needed\.$/,
    )
  })

  test('that nobody has made a replica set, although it was started as a member of one', async () => {
    const ghost = {
      isreplicaset: true,
      setName: undefined,
      hosts: undefined,
      isWritablePrimary: false,
      ismaster: false,
    }
    await using uninitiated = await withHello(url(), ghost)
    const discovering = quickly(uninitiated.url).replace('directConnection=true', 'directConnection=false')
    expect(await refusalOf(discovering)).toMatch(/is no replica set, .* run rs\.initiate\(\) in mongosh once/)
  })

  test.each(['createIndexes', 'create', 'listCollections', 'aggregate'])(
    'that does not let the user do %s',
    async (command) => {
      await using client = new MongoClient(url())
      await client.db().dropDatabase()
      const failing = (mode: string) =>
        client.db('admin').command({
          configureFailPoint: 'failCommand',
          mode,
          data: { failCommands: [command], errorCode: 13 },
        })
      await failing('alwaysOn')
      try {
        expect(await refusalOf(url())).toMatch(
          /^The MongoDB user of the URL may not do what is needed in mongodb:\S+\/app: give it the roles readWrite and dbAdmin on that database\.$/,
        )
      } finally {
        await failing('off')
      }
      // What was begun is taken up where it was left.
      await using store = await openMongoStore({ url: url() })
      await store.ping()
    },
  )
})

test.skipIf(mongodbIsOff())('a server that is no replica set: the line says how to make it one', async () => {
  await using server = await startMongoServer({ standalone: true })
  expect(await refusalOf(server.url('app'))).toMatch(
    /^The MongoDB server at mongodb:\S+\/app is no replica set, .* Start it with --replSet rs0 and run rs\.initiate\(\) in mongosh once; one node will do\.$/,
  )
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

test.skipIf(mongodbIsOff() || !hasOpenssl)(
  'TLS and SCRAM by the URL: its own CA is trusted, another is not',
  { timeout: 120_000 },
  async () => {
    using directory = temporaryDirectory()
    await using server = await startMongoServer({ login, tlsFile: certificateIn(directory.path) })
    await using store = await openMongoStore({ url: server.url('app') })
    await store.ping()
    expect(await refusalOf(patiently(server.url('app').replace(/&tlsCAFile=[^&]*/, '')))).toMatch(
      /^No MongoDB server can be reached at mongodb:\S+\/app: self-signed certificate/,
    )
    expect(await refusalOf(quickly(server.url('app').replace(/&tls=true&tlsCAFile=[^&]*/, '')))).toMatch(
      /^No MongoDB server can be reached .* Is it running, and are host, port, TLS and replicaSet of the URL right\?$/,
    )
  },
)

/** A certificate of its own CA for this machine, and its key. */
function certificateIn(directory: string): string {
  const [certificate, key, both] = ['certificate', 'key', 'both'].map((name) => join(directory, `${name}.pem`)) as [
    string,
    string,
    string,
  ]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2'],
    ...['-subj', '/CN=countersign-test', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', certificate, '-keyout', key],
  ])
  if (made.status !== 0) throw new Error(`No certificate was made: ${made.stderr}`)
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
  return both
}
