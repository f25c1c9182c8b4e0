import { type InputIssue, type InputSchema, mostIssues } from '../agents/input-schema.ts'
import {
  byteLength,
  isJsonObject,
  type JsonObject,
  type JsonText,
  type JsonValue,
  toJson,
  toJsonText,
} from '../json.ts'

export type Edited =
  | { readonly ok: true; readonly text: JsonText }
  | { readonly ok: false; readonly issues: readonly InputIssue[] }

/**
 * The arguments an approver wrote, as the tool's schema reads them. A schema that changes its own output again (`x => x * 2`) is not let
 * at them twice, since an approver who edits one field has seen the others as they are: then what they wrote is what runs, with what
 * they left out filled in.
 */
export async function readEditedArguments(schema: InputSchema, given: unknown, limit: number): Promise<Edited> {
  let value: JsonValue
  try {
    value = toJson(given)
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (!isJsonObject(value)) return refuse('The arguments must be a JSON object.')
  const parsed = await schema.parse(value)
  if (!parsed.ok)
    return { ok: false, issues: parsed.issues.map(({ path, message }) => ({ path: [...at, ...path], message })) }
  const unknown = unknownMembers(value, parsed.value, at).slice(0, mostIssues)
  if (unknown.length > 0)
    return { ok: false, issues: unknown.map((path) => ({ path, message: 'The tool has no such parameter.' })) }
  const text = toJsonText((await isSettled(schema, parsed.value)) ? parsed.value : completed(value, parsed.value))
  return byteLength(text) <= limit ? { ok: true, text } : refuse(`The arguments are longer than ${limit} bytes.`)
}

/** Whether the schema leaves its own output as it is. One that does not (`x => x * 2`) has changed this call already, when it was proposed. */
async function isSettled(schema: InputSchema, value: JsonObject): Promise<boolean> {
  const again = await schema.parse(value)
  return again.ok && toJsonText(again.value) === toJsonText(value)
}

const at = ['approve', 'arguments']
const refuse = (message: string): Edited => ({ ok: false, issues: [{ path: at, message }] })

/** Members that the schema dropped, in lists too: the approver would believe they count. */
function unknownMembers(given: JsonValue, parsed: JsonValue, path: readonly string[]): string[][] {
  if (Array.isArray(given) && Array.isArray(parsed)) {
    if (given.length !== parsed.length) return []
    return given.flatMap((item, index) => unknownMembers(item, parsed[index] ?? null, [...path, String(index)]))
  }
  if (!isJsonObject(given) || !isJsonObject(parsed)) return []
  return Object.entries(given).flatMap(([key, value]) => {
    const kept = Object.hasOwn(parsed, key) ? parsed[key] : undefined
    return kept === undefined ? [[...path, key]] : unknownMembers(value, kept, [...path, key])
  })
}

function completed(written: JsonValue, parsed: JsonValue): JsonValue {
  if (Array.isArray(written) && Array.isArray(parsed)) {
    // A list the schema made shorter or longer is the schema's: which item is which cannot be told.
    if (written.length !== parsed.length) return parsed
    return written.map((item, index) => completed(item, parsed[index] ?? null))
  }
  if (isJsonObject(written) && isJsonObject(parsed)) {
    const members = Object.entries(parsed).map(([key, value]): [string, JsonValue] => {
      const mine = Object.hasOwn(written, key) ? written[key] : undefined
      return [key, mine === undefined ? value : completed(mine, value)]
    })
    return Object.fromEntries(members)
  }
  return kindOf(written) === kindOf(parsed) ? written : parsed
}

const kindOf = (value: JsonValue) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
