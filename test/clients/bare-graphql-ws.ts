import { createClient } from 'graphql-ws'
import type { AnyData } from '../support/client.ts'
import { type Authorize, failed, type PeopleClient, retryWait, silentWhenClosed } from './people-client.ts'

/** `graphql-ws` by itself, with everything over one WebSocket. */
export function bareGraphqlWs(endpoint: string, authorize: Authorize): PeopleClient {
  const client = createClient({
    url: endpoint.replace('http', 'ws'),
    connectionParams: () => ({ authorization: authorize() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait,
    shouldRetry: () => true,
  })
  return silentWhenClosed({
    async ask(query, variables = {}) {
      for await (const { data, errors } of client.iterate<AnyData>({ query, variables })) {
        if (errors) throw new AggregateError(errors)
        return data
      }
    },
    subscribe(query, variables, next, complete) {
      client.subscribe<AnyData>(
        { query, variables },
        { next: ({ data, errors }) => (errors ? failed(errors) : next(data)), error: failed, complete },
      )
    },
    [Symbol.asyncDispose]: async () => void (await client.dispose()),
  })
}
