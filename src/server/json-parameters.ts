import { badRequest } from './error-response.ts'
import type { ServerPlugin } from './http-context.ts'

/** Yoga parses these two without looking, and takes what is no JSON for a fault of its own. */
export const useJsonParameters = (): ServerPlugin => ({
  onRequestParse({ request, url }) {
    if (request.method !== 'GET') return
    for (const name of ['variables', 'extensions']) {
      const text = url.searchParams.get(name)
      if (text && !isJson(text))
        throw badRequest(
          `The parameter \`${name}\` is no JSON: send an object such as ${name}={"id":"…"}, URL-encoded.`,
        )
    }
  },
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
