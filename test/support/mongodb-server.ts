import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { freePort } from './free-port.ts'
import { keptDirectory } from './kept-directory.ts'
import { findMongoProgram } from './mongodb-program.ts'

/** A MongoDB of one's own, to be killed and started again. It ends with its scope, and with this process, however that ends. */
export type MongoServer = AsyncDisposable & {
  /** `mongod` or `SecantusDB`, the stand-in where there is no mongod. */
  readonly name: string
  readonly version: string
  /** For people: `mongod 8.0.4 on the PATH`. */
  readonly description: string
  url(database: string): string
  /** Sends the signal and waits for the end. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts it on the same data and port if it has ended. */
  restart(): Promise<void>
  /** It hangs until it is thawed: connections stay open, and nothing is answered. */
  freeze(): void
  thaw(): void
}

export type MongoServerOptions = {
  /** No replica set. */
  readonly standalone?: boolean
  /** The one user there is, who may do everything; everyone may when left out. */
  readonly login?: { readonly user: string; readonly password: string }
  /** TLS and nothing else, with this certificate and its key in one PEM file. */
  readonly tlsFile?: string
}

/** Ready when this resolves: a replica set of one node, unless told otherwise, whose fail points may be set. */
export async function startMongoServer(options: MongoServerOptions = {}): Promise<MongoServer> {
  const { standalone = false, login, tlsFile = null } = options
  const program = await findMongoProgram()
  await using starting = new AsyncDisposableStack()
  const home = starting.use(keptDirectory())
  const directory = join(home.path, 'data')
  mkdirSync(directory)
  const port = await freePort()
  let credentials = ''
  const tls = tlsFile === null ? '' : `&tls=true&tlsCAFile=${encodeURIComponent(tlsFile)}`
  const url = (database: string) =>
    `mongodb://${credentials}127.0.0.1:${port}/${database}?directConnection=true${tls}${credentials && '&authSource=admin'}`
  let running = launch()
  starting.defer(() => running.kill('SIGKILL'))
  const info = await running.ready(program.initiate && !standalone)
  if (login) {
    await createUser(url('admin'), login)
    await running.kill('SIGTERM')
    credentials = `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`
    running = launch()
    await running.ready(false)
  }
  const owned = starting.move()
  return {
    ...info,
    url,
    kill: (signal) => running.kill(signal),
    async restart() {
      if (!running.hasEnded()) return
      running = launch()
      await running.ready(false)
    },
    freeze: () => running.send('SIGSTOP'),
    thaw: () => running.send('SIGCONT'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }

  function launch() {
    const logPath = join(home.path, 'log')
    const log = openSync(logPath, 'a')
    const [command, ...args] = program.command(directory, port, { standalone, auth: credentials !== '', tlsFile })
    // With a home of its own: no configuration of this machine's user has a say.
    const env = { PATH: process.env.PATH, HOME: home.path }
    const child = spawn(command, args, { cwd: home.path, env, stdio: ['ignore', log, log] })
    closeSync(log)
    home.occupy(child.pid ?? null)
    const exited = once(child, 'exit').then(() => home.occupy(null))
    return {
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      send: (signal: NodeJS.Signals) => void child.kill(signal),
      async kill(signal: NodeJS.Signals) {
        child.kill(signal)
        await exited
      },
      async ready(initiate: boolean) {
        await using client = new MongoClient(url('admin'), { minHeartbeatFrequencyMS: 20 })
        const tooEarly = exited.then(() => {
          throw new Error(`${command} ended before it was ready:\n${readFileSync(logPath, 'utf8').slice(-2_000)}`)
        })
        const initiated = initiate ? initiateReplicaSet(client, `127.0.0.1:${port}`) : Promise.resolve()
        const ready = initiated.then(() => untilPrimary(client)).then(() => describeServer(client, program.from))
        return await Promise.race([ready, tooEarly])
      },
    }
  }
}

async function createUser(url: string, { user, password }: { user: string; password: string }): Promise<void> {
  await using client = new MongoClient(url)
  await client.db('admin').command({ createUser: user, pwd: password, roles: ['root'] })
}

const initiateReplicaSet = (client: MongoClient, host: string) =>
  client.db('admin').command({ replSetInitiate: { _id: 'countersign', members: [{ _id: 0, host }] } })

async function untilPrimary(client: MongoClient): Promise<void> {
  while (!(await client.db('admin').command({ hello: 1 })).isWritablePrimary) await sleep(20)
}

async function describeServer(client: MongoClient, from: string) {
  const { version, secantusVersion } = await client.db('admin').command({ buildInfo: 1 })
  if (secantusVersion === undefined) return { name: 'mongod', version, description: `mongod ${version} ${from}` }
  const description = `SecantusDB ${secantusVersion} (a stand-in that speaks MongoDB ${version}), ${from}`
  return { name: 'SecantusDB', version: secantusVersion, description }
}
