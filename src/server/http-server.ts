import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'

/** How long a client may take, in ms, and how much it may say before its body. */
export type HttpBounds = {
  /** Until the last of its headers is here, from when it connects or begins its next request. */
  readonly headersTimeout: number
  /** Until the last of its body is here. Answers and event streams have no such bound. */
  readonly requestTimeout: number
  /** How long a connection is kept for a next request. */
  readonly keepAliveTimeout: number
  /** How often Node looks whether the first two are over. */
  readonly connectionsCheckingInterval: number
  /** In bytes, of all headers: the longest token that is read has 8,192. */
  readonly maxHeaderSize: number
}

export const httpBounds: HttpBounds = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
}

/** Whoever sends slowly is answered 408 and cut off, whoever sends too many headers 431: many of them hold no more than their connections. */
export const createHttpServer = (bounds: HttpBounds, answer: RequestListener): Server =>
  createServer({ ...bounds, shouldUpgradeCallback: wantsWebSocket }, (request, response) => {
    if (!hasUrl(request)) return void response.writeHead(400, { connection: 'close' }).end()
    // Who writes the answer waits until there is room for more: where the client is gone, for ever.
    response.once('close', () => response.emit('drain'))
    answer(request, response)
  })

/** Any other protocol that a client offers to go on with (curl's h2c) may be ignored, and the request answered: RFC 9110, 7.8. */
const wantsWebSocket = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket'

/** Host and path come as they were sent; what makes no URL together would be answered with a stack trace. */
const hasUrl = ({ headers, url }: IncomingMessage) => URL.canParse(`http://${headers.host ?? 'localhost'}${url}`)
