import type { AnyData, Variables } from '../support/client.ts'

/** Somebody's client: each of the libraries that people use, as their documentation sets it up. */
export type PeopleClient = AsyncDisposable & {
  /** Queries from the network, and mutations. */
  ask(document: string, variables?: Variables): Promise<AnyData>
  /**
   * From now on, also over connections that break. A subscription that is complete is over, and nobody else begins it again: that is left to who
   * calls this, who is not told when the client is closed.
   */
  subscribe(document: string, variables: Variables, next: (data: AnyData) => void, complete: () => void): void
  /** What its cache has for a query that was asked before, without asking anybody. */
  cached?(document: string, variables: Variables): AnyData
}

/** Once it is closed nothing is complete any more: who subscribed anew then would do so for ever. */
export function silentWhenClosed(client: PeopleClient): PeopleClient {
  let isClosed = false
  return {
    ...client,
    subscribe(document, variables, next, complete) {
      client.subscribe(document, variables, next, () => isClosed || complete())
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      await client[Symbol.asyncDispose]()
    },
  }
}

/** Gives the `Authorization` of each connection. */
export type Authorize = () => string

/** Before each try to connect again. */
export const retryWait = () => new Promise<void>((resolve) => setTimeout(resolve, 200))
/** Of subscriptions that none is meant to have, in tests: they end the process. */
export function failed(error: unknown): never {
  throw new Error('The subscription failed', { cause: error })
}
