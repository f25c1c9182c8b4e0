import { createClient } from 'graphql-ws'
import type { TypedDocumentString } from './generated/graphql.ts'

/** The API as one person uses it: operations over HTTP, subscriptions over one WebSocket. */
export type Api = AsyncDisposable & {
  /** @throws Error with the server's message when the operation fails as a whole. */
  ask<Result, Variables extends Record<string, unknown>>(
    operation: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): Promise<Result>
  watch<Result, Variables extends Record<string, unknown>>(
    operation: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): AsyncGenerator<Result, void>
}

export function connect(url: string, token: string): Api {
  const authorization = `Bearer ${token}`
  const endpoint = new URL('/graphql', url)
  const socket = createClient({
    url: endpoint.href.replace(/^http/, 'ws'),
    connectionParams: { authorization },
    retryAttempts: 0,
  })
  return {
    async ask(operation, variables) {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body: JSON.stringify({ query: String(operation), variables }),
      })
      return dataOf(await response.json())
    },
    watch(operation, variables) {
      // The subscription begins here, and not when it is first read.
      const results = socket.iterate({ query: String(operation), variables })
      return read(results)
    },
    [Symbol.asyncDispose]: async () => socket.dispose(),
  }
}

async function* read<Result>(results: AsyncIterable<unknown>): AsyncGenerator<Result, void> {
  for await (const result of results) yield dataOf(result)
}

/** The types come from the operation and the schema (codegen): here is where they are taken on trust. */
function dataOf<Result>(answer: unknown): Result {
  const { data, errors } = answer as { data?: Result | null; errors?: readonly { message: string }[] }
  if (errors?.[0] || !data) throw new Error(errors?.[0]?.message ?? 'The server answered without data.')
  return data
}
