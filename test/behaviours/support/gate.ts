import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A door in this process that tools of another one come to and wait at: `held-agents.ts` asks it, by the name of who comes. */
export type Gate = AsyncDisposable & {
  readonly url: string
  /** Resolves once somebody of this name waits. */
  arrival(name: string): Promise<void>
  /** Lets everybody go on who waits, and who comes later. */
  open(): void
}

export async function openGate(): Promise<Gate> {
  const arrivals = new Map<string, PromiseWithResolvers<void>>()
  const waiting: ServerResponse[] = []
  let isOpen = false
  const arrivalOf = (name: string) => {
    const arrival = arrivals.get(name) ?? Promise.withResolvers<void>()
    arrivals.set(name, arrival)
    return arrival
  }
  const server = createServer((request, response) => {
    if (isOpen) response.end()
    else waiting.push(response)
    arrivalOf(decodeURIComponent(request.url?.slice(1) ?? '')).resolve()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrival: (name) => arrivalOf(name).promise,
    open() {
      isOpen = true
      for (const response of waiting.splice(0)) response.end()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
