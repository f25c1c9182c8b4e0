import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Client, connect } from './client.ts'
import { temporaryDirectory } from './temporary.ts'

const root = join(import.meta.dirname, '../..')
export const cliPath = join(root, 'src/cli/main.ts')

export type SpawnOptions = {
  /** Path of a module that exports `agents`; the demo's when left out. */
  agents?: string
  /** Tell callers apart by their tokens, as testServer does; otherwise the command line's server runs, where everyone is the local admin. */
  authenticated?: boolean
  /** A file URL; a temporary one when left out. */
  database?: string
  env?: Record<string, string>
}

export type SpawnedServer = Client & {
  readonly process: ChildProcess
  readonly pid: number
  readonly database: string
  /** All it wrote so far. */
  output(): string
  /** Sends the signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>
  readonly exited: Promise<Exit>
}
export type Exit = { code: number | null; signal: NodeJS.Signals | null }

/** A real server in a process of its own, ready when this resolves. It ends with its scope. */
export async function spawnServer({
  agents,
  authenticated = false,
  database,
  env = {},
}: SpawnOptions = {}): Promise<SpawnedServer> {
  await using starting = new AsyncDisposableStack()
  const directory = starting.use(temporaryDirectory())
  const url = database ?? `file:${join(directory.path, 'test.db')}`
  const args = authenticated ? [join(root, 'test/support/serve.ts'), agents ?? ''] : [cliPath, 'start']
  const child = run(
    args,
    { DATABASE_URL: url, PORT: '0', ...(agents === undefined ? {} : { AGENTS: agents }), ...env },
    directory.path,
  )
  starting.defer(() => child.kill('SIGKILL').then(() => {}))
  const client = starting.use(connect(await child.line(/https?:\/\/[^\s/]+/)))
  await untilReady(client.url)
  const owned = starting.move()
  return {
    ...client,
    process: child.process,
    pid: child.process.pid ?? 0,
    database: url,
    output: child.output,
    kill: child.kill,
    exited: child.exited,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A command that is expected to end by itself. */
export async function runCli(args: string[], { env = {}, cwd }: { env?: Record<string, string>; cwd?: string } = {}) {
  const child = run([cliPath, ...args], env, cwd)
  const exit = await child.exited
  return { ...exit, stdout: child.stdout(), stderr: child.stderr() }
}

/** Node with nothing of this process's environment that could change what the server does, if not how soon. */
export function run(args: string[], env: Record<string, string>, cwd = root) {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      written[stream] += text
    })
  }
  const exited: Promise<Exit> = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const output = () => written.stdout + written.stderr
  return {
    process: child,
    exited,
    output,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    async kill(signal: NodeJS.Signals = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return exited
    },
    /** What matches first in the output; throws when the process ends without. */
    line: (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(written.stdout)
          if (match) resolve(match[0])
        }
        child.stdout.on('data', look)
        exited.then(() => reject(new Error(`It ended without ${pattern}:\n${output()}`)))
        look()
      }),
  }
}

async function untilReady(url: string): Promise<void> {
  for (;;) {
    const { ok } = await fetch(`${url}/ready`)
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
