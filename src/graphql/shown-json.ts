import { isJsonObject, type JsonObject, type JsonText, readJson } from '../json.ts'
import type { GraphQLContext } from './context.ts'

/**
 * A JSON object as it is kept. When somebody made it something else in the database, that is logged and `{}` shown: an answer that must not
 * be null would take the whole list along. (The gate refuses such a call: its fingerprint is another.)
 */
export function shownObject(text: JsonText, what: string, { engine, requestId }: GraphQLContext): JsonObject {
  const value = parsed(text)
  if (isJsonObject(value)) return value
  engine.log.error({ requestId, what }, 'what is kept as a JSON object is none')
  return {}
}

function parsed(text: JsonText) {
  try {
    return readJson(text)
  } catch {
    return null
  }
}
