import { retryAfter } from './draining.ts'
import type { ServerPlugin } from './http-context.ts'

/** Why the server takes no work now; null when it does. */
export type Readiness = () => Promise<string | null>

/**
 * `/health`: 200 while the process lives, for whoever restarts it. `/ready`: 200 while it takes work, else 503 with the
 * reason, for whoever sends it requests.
 */
export const useHealth = (readiness: Readiness): ServerPlugin => ({
  async onRequest({ url, endResponse }) {
    if (url.pathname === '/health') endResponse(Response.json({ status: 'ok' }))
    if (url.pathname === '/ready') {
      const reason = await readiness()
      endResponse(
        reason === null
          ? Response.json({ status: 'ready' })
          : Response.json({ status: 'unavailable', reason }, { status: 503, headers: retryAfter() }),
      )
    }
  },
})
