import { asSchema, type FlexibleSchema } from '@ai-sdk/provider-utils'
import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, toJson } from '../json.ts'
import { withoutMarks } from './schema-fields.ts'

export type InputIssue = { readonly path: readonly string[]; readonly message: string }
/** Of an input that is wrong all over, the first of it says enough. */
export const mostIssues = 100
export type Parsed =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly issues: readonly InputIssue[] }

export type InputSchema = {
  /** JSON Schema, as the model gets it. */
  readonly json: JsonObject
  /** Validates and completes arguments: defaults filled in, the schema's own changes made. Never throws for bad input. */
  parse(input: JsonValue): Promise<Parsed>
}

/** With the JSON Schemas of what it takes and, where it says so, of what it gives, as they are marked `sensitive`. */
export type WholeSchema = InputSchema & { readonly takes: JsonObject; readonly gives: JsonObject | null }

/**
 * Reads a tool's input schema: zod, another Standard Schema that gives JSON Schema, or the AI SDK's `jsonSchema()`.
 *
 * @throws CountersignError INVALID_DEFINITION when it is none of these, or when what it makes of its input is not JSON.
 */
export function readInputSchema(given: FlexibleSchema<unknown>): WholeSchema {
  if (given === null || (typeof given !== 'object' && typeof given !== 'function')) {
    throw invalid('inputSchema is missing: give a zod object, or jsonSchema() of the AI SDK')
  }
  const output = readOutput(given)
  let json: unknown
  try {
    json = asSchema(given).jsonSchema
  } catch (cause) {
    throw invalid(`inputSchema gives no JSON Schema (${messageOf(cause)})`, cause)
  }
  if (json instanceof Promise || (typeof json === 'object' && json !== null && 'then' in json)) {
    throw invalid('inputSchema gives its JSON Schema as a promise: await it before defining the agent')
  }
  const takes = toJson(json)
  if (!isJsonObject(takes)) throw invalid('inputSchema gives no JSON Schema object')
  const own = withoutMarks(takes)
  return { json: own, parse: parserOf(given, own), takes, gives: isJsonObject(output) ? output : null }
}

/** Dates and transforms to classes do not survive being recorded: what runs would not be what was shown. */
function readOutput(given: FlexibleSchema<unknown>): unknown {
  const hint =
    'the output of inputSchema must be JSON: a date or a transform is not (use z.iso.datetime(), .overwrite(), or .pipe() to a JSON type)'
  try {
    if (given instanceof z.core.$ZodType) return z.toJSONSchema(given, { io: 'output' })
    return '~standard' in given ? given['~standard'].jsonSchema?.output({ target: 'draft-07' }) : undefined
  } catch (cause) {
    throw invalid(`${hint} (${messageOf(cause)})`, cause)
  }
}

/** Parses by a schema, or by its JSON Schema where there is no other or it does not validate by itself. */
export function parserOf(given: FlexibleSchema<unknown> | null, json: JsonObject): InputSchema['parse'] {
  const validate = (given && asSchema(given).validate) ?? asSchema(z.fromJSONSchema(json)).validate
  return async (input) => {
    try {
      const result = await validate?.(input)
      if (!result?.success) return { ok: false, issues: issuesOf(result?.error) }
      const value = toJson(result.value)
      if (isJsonObject(value)) return { ok: true, value }
      return { ok: false, issues: [{ path: [], message: 'The arguments must be a JSON object.' }] }
    } catch (error) {
      return { ok: false, issues: [{ path: [], message: messageOf(error) }] }
    }
  }
}

/** zod and Standard Schema put their issues in different places of the error. */
function issuesOf(error: unknown): InputIssue[] {
  const holder = error instanceof Error && !('issues' in error) ? error.cause : error
  const list = Array.isArray(holder) ? holder : (holder as { issues?: unknown } | undefined)?.issues
  const parsed = issueList.safeParse(list)
  if (!parsed.success || parsed.data.length === 0) return [{ path: [], message: messageOf(error) }]
  return parsed.data.slice(0, mostIssues).map(({ path, message }) => ({
    path: (path ?? []).map((step) =>
      String(typeof step === 'object' && step !== null && 'key' in step ? step.key : step),
    ),
    message,
  }))
}
const issueList = z.array(z.object({ path: z.array(z.unknown()).optional(), message: z.string() }))

const invalid = (message: string, cause?: unknown) => new CountersignError('INVALID_DEFINITION', message, { cause })
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
