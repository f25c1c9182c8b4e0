import { GraphQLError, Kind, type ObjectValueNode, type ValueNode } from 'graphql'
import { CountersignError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, toJson } from '../json.ts'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description:
    'A moment, as RFC 3339 has it (https://www.rfc-editor.org/rfc/rfc3339): `2026-03-01T12:00:00.000Z`. Given in UTC with milliseconds; taken with any offset, and what is finer than a millisecond is cut off.',
  serialize: (ms) => new Date(ms).toISOString(),
  parseValue: (value) => parseDateTime(value),
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : undefined, node),
})

builder.scalarType('JSON', {
  description:
    'Any JSON value. Taken as it is, but: an integer beyond 2^53 or nesting beyond 100 levels is refused (BAD_USER_INPUT), and what is no Unicode in a string becomes U+FFFD.',
  serialize: (value) => value,
  parseValue: (value) => parseJsonValue(value),
  parseLiteral: (node, variables) => parseJsonValue(literal(node, variables), node),
})

builder.scalarType('JSONObject', {
  description:
    'A JSON object, with the rules of `JSON`. Anything else, a string that holds JSON included, is refused (BAD_USER_INPUT).',
  serialize: (value) => value,
  parseValue: (value) => parseJsonObject(value),
  parseLiteral: (node, variables) => parseJsonObject(literal(node, variables), node),
})

const dateTime = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

function parseDateTime(text: unknown, node?: ValueNode): number {
  const local = typeof text === 'string' ? dateTime.exec(text)?.[1]?.toUpperCase() : undefined
  const ms =
    typeof text === 'string' && local !== undefined && exists(local) ? Date.parse(text.toUpperCase()) : Number.NaN
  if (Number.isNaN(ms))
    throw refused('A DateTime is a string as RFC 3339 has it, such as "2026-03-01T12:00:00.000Z".', node)
  return ms
}

/** `Date` takes the 30th of February for the 2nd of March. */
function exists(local: string): boolean {
  const ms = Date.parse(`${local}Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(local)
}

function parseJsonValue(value: unknown, node?: ValueNode): JsonValue {
  try {
    return toJson(value)
  } catch (error) {
    if (error instanceof CountersignError) throw refused(error.message, node)
    throw error
  }
}

function parseJsonObject(value: unknown, node?: ValueNode): JsonObject {
  const json = parseJsonValue(value, node)
  if (isJsonObject(json)) return json
  const found = Array.isArray(json) ? 'an array' : json === null ? 'null' : `a ${typeof json}`
  throw refused(`A JSONObject is an object, such as {"key": "value"}, and this is ${found}.`, node)
}

type Variables = Readonly<Record<string, unknown>> | null | undefined

/** The value that a literal in the document stands for. */
function literal(node: ValueNode, variables: Variables): unknown {
  switch (node.kind) {
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value)
    case Kind.NULL:
      return null
    case Kind.LIST:
      return node.values.map((item) => literal(item, variables))
    case Kind.OBJECT:
      return objectLiteral(node, variables)
    case Kind.VARIABLE:
      return variables?.[node.name.value]
    case Kind.ENUM:
      throw refused(`${node.value} is no JSON: put a string in quotes.`, node)
  }
}

/** fromEntries defines members, so that a `__proto__` from outside stays data. */
const objectLiteral = (node: ObjectValueNode, variables: Variables) =>
  Object.fromEntries(node.fields.map(({ name, value }) => [name.value, literal(value, variables)]))

/** `node`: the literal, so that the error says where in the document it stands. */
const refused = (message: string, node?: ValueNode) =>
  new GraphQLError(message, { nodes: node, extensions: { code: 'BAD_USER_INPUT' } })
