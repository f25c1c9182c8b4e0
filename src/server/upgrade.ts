import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { retryAfter } from './draining.ts'
import { foreignHost, foreignOrigin } from './open-access.ts'
import { isOfForeignPage } from './origin.ts'
import { endpoint } from './pipeline.ts'

export type Refused = {
  readonly status: string
  readonly reason: string
  readonly headers?: Readonly<Record<string, string>>
}

export type UpgradeRules = {
  /** Whether nobody has to say who they are. */
  readonly open: boolean
  readonly allowedOrigins: readonly string[]
  readonly refusal: () => string | null
}

/** Why a request for a WebSocket is refused; null when it is not. */
export function refusalOf(upgrade: IncomingMessage, { open, allowedOrigins, refusal }: UpgradeRules): Refused | null {
  const request = toRequest(upgrade)
  if (new URL(request.url).pathname !== endpoint)
    return { status: '404 Not Found', reason: `WebSockets are at ${endpoint}.` }
  const foreign = open ? (foreignHost(request) ?? foreignOrigin(request)) : foreignPage(request, allowedOrigins)
  if (foreign !== null) return { status: '403 Forbidden', reason: foreign }
  const draining = refusal()
  return draining === null ? null : { status: '503 Service Unavailable', reason: draining, headers: retryAfter() }
}

const foreignPage = (request: Request, allowedOrigins: readonly string[]) =>
  isOfForeignPage(request, allowedOrigins)
    ? 'WebSockets of web pages of another origin are refused, unless `allowedOrigins` (ALLOWED_ORIGINS) names it.'
    : null

export function refuse(socket: Duplex, { status, reason, headers = {} }: Refused): void {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', () => {})
  // Nobody's time limits hold for it any more: a client that does not hang up would keep it open.
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n${more.join('')}\r\n${reason}`,
  )
}

/** The upgrade as the web's Request, which `authenticate` is given over every transport. */
export function toRequest(upgrade: IncomingMessage): Request {
  const headers = new Headers()
  for (const [name, values] of Object.entries(upgrade.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  const path = upgrade.url ?? '/'
  const base = `http://${upgrade.headers.host ?? 'localhost'}`
  const url = URL.canParse(path, base) ? new URL(path, base) : new URL('http://localhost/')
  // Of a URL with credentials no Request is made: it throws.
  url.username = ''
  url.password = ''
  return new Request(url, { headers })
}
