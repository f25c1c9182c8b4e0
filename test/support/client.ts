import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient, type Client as WsClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export type Variables = Record<string, unknown>
export type GraphQLErrorJson = {
  message: string
  path?: (string | number)[]
  extensions: { code: string; [key: string]: unknown }
}
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of many shapes; give a type where it matters.
export type AnyData = any
export type Answer<Data = AnyData> = { data?: Data | null; errors?: GraphQLErrorJson[] }

/** The events of one subscription; ended with `await using`, `return()` or by the server. */
export type Events<Data> = AsyncIterableIterator<Answer<Data>> &
  AsyncDisposable & {
    /** The next event's data; throws when it has errors or there is none. */
    data(): Promise<Data>
    return(): Promise<IteratorResult<Answer<Data>>>
  }

export type Client = AsyncDisposable & {
  readonly url: string
  /** Where GraphQL is. */
  readonly endpoint: string
  /** A GraphQL request over HTTP. The token is `requester-1`'s when left out; null sends none. */
  graphql<Data = AnyData>(document: string, variables?: Variables, token?: string | null): Promise<Answer<Data>>
  /** The same, for requests that must succeed: throws when there are errors. */
  data<Data = AnyData>(document: string, variables?: Variables, token?: string | null): Promise<Data>
  /** Any request to the endpoint, as it is: JSON unless it is a string already. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Over graphql-transport-ws, a socket of its own. Queries and mutations too. */
  subscribe<Data = AnyData>(document: string, variables?: Variables, token?: string | null): Events<Data>
  /** Over Server-Sent Events. */
  sse<Data = AnyData>(document: string, variables?: Variables, token?: string | null): Events<Data>
  /** A graphql-ws client, for several operations on one socket. */
  socket(token?: string | null): WsClient
}

export const defaultToken = 'requester-1'

/** Talks to a server wherever it runs, perhaps acting for somebody with each request. What it opened ends with it. */
export function connect(url: string, actingFor?: unknown): Client {
  const endpoint = `${url}/graphql`
  const opened = new AsyncDisposableStack()
  const authorization = (token: string | null): Record<string, string> =>
    token === null ? {} : { authorization: `Bearer ${token}` }
  const headersOf = (token: string | null): Record<string, string> =>
    actingFor === undefined ? authorization(token) : { ...authorization(token), 'acting-for': String(actingFor) }

  const client: Client = {
    url,
    endpoint,
    async graphql(document, variables = {}, token = defaultToken) {
      const response = await client.post({ query: document, variables }, headersOf(token))
      return (await response.json()) as never
    },
    async data(document, variables, token) {
      const { data, errors } = await client.graphql(document, variables, token)
      if (errors || !data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
      return data
    },
    post: (body, headers = {}) =>
      fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    subscribe<Data>(query: string, variables: Variables = {}, token: string | null = defaultToken) {
      const ws = client.socket(token)
      return opened.use(events<Data>(ws.iterate<AnyData>({ query, variables }), () => ws.dispose()))
    },
    sse<Data>(query: string, variables: Variables = {}, token: string | null = defaultToken) {
      const sse = createSseClient({ url: endpoint, headers: headersOf(token), retryAttempts: 0 })
      return opened.use(events<Data>(sse.iterate<AnyData>({ query, variables }), () => sse.dispose()))
    },
    socket(token = defaultToken) {
      const ws = createWsClient({
        url: endpoint.replace(/^http/, 'ws'),
        webSocketImpl: WebSocket,
        connectionParams: { ...authorization(token), actingFor },
        retryAttempts: 0,
      })
      opened.defer(() => ws.dispose())
      return ws
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
  return client
}

/** Asks for the first event at once, so that the subscription stands from now on and not from the first `next()`. */
function events<Data>(source: AsyncIterableIterator<unknown>, dispose: () => unknown): Events<Data> {
  let first: Promise<IteratorResult<Answer<Data>>> | null = source.next() as Promise<IteratorResult<Answer<Data>>>
  first.catch(() => {})
  const iterator: Events<Data> = {
    next() {
      const next = first ?? (source.next() as Promise<IteratorResult<Answer<Data>>>)
      first = null
      return next
    },
    async data() {
      const { done, value } = await iterator.next()
      if (done) throw new Error('The subscription is over')
      if (value.errors || !value.data) throw new Error(`GraphQL errors: ${JSON.stringify(value.errors)}`)
      return value.data
    },
    async return() {
      await source.return?.()
      await dispose()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: async () => void (await iterator.return()),
  }
  return iterator
}
