import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CountersignError } from '../errors.ts'

/** How many connections may wait to be taken: after a restart all consoles come at once. The kernel's own bound is `net.core.somaxconn`. */
const backlog = 4096

/**
 * Listens, and gives the URL; port 0 takes any free one.
 *
 * @throws CountersignError INVALID_CONFIGURATION that says why it cannot.
 */
export function listenOn(http: HttpServer, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, port, host)))
    http.listen(port, host, backlog, () => {
      const { port: bound } = http.address() as AddressInfo
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`)
    })
  })
}

function cannotListen(error: NodeJS.ErrnoException, port: number, host: string): CountersignError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `port ${port} of ${host} is taken: stop what uses it, or choose another port`,
    EACCES: `port ${port} needs rights that this process does not have: choose one from 1024`,
    EADDRNOTAVAIL: `${host} is no address of this machine`,
    ENOTFOUND: `${host} is no known host`,
  }
  const reason = reasons[error.code ?? ''] ?? error.message
  return new CountersignError('INVALID_CONFIGURATION', `Cannot listen: ${reason}.`, { cause: error })
}
