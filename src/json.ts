import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { CountersignError } from './errors.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

/** Canonical JSON (RFC 8785) of a value that came from a model, a tool or a person; it is stored and hashed as this text. */
export type JsonText = string & { readonly jsonText: unique symbol }

/** Deeper nesting is refused: no honest argument needs it and every recursive reader would have to fear it. */
const maxDepth = 100

/**
 * What a value says as JSON: as `JSON.stringify` would have it (`toJSON` is asked, undefined members fall away), with
 * strings made well-formed. What JSON cannot carry unchanged is refused and not bent.
 *
 * @throws CountersignError INVALID_JSON for cycles, BigInt, functions, NaN, integers beyond 2^53, Map, Set and more than 100 levels.
 */
export function toJson(value: unknown): JsonValue {
  return convert(value, [], { left: maxValues })
}

/** What a shared sub-object stands in many times over is counted as often: 60 levels of two would never end. */
const maxValues = 2_000_000
type Budget = { left: number }

function convert(raw: unknown, above: object[], budget: Budget): JsonValue {
  if (--budget.left < 0) throw refused(`it has more than ${maxValues} values`)
  const value = unboxed(hasToJson(raw) ? raw.toJSON() : raw)
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : value.toWellFormed()
    case 'boolean':
      return value
    case 'number':
      if (!Number.isFinite(value)) throw refused(`${value} is no JSON number`)
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw refused('an integer in it is beyond 2^53 and would lose digits; send it as a string')
      }
      return value
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : convertObject(value, above, budget)
    default:
      throw refused(`a ${typeof value} is no JSON`)
  }
}

function convertObject(value: object, above: object[], budget: Budget): JsonValue {
  if (above.includes(value)) throw refused('it contains itself')
  if (above.length >= maxDepth) throw refused(`it is nested more than ${maxDepth} levels deep`)
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    throw refused(`a ${value.constructor.name} is no JSON; return plain objects and arrays`)
  }
  const path = [...above, value]
  if (Array.isArray(value)) return value.map((item) => convert(item, path, budget))
  const entries = new Map<string, JsonValue>()
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined || typeof member === 'function' || typeof member === 'symbol') continue
    const name = key.toWellFormed()
    if (entries.has(name)) throw refused('two of its names differ only in what is not well-formed')
    entries.set(name, convert(member, path, budget))
  }
  // fromEntries defines members, so that a `__proto__` from outside stays data.
  return Object.fromEntries(entries)
}

const boxes = [Number, String, Boolean, BigInt]
const unboxed = (value: unknown) => (boxes.some((box) => value instanceof box) ? Object(value).valueOf() : value)

const hasToJson = (value: unknown): value is { toJSON(): unknown } =>
  typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function'

const refused = (why: string) => new CountersignError('INVALID_JSON', `Not representable as JSON: ${why}.`)

/** The canonical text of a value; throws as {@link toJson} does. */
export const toJsonText = (value: unknown): JsonText => canonicalize(toJson(value)) as JsonText

/**
 * Reads JSON text from outside.
 *
 * @throws CountersignError INVALID_JSON when it does not parse or breaks the rules of {@link toJson}.
 */
export function parseJson(text: string): JsonValue {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CountersignError('INVALID_JSON', 'It does not parse as JSON.', { cause })
  }
  return toJson(value)
}

/** Reads text that this program wrote. */
export const readJson = (text: JsonText): JsonValue => JSON.parse(text)
export const readJsonObject = (text: JsonText): JsonObject => JSON.parse(text)

/** The members of both objects; of one that both have, the second's. */
export const mergeObjects = (first: JsonText, second: JsonText): JsonText =>
  toJsonText({ ...readJsonObject(first), ...readJsonObject(second) })

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const sha256 = (text: string): string => hash('sha256', text, 'hex')
export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8')
