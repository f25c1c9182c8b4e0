import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { isAbstractType, OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import { schema } from '../../src/graphql/schema.ts'
import { type Authorize, failed, type PeopleClient, retryWait, silentWhenClosed } from './people-client.ts'

/** Of each interface and union: without it fragments on them match nothing for sure. */
const possibleTypes = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
)
/** An event replaces the one before; the approvals and runs in them are kept by id. */
const typePolicies = { Subscription: { fields: { pendingApprovals: { merge: false }, runEvents: { merge: false } } } }

/** `@apollo/client` with its normalised cache: subscriptions over WebSocket, the rest over HTTP. */
export function apollo(endpoint: string, authorize: Authorize): PeopleClient {
  const socket = createClient({
    url: endpoint.replace('http', 'ws'),
    connectionParams: () => ({ authorization: authorize() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait,
    shouldRetry: () => true,
  })
  const http = new HttpLink({ uri: endpoint, headers: { authorization: authorize() } })
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    http,
  )
  const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes, typePolicies }) })
  return silentWhenClosed({
    async ask(document, variables = {}) {
      const parsed = gql(document)
      const isQuery = parsed.definitions.some((one) => 'operation' in one && one.operation === OperationTypeNode.QUERY)
      const { data } = isQuery
        ? await client.query({ query: parsed, variables, fetchPolicy: 'network-only' })
        : await client.mutate({ mutation: parsed, variables })
      return data
    },
    subscribe(document, variables, next, complete) {
      client
        .subscribe({ query: gql(document), variables })
        .subscribe({ next: ({ data, error }) => (error ? failed(error) : next(data)), error: failed, complete })
    },
    cached: (document, variables) => client.cache.readQuery({ query: gql(document), variables }),
    async [Symbol.asyncDispose]() {
      client.stop()
      await socket.dispose()
    },
  })
}
