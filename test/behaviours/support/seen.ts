import type { AnyData, Client, Events } from '../../support/client.ts'

/** A client that keeps all that it was answered, over HTTP, WebSocket and SSE. */
export type SeeingClient = Client & { readonly seen: readonly string[] }

export function seeing(client: Client): SeeingClient {
  const seen: string[] = []
  const keep = <Answer>(answer: Answer): Answer => {
    seen.push(JSON.stringify(answer))
    return answer
  }
  const kept = (events: Events<AnyData>): Events<AnyData> => ({
    ...events,
    next: async () => keep(await events.next()),
  })
  return {
    ...client,
    seen,
    graphql: async (...asked) => keep(await client.graphql<AnyData>(...asked)),
    data: async (...asked) => keep(await client.data<AnyData>(...asked)),
    subscribe: (...asked) => kept(client.subscribe<AnyData>(...asked)),
    sse: (...asked) => kept(client.sse<AnyData>(...asked)),
  }
}
