import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { keptDirectory } from './kept-directory.ts'

const run = promisify(execFile)

/** A program that serves MongoDB's protocol. */
export type MongoProgram = {
  /** Where it is from, as in `on the PATH`. */
  readonly from: string
  /** A MongoDB replica set has to be told once that it is one. */
  readonly initiate: boolean
  command(directory: string, port: number, options: ProgramOptions): readonly [string, ...string[]]
}

export type ProgramOptions = {
  /** No replica set. */
  readonly standalone: boolean
  /** Only those who sign in are let in. */
  readonly auth: boolean
  /** TLS and nothing else, with this certificate and its key in one PEM file. */
  readonly tlsFile: string | null
}

/** The first of: a mongod on the PATH, one of mongodb-memory-server-core if somebody installed that, SecantusDB. */
export async function findMongoProgram(): Promise<MongoProgram> {
  return (await mongodOnPath()) ?? (await mongodOfMemoryServer()) ?? (await secantusDb())
}

const mongod = (path: string, from: string): MongoProgram => ({
  from,
  initiate: true,
  command: (directory, port, { standalone, auth, tlsFile }) => [
    path,
    ...['--bind_ip', '127.0.0.1', '--port', `${port}`, '--dbpath', directory],
    ...['--nounixsocket', '--wiredTigerCacheSizeGB', '0.25', '--setParameter', 'enableTestCommands=1'],
    ...(standalone ? [] : ['--replSet', 'countersign']),
    ...(auth ? ['--auth', '--keyFile', keyFile(directory)] : []),
    ...(tlsFile ? ['--tlsMode', 'requireTLS', '--tlsCertificateKeyFile', tlsFile, '--tlsCAFile', tlsFile] : []),
    ...(tlsFile ? ['--tlsAllowConnectionsWithoutCertificates'] : []),
  ],
})

/** The members of a replica set that lets nobody in know each other by it. */
function keyFile(directory: string): string {
  const path = `${directory}.key`
  if (!existsSync(path)) writeFileSync(path, 'theKeyOfOneNode', { mode: 0o400 })
  return path
}

async function mongodOnPath(): Promise<MongoProgram | null> {
  const found = await run('mongod', ['--version']).catch(() => null)
  return found && mongod('mongod', 'on the PATH')
}

async function mongodOfMemoryServer(): Promise<MongoProgram | null> {
  const name = 'mongodb-memory-server-core'
  // Not installed, or it cannot download here: then it is not for us.
  const path = await import(name).then(({ MongoBinary }) => MongoBinary.getPath()).catch(() => null)
  return path && mongod(String(path), `of ${name}`)
}

const secantusVersion = '0.7.0b3'
const cache = join(import.meta.dirname, '../../node_modules/.cache/countersign')

async function secantusDb(): Promise<MongoProgram> {
  const home = join(cache, `secantusdb-${secantusVersion}`)
  if (!existsSync(home)) await installSecantusDb(home)
  return {
    from: 'from PyPI',
    initiate: false,
    command: (directory, port, { standalone, auth, tlsFile }) => [
      join(home, 'bin/python3'),
      join(home, 'bin/secantusd-py'),
      ...['--host', '127.0.0.1', '--port', `${port}`, '--storage-path', directory],
      ...['--sync-on-commit', '--enable-test-commands', '--noop-heartbeat-seconds', '5'],
      ...(standalone ? ['--standalone'] : []),
      ...(auth ? ['--auth'] : []),
      ...(tlsFile ? ['--tls-cert-file', tlsFile, '--tls-key-file', tlsFile] : []),
    ],
  }
}

/** Made elsewhere and moved at the end: what is there is whole. (Its scripts are then run by their interpreter, whose path they do not know.) */
async function installSecantusDb(home: string): Promise<void> {
  mkdirSync(cache, { recursive: true })
  await using making = keptDirectory(`${home}-`)
  const made = join(making.path, 'made')
  try {
    await run('python3', ['-m', 'venv', made])
    const options = ['--quiet', '--disable-pip-version-check', `secantusdb==${secantusVersion}`]
    await run(join(made, 'bin/python3'), ['-m', 'pip', 'install', ...options])
  } catch (error) {
    throw new Error(
      'There is no MongoDB to test with, and SecantusDB could not be installed in its place. Have a mongod on the PATH, name a ' +
        'replica set in MONGODB_URL, or have python3 with its venv module and access to PyPI. MONGODB=off leaves the MongoDB tests out.',
      { cause: error },
    )
  }
  try {
    renameSync(made, home)
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(home)) throw error
  }
}
