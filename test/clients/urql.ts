import { createClient } from 'graphql-ws'
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from 'urql'
import { type Authorize, failed, type PeopleClient, retryWait, silentWhenClosed } from './people-client.ts'

/** `urql` with its document cache: subscriptions over WebSocket, the rest over HTTP. */
export function urql(endpoint: string, authorize: Authorize): PeopleClient {
  const socket = createClient({
    url: endpoint.replace('http', 'ws'),
    connectionParams: () => ({ authorization: authorize() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait,
    shouldRetry: () => true,
  })
  const client = new Client({
    url: endpoint,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: { authorization: authorize() } }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables: variables as never }, sink) }),
        }),
      }),
    ],
  })
  return silentWhenClosed({
    async ask(document, variables = {}) {
      const asked = document.trimStart().startsWith('mutation')
        ? client.mutation(document, variables)
        : client.query(document, variables, { requestPolicy: 'network-only' })
      const { data, error } = await asked.toPromise()
      if (error) throw error
      return data
    },
    subscribe(document, variables, next, complete) {
      const { unsubscribe } = client.subscription(document, variables).subscribe(({ data, error, hasNext }) => {
        if (error) failed(error)
        if (data) next(data)
        if (hasNext) return
        unsubscribe()
        complete()
      })
    },
    cached: (document, variables) => client.readQuery(document, variables)?.data,
    [Symbol.asyncDispose]: async () => void (await socket.dispose()),
  })
}
