import {
  MongoAPIError,
  MongoClient,
  type MongoClientOptions,
  MongoCompatibilityError,
  MongoError,
  MongoParseError,
  MongoServerSelectionError,
} from 'mongodb'
import { ConnectionString } from 'mongodb-connection-string-url'
import { CountersignError } from '../../errors.ts'
import { authenticationFailed, codeOf, indexConflicts, reasonOf, unauthorized } from './errors.ts'
import { databaseNameOf, describeUrl } from './url.ts'

export type Connection = AsyncDisposable & {
  readonly client: MongoClient
  /** A client of its own: what waits for changes takes no connection from the writes. */
  readonly watching: MongoClient
  readonly database: string
  /** For people. */
  readonly description: string
}

/** Of MongoDB 6.0. */
const leastWireVersion = 17

// Whatever the URL says of these, an acknowledged write is on the disks of a majority, and reads see no other.
const durable = {
  appName: 'countersign',
  readPreference: 'primary',
  readConcern: { level: 'majority' },
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 5_000 },
  // The driver lets the URL's own spelling win over the two objects.
  w: 'majority',
  journal: true,
  wtimeoutMS: 5_000,
  readConcernLevel: 'majority',
  retryWrites: true,
  retryReads: true,
} as const satisfies MongoClientOptions

/** Where the URL says nothing else. A server that is gone, or hangs, is told of within seconds. */
const patience = {
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 5_000,
  waitQueueTimeoutMS: 5_000,
  heartbeatFrequencyMS: 5_000,
} as const
const answerWithin = { socketTimeoutMS: 10_000 } as const

/**
 * Connects, and sees to it that what answers can keep what this program promises.
 *
 * @throws CountersignError INVALID_CONFIGURATION or STORE_UNAVAILABLE, which say what to do and show no credentials.
 */
export async function connect(url: string): Promise<Connection> {
  const database = databaseNameOf(url)
  const given = new ConnectionString(url).searchParams
  const wanted = (defaults: Record<string, number>) =>
    Object.fromEntries(Object.entries(defaults).filter(([name]) => !given.has(name)))
  await using opening = new AsyncDisposableStack()
  try {
    const client = opening.adopt(
      new MongoClient(url, { ...wanted({ ...patience, ...answerWithin }), ...durable }),
      (opened) => opened.close(),
    )
    const watching = opening.adopt(
      new MongoClient(url, { ...wanted(patience), ...durable, maxPoolSize: 2, minPoolSize: 0 }),
      (opened) => opened.close(),
    )
    await client.connect()
    const hello = await client.db(database).command({ hello: 1 })
    refuseUnfit(hello, url)
    const { version } = await client.db(database).command({ buildInfo: 1 })
    // The rights are asked for by reading: a user may sign in and still see nothing of this database.
    await client.db(database).listCollections({}, { nameOnly: true }).toArray()
    const opened = opening.move()
    return {
      client,
      watching,
      database,
      description: `MongoDB ${version} at ${describeUrl(url)}`,
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    }
  } catch (error) {
    throw openingError(error, url)
  }
}

function refuseUnfit({ maxWireVersion, setName, msg }: Record<string, unknown>, url: string): void {
  if (Number(maxWireVersion) < leastWireVersion) throw tooOld(url)
  if (setName === undefined && msg !== 'isdbgrid') throw noReplicaSet(url)
}

const noReplicaSet = (url: string) =>
  new CountersignError(
    'STORE_UNAVAILABLE',
    `The MongoDB server at ${describeUrl(url)} is no replica set, which transactions and live updates need. Start it with --replSet rs0 and run rs.initiate() in mongosh once; one node will do.`,
  )

const tooOld = (url: string) =>
  new CountersignError(
    'STORE_UNAVAILABLE',
    `The MongoDB server at ${describeUrl(url)} is too old: version 6.0 or later is needed.`,
  )

/** What kept the store from opening, in one line that says what to do. */
export function openingError(error: unknown, url: string): unknown {
  const refused = (what: string) => new CountersignError('STORE_UNAVAILABLE', what)
  const place = describeUrl(url)
  if (isSystemError(error)) return systemRefusal(error, place)
  if (!(error instanceof MongoError)) return error
  if (isTooOld(error)) return tooOld(url)
  const code = codeOf(error)
  if (code === authenticationFailed) {
    return refused(
      `The MongoDB server at ${place} refused the user or the password of the URL (and of its authSource).`,
    )
  }
  if (code === unauthorized) {
    if (new ConnectionString(url).username === '') {
      return refused(`The MongoDB server at ${place} asks who it is: put user and password into the URL.`)
    }
    return refused(
      `The MongoDB user of the URL may not do what is needed in ${place}: give it the roles readWrite and dbAdmin on that database.`,
    )
  }
  if (indexConflicts.includes(code)) {
    return refused(
      `In ${place} an index of one of Countersign's names is another one: drop it (db.collection.getIndexes() shows them), and start again.`,
    )
  }
  if (error instanceof MongoServerSelectionError) {
    // Started as a member of a replica set that nobody has initiated.
    if (serversOf(error).some(({ type }) => type === 'RSGhost')) return noReplicaSet(url)
    return refused(
      `No MongoDB server can be reached at ${place}: ${selectionReason(error, url)}. Is it running, and are host, port, TLS and replicaSet of the URL right?`,
    )
  }
  if (error instanceof MongoParseError || error instanceof MongoAPIError) {
    return new CountersignError(
      'INVALID_CONFIGURATION',
      `The MongoDB URL is wrong: ${withoutCredentials(error.message, url)}.`,
    )
  }
  return refused(`The database at ${place} cannot be opened: ${reasonOf(error)}.`)
}

function isTooOld(error: MongoError): boolean {
  if (error instanceof MongoCompatibilityError) return true
  return (
    error instanceof MongoServerSelectionError &&
    causesOf(error).some((cause) => cause instanceof MongoCompatibilityError)
  )
}

/** What the servers said, each once. Those of another replica set are passed over by the driver without a word. */
function selectionReason(error: MongoServerSelectionError, url: string): string {
  const said = new Set(causesOf(error).map(({ message }) => message.replace(/\.$/, '')))
  if (said.size > 0) return [...said].join('; ')
  const replicaSet = new ConnectionString(url).searchParams.get('replicaSet')
  return replicaSet === null
    ? error.message.replace(/\.$/, '')
    : `none answered as the primary of the replica set '${replicaSet}'`
}

const serversOf = ({ reason }: MongoServerSelectionError) => [...(reason?.servers.values() ?? [])]

const causesOf = (error: MongoServerSelectionError): Error[] =>
  [...serversOf(error).map(({ error }) => error), error.cause].filter((one) => one instanceof Error)

/** What the driver leaves as it comes: from the look-up of an SRV name, and from reading the files that options name. */
type SystemError = Error & { readonly code: string; readonly syscall: string }
const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'syscall' in error && typeof error.syscall === 'string'

function systemRefusal({ code, syscall, message }: SystemError, place: string): CountersignError {
  return syscall.startsWith('query')
    ? new CountersignError(
        'STORE_UNAVAILABLE',
        `The servers of ${place} cannot be looked up: ${syscall} ${code}. Is the host of the URL right, and does DNS answer?`,
      )
    : new CountersignError(
        'INVALID_CONFIGURATION',
        `The MongoDB URL is wrong: a file that its options name cannot be read (${message}).`,
      )
}

/** Options may let somebody in as well: the password of a key, the session of a cloud's user. */
const secretOptions = ['tlsCertificateKeyFilePassword', 'proxyPassword', 'authMechanismProperties']

function withoutCredentials(message: string, url: string): string {
  const { password, searchParams } = new ConnectionString(url)
  const ofOptions = secretOptions.flatMap((name) => searchParams.get(name) ?? [])
  const secrets = [password, decodeURIComponent(password), ...ofOptions].filter((text) => text !== '')
  return secrets.some((secret) => message.includes(secret)) ? 'its options cannot be used' : message.replace(/\.$/, '')
}
