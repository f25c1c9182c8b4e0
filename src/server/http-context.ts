import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin } from 'graphql-yoga'
import type { Identity } from '../access/authenticate.ts'

/** What the plugins find out about one HTTP request, in their order, for those after them. */
export type HttpContext = {
  /** Set by {@link useRequestId}. */
  requestId?: string
  /** Set by {@link useAuthentication}. */
  identity?: Identity
  /** The operation came over a WebSocket, which ends as a whole when its identity is over. */
  onSocket?: true
  /** Node's own, when it came over Node's HTTP server. */
  req?: IncomingMessage
  res?: ServerResponse
}

/** One feature of the way a request takes; see the list in pipeline.ts. */
export type ServerPlugin = Plugin<Record<never, never>, HttpContext>
