import { closeSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connect } from '../support/client.ts'
import { run } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type Effect, readEffects } from './effects.ts'

/** A database and the server processes on it, which are killed from here, and what their tools did to the world. */
export type Site = AsyncDisposable & {
  readonly database: string
  /** How long a process owns a run without renewing. */
  readonly leaseMs: number
  effects(): Effect[]
  readonly effectsPath: string
  /** Begins to start one; it is asked nothing before it is up. */
  spawn(options?: HostOptions): Host
  /** Asks a server that is up, and another when that one dies, until one answers. */
  ask<Result>(question: (api: Client) => Promise<Result>): Promise<Result>
  /** Resolves when no process sleeps or is cut off: what one of them is in the middle of is visible then. */
  calm(): Promise<void>
  /** All that the processes have logged. */
  log(): string
}
export type HostOptions = {
  /** Points at which anybody stops from the start. Without it there are no points. */
  readonly stops?: readonly string[]
  /** Where it finds the database, when it is not where everybody finds it. */
  readonly database?: string
}

export type Reached = { readonly run: string; readonly point: string }

/** One server process. */
export type Host = {
  readonly pid: number
  /** Rejects if it ends before it is up. */
  readonly up: Promise<void>
  /** The points that were come to, each once for each run (`*`: none in particular) in order. */
  reached(): readonly Reached[]
  /** From now on this run, or anybody, stops at the point. Until when it did, or `over`: gives whether it did. */
  stop(run: string, point: string, over: AbortSignal): Promise<boolean>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP. */
  sleep(): void
  /** SIGCONT; resolves when it answers again. */
  wake(): Promise<void>
  /** Lets all go on who stopped at a point. */
  release(): void
  /** Nobody asks it any more; who waits for its answer asks another. */
  leave(): void
  /** Resolves when it answers, and is asked again. */
  comeBack(): Promise<void>
  output(): string
}

/** How long somebody tries to get an answer: a busy machine takes its time to start a server. */
const patienceMs = 300_000
const serve = join(import.meta.dirname, '../support/serve.ts')
const agents = join(import.meta.dirname, 'server/agents.ts')
const preload = join(import.meta.dirname, 'server/preload.ts')

export function openSite({ database, leaseMs, pick }: { database: string; leaseMs: number; pick: () => number }): Site {
  const directory = temporaryDirectory()
  const effectsPath = join(directory.path, 'effects')
  writeFileSync(effectsPath, '')
  const hosts: Host[] = []
  const present = new Map<Host, { readonly client: Client; readonly gone: PromiseWithResolvers<never> }>()
  const absent = new Set<Host>()
  let isOver = false

  function spawn({ stops, database: own = database }: HostOptions = {}): Host {
    const reachedPath = join(directory.path, `reached-${hosts.length}`)
    const stopsPath = join(directory.path, `stops-${hosts.length}`)
    const stopping = new Map<string, string[]>(stops && [['*', [...stops]]])
    const writeStops = () => {
      // In one go: it is read all the time.
      writeFileSync(`${stopsPath}.new`, JSON.stringify(Object.fromEntries(stopping)))
      renameSync(`${stopsPath}.new`, stopsPath)
    }
    writeFileSync(reachedPath, '')
    writeStops()
    const child = run([`--import=${preload}`, serve, agents], {
      DATABASE_URL: own,
      EFFECTS: effectsPath,
      LEASE_MS: `${leaseMs}`,
      // Those that have stopped at a point keep their places.
      MAX_CONCURRENT_RUNS: '1000',
      ...(stops && { REACHED: reachedPath, STOPS: stopsPath }),
    })
    let client: Client | null = null
    const reached = readOn(reachedPath)
    const enter = () => {
      if (!client || child.process.exitCode !== null || child.process.signalCode !== null) return
      const gone = Promise.withResolvers<never>()
      gone.promise.catch(() => {})
      present.set(host, { client, gone })
    }
    const host: Host = {
      pid: child.process.pid ?? 0,
      up: child.line(/https?:\/\/[^\s/]+/).then((url) => {
        client = connect(url)
        enter()
      }),
      reached: reached.all,
      async stop(run, point, over) {
        stopping.set(run, [...(stopping.get(run) ?? []), point])
        writeStops()
        const isThere = () => reached.stopped().some((one) => one.point === point && (run === '*' || one.run === run))
        while (!isThere() && !over.aborted) await delay(10)
        return isThere()
      },
      async kill() {
        host.leave()
        absent.delete(host)
        await child.kill('SIGKILL')
        await client?.[Symbol.asyncDispose]()
      },
      sleep() {
        host.leave()
        child.process.kill('SIGSTOP')
      },
      async wake() {
        child.process.kill('SIGCONT')
        await host.comeBack()
      },
      release() {
        stopping.clear()
        writeStops()
      },
      leave() {
        present.get(host)?.gone.reject(new Error('The server is gone.'))
        present.delete(host)
        absent.add(host)
      },
      async comeBack() {
        while (client && !(await fetch(`${client.url}/ready`).catch(() => null))?.ok) await delay(20)
        absent.delete(host)
        enter()
      },
      output: child.output,
    }
    host.up.catch(() => {})
    hosts.push(host)
    return host
  }

  async function ask<Result>(question: (api: Client) => Promise<Result>): Promise<Result> {
    let why: unknown = 'No server was up.'
    for (const until = performance.now() + patienceMs; performance.now() < until && !isOver; await delay(20)) {
      const one = [...present.values()][Math.floor(pick() * present.size)]
      if (!one) continue
      try {
        return await Promise.race([question(one.client), one.gone.promise])
      } catch (error) {
        why = error
      }
    }
    throw new Error('Somebody got no answer.', { cause: why })
  }

  return {
    database,
    leaseMs,
    effectsPath,
    effects: () => readEffects(effectsPath),
    spawn,
    ask,
    async calm() {
      while (absent.size > 0) await delay(20)
    },
    log: () => hosts.map((host) => host.output()).join('\n'),
    async [Symbol.asyncDispose]() {
      isOver = true
      await Promise.all(hosts.map((host) => host.kill()))
      directory[Symbol.dispose]()
    },
  }
}

/** Reads a file that grows, each byte of it once. */
function readOn(path: string) {
  const all: Reached[] = []
  const stopped: Reached[] = []
  const buffer = Buffer.alloc(1 << 16)
  let [offset, rest] = [0, '']
  const read = () => {
    const file = openSync(path, 'r')
    for (;;) {
      const length = readSync(file, buffer, 0, buffer.length, offset)
      if (length === 0) break
      offset += length
      const whole = (rest + buffer.toString('latin1', 0, length)).split('\n')
      rest = whole.pop() ?? ''
      for (const line of whole) {
        const [run = '', point = '', isStopped] = line.split('\t')
        if (isStopped) stopped.push({ run, point })
        else all.push({ run, point })
      }
    }
    closeSync(file)
  }
  return {
    all() {
      read()
      return all
    },
    stopped() {
      read()
      return stopped
    },
  }
}
