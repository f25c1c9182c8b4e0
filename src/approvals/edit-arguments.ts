import type { AgentTool } from '../agents/agent.ts'
import type { InputIssue } from '../agents/input-schema.ts'
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
 * The arguments an approver wrote, checked by the tool's schema. What they wrote is what runs: the schema's own changes are made to what a
 * model proposes, once, and an approver who edits one field has seen the others as they are. Only what was left out is filled in.
 */
export async function readEditedArguments(tool: AgentTool, given: unknown, limit: number): Promise<Edited> {
  let value: JsonValue
  try {
    value = toJson(given)
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (!isJsonObject(value)) return refuse('The arguments must be a JSON object.')
  const parsed = await tool.schema.parse(value)
  if (!parsed.ok)
    return { ok: false, issues: parsed.issues.map(({ path, message }) => ({ path: [...at, ...path], message })) }
  const unknown = unknownMembers(value, parsed.value, at)
  if (unknown.length > 0)
    return { ok: false, issues: unknown.map((path) => ({ path, message: 'The tool has no such parameter.' })) }
  const text = toJsonText(completed(value, parsed.value))
  return byteLength(text) <= limit ? { ok: true, text } : refuse(`The arguments are longer than ${limit} bytes.`)
}

const at = ['approve', 'arguments']
const refuse = (message: string): Edited => ({ ok: false, issues: [{ path: at, message }] })

/** Members that the schema dropped: the approver would believe they count. */
function unknownMembers(given: JsonObject, parsed: JsonObject, path: readonly string[]): string[][] {
  return Object.entries(given).flatMap(([key, value]) => {
    const here = [...path, key]
    if (!Object.hasOwn(parsed, key)) return [here]
    const kept = parsed[key]
    return isJsonObject(value) && isJsonObject(kept) ? unknownMembers(value, kept, here) : []
  })
}

function completed(given: JsonObject, parsed: JsonObject): JsonObject {
  const members = Object.entries(parsed).map(([key, value]): [string, JsonValue] => {
    const written = Object.hasOwn(given, key) ? given[key] : undefined
    if (written === undefined) return [key, value]
    return [key, isJsonObject(written) && isJsonObject(value) ? completed(written, value) : written]
  })
  return Object.fromEntries(members)
}
