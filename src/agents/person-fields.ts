import type { FlexibleSchema } from '@ai-sdk/provider-utils'
import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { type InputSchema, parserOf } from './input-schema.ts'

/** The fields of a tool's input that a person fills; the model does not know of them. */
export type PersonFields = {
  readonly fields: readonly string[]
  /** JSON Schema of their values, for a call whose other fields are these. */
  schemaFor(input: JsonObject): JsonObject
}

/** What a tool may bring along to say itself what a person is asked for one call. */
export const schemaForPerson = Symbol('schemaForPerson')

/**
 * Parts a tool's input into what the model fills and what a person fills.
 *
 * @param asked The fields for the person; all of them when there are none.
 * @throws CountersignError INVALID_DEFINITION when the input has no such field, or no fields at all.
 */
export function partInput(
  given: FlexibleSchema<unknown>,
  { json }: InputSchema,
  asked: readonly string[],
): { readonly forModel: InputSchema; readonly forPerson: PersonFields } {
  const properties = isJsonObject(json.properties) ? json.properties : null
  if (properties === null || Object.keys(properties).length === 0) {
    throw invalid("pause: 'user-input' needs an inputSchema of an object with fields")
  }
  const unknown = asked.find((field) => !Object.hasOwn(properties, field))
  if (unknown !== undefined) {
    const fields = Object.keys(properties).join(', ')
    throw invalid(`userInput names '${unknown}', which is no field of inputSchema: its fields are ${fields}`)
  }
  const fields = asked.length > 0 ? [...new Set(asked)] : Object.keys(properties)
  const isAsked = (field: string) => fields.includes(field)
  const modelJson = withFields(json, (field) => !isAsked(field))
  const personJson = { ...withFields(json, isAsked), additionalProperties: false }
  return {
    forModel: { json: modelJson, parse: without(fields, parserOf(modelPart(given, isAsked), modelJson)) },
    forPerson: { fields, schemaFor: () => personJson },
  }
}

function withFields(json: JsonObject, keep: (field: string) => boolean): JsonObject {
  const properties = Object.entries(json.properties as JsonObject).filter(([field]) => keep(field))
  const required = Array.isArray(json.required) ? json.required.filter((field) => keep(String(field))) : []
  const { required: _, ...rest } = json
  return { ...rest, properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) }
}

/** Of a zod object its own fields, with their defaults and changes; of any other schema, what its JSON Schema says. */
function modelPart(
  given: FlexibleSchema<unknown>,
  isAsked: (field: string) => boolean,
): FlexibleSchema<unknown> | null {
  if (!(given instanceof z.core.$ZodObject)) return null
  const shape = Object.entries(given._zod.def.shape).filter(([field]) => !isAsked(field))
  return z.object(Object.fromEntries(shape))
}

/** Whatever a model says of fields that are not its to fill is left out. */
const without =
  (fields: readonly string[], parse: InputSchema['parse']): InputSchema['parse'] =>
  async (input) => {
    const own = isJsonObject(input) ? leaveOut(input, fields) : input
    const parsed = await parse(own)
    return parsed.ok ? { ok: true, value: leaveOut(parsed.value, fields) } : parsed
  }

const leaveOut = (object: JsonObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)))

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
