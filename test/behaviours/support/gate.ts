import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A door in this process that tools of another one come to and wait at, each by its name: `held-agents.ts` and `shared-agents.ts` ask it. */
export type Gate = AsyncDisposable & {
  readonly url: string
  /** Resolves once somebody of this name waits. */
  arrival(name: string): Promise<void>
  /** Lets go on who waits, and who comes later: those of this name, or everybody. */
  open(name?: string): void
}

export async function openGate(): Promise<Gate> {
  const arrivals = new Map<string, PromiseWithResolvers<void>>()
  const waiting: { readonly name: string; readonly response: ServerResponse }[] = []
  const opened = new Set<string>()
  let isOpen = false
  const arrivalOf = (name: string) => {
    const arrival = arrivals.get(name) ?? Promise.withResolvers<void>()
    arrivals.set(name, arrival)
    return arrival
  }
  const mayPass = (name: string) => isOpen || opened.has(name)
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url?.slice(1) ?? '')
    if (mayPass(name)) response.end()
    else waiting.push({ name, response })
    arrivalOf(name).resolve()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrival: (name) => arrivalOf(name).promise,
    open(name) {
      if (name === undefined) isOpen = true
      else opened.add(name)
      for (const { name, response } of waiting) if (mayPass(name)) response.end()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
