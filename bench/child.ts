import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Bench } from './bench.ts'

/** What a child process does when it is asked. Inputs and answers are JSON. */
export type Handlers = Readonly<Record<string, (...input: never[]) => unknown>>

type Asked = { readonly id: number; readonly name: string; readonly input: readonly never[] }
type Answered = { readonly id: number; readonly value?: unknown; readonly error?: string }

export type Child<H extends Handlers> = AsyncDisposable & {
  ask<Name extends keyof H & string>(name: Name, ...input: Parameters<H[Name]>): Promise<Awaited<ReturnType<H[Name]>>>
}

/** A module of this directory in a process of its own, so that its CPU time is its own. It calls `answer`. */
export function startChild<H extends Handlers>(
  module: string,
  { signal, profileTo }: Pick<Bench, 'signal' | 'profileTo'>,
): Child<H> {
  const execArgv = profileTo === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileTo]
  const child = fork(join(import.meta.dirname, module), { execArgv, signal, killSignal: 'SIGKILL' })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  const over = once(child, 'exit').catch(() => {})
  child.on('message', ({ id, value, error }: Answered) => {
    const waits = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) waits?.resolve(value)
    else waits?.reject(new Error(`${module}: ${error}`))
  })
  over.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${module} ended before it answered`))
  })
  return {
    ask: <Value>(name: string, ...input: unknown[]) => {
      const waits = Promise.withResolvers<unknown>()
      asked += 1
      waiting.set(asked, waits)
      child.send({ id: asked, name, input }, (error) => error && waits.reject(error))
      return waits.promise as Promise<Value>
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await over
    },
  }
}

/** The child's side. The process ends when its parent lets go of it, after `atEnd`. */
export function answer(handlers: Handlers, atEnd: () => Promise<void> = async () => {}): void {
  const reply = (answered: Answered) => process.connected && void process.send?.(answered)
  process.on('message', async ({ id, name, input }: Asked) => {
    try {
      reply({ id, value: await handlers[name]?.(...input) })
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => void atEnd().finally(() => process.exit()))
}

/** User and system time of this process, in ms; all its threads. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

export type Cost = { readonly cycles: number; readonly cpuMs: number; readonly wallMs: number }

/** @param work Gives how many cycles it did. */
export async function costOf(work: () => number | Promise<number>): Promise<Cost> {
  const cpu = cpuMs()
  const wall = performance.now()
  const cycles = await work()
  return { cycles, cpuMs: cpuMs() - cpu, wallMs: performance.now() - wall }
}
