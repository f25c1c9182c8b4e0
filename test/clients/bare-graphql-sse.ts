import { createClient } from 'graphql-sse'
import type { AnyData } from '../support/client.ts'
import { type Authorize, failed, type PeopleClient, retryWait, silentWhenClosed } from './people-client.ts'

/** `graphql-sse` by itself, with everything over Server-Sent Events. */
export function bareGraphqlSse(url: string, authorize: Authorize): PeopleClient {
  const client = createClient({
    url,
    headers: () => ({ authorization: authorize() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retry: retryWait,
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
    [Symbol.asyncDispose]: async () => client.dispose(),
  })
}
