import { fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'

/** The story's server as a process. */
export type ServerProcess = AsyncDisposable & {
  readonly url: string
  readonly pid: number
  /** SIGKILL: the process ends at once and can do nothing about it. */
  kill(): Promise<void>
}

/** In ms. A server that lives longer hangs: with its end everything that waits for it fails. */
const maxLife = 30_000

/** Starts the server on these files; it is up when this returns. */
export async function startServerProcess(database: string, demoDatabase: string): Promise<ServerProcess> {
  // As source or as built: the program beside this one. Its log goes to stderr.
  const program = new URL(`./story-server${extname(import.meta.filename)}`, import.meta.url)
  const child = fork(program, [database, demoDatabase], {
    execArgv: [],
    stdio: ['ignore', 2, 2, 'ipc'],
    timeout: maxLife,
    killSignal: 'SIGKILL',
  })
  const ended = once(child, 'exit')
  const stopped = ended.then(([code, signal]) => {
    throw new Error(`The demo's server ended before it was up (${signal ?? `exit code ${code}`}).`)
  })
  const [{ url }] = await Promise.race([once(child, 'message'), stopped])
  stopped.catch(() => {})
  return {
    url,
    pid: child.pid ?? 0,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
