import type { ServerPlugin } from './http-context.ts'

/** Tells proxies to pass each event on as it comes: not to change or compress it, and nginx not to buffer it. Yoga says that it is not to be kept. */
export const useUnbufferedEvents = (): ServerPlugin => ({
  onResponse({ response: { headers } }) {
    if (!headers.get('content-type')?.startsWith('text/event-stream')) return
    headers.append('cache-control', 'no-transform')
    headers.set('x-accel-buffering', 'no')
  },
})
