/**
 * Whether a web page of another origin asks, one that is not among those allowed. Other ports of a machine are other origins too. The scheme is
 * not compared: behind a proxy with TLS it is another here. Who says nothing of an origin is no browser.
 */
export function isOfForeignPage({ headers, url }: Request, allowed: readonly string[] = []): boolean {
  const origin = headers.get('origin')
  if (origin === null) return ['cross-site', 'same-site'].includes(headers.get('sec-fetch-site') ?? '')
  return hostOf(origin) !== (headers.get('host') ?? new URL(url).host) && !allowed.includes(origin)
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : null)

/** Whether this is an origin as browsers send it: scheme, host and a port that is not the scheme's own. */
export const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text
