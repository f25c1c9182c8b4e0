import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import type { SensitivePath } from '../sensitive.ts'

// Where a JSON Schema has fields, and which of them are marked `sensitive`.

/** Keywords whose schemas speak of the same value. */
const ofTheSame = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else']
const ofElements = ['items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'contains']
const ofAnyMember = ['additionalProperties', 'unevaluatedProperties']
/** Keywords whose members are schemas, by names that are no keywords. */
const byName = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']
/** Keywords whose values are data. */
const data = ['const', 'enum', 'default', 'examples', 'required']

const schemasAt = (schema: JsonObject, keywords: readonly string[]): JsonObject[] =>
  keywords.flatMap((keyword) => schema[keyword] ?? []).filter(isJsonObject)

type Member = { readonly step: string; readonly ofList: boolean; readonly schema: JsonObject }

function membersOf(schema: JsonObject): Member[] {
  const { properties, patternProperties } = schema
  const named = Object.entries(isJsonObject(properties) ? properties : {})
  const others = [
    ...Object.values(isJsonObject(patternProperties) ? patternProperties : {}),
    ...schemasAt(schema, ofAnyMember),
  ]
  const member = (step: string, given: JsonValue, ofList = false): Member[] =>
    isJsonObject(given) ? [{ step, ofList, schema: given }] : []
  return [
    ...named.flatMap(([name, given]) => member(name, given)),
    ...others.flatMap((given) => member('*', given)),
    ...schemasAt(schema, ofElements).flatMap((given) => member('*', given, true)),
  ]
}

function target(root: JsonObject, { $ref }: JsonObject): JsonObject | null {
  if (typeof $ref !== 'string' || !$ref.startsWith('#')) return null
  const steps = decodeURIComponent($ref.slice(1)).split('/').slice(1)
  const found = steps.reduce<JsonValue | undefined>((value, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }, root)
  return isJsonObject(found) ? found : null
}

/** What is not understood hides as well. */
const isMarked = ({ sensitive }: JsonObject): boolean => sensitive !== undefined && sensitive !== false

/** The paths of what is marked. Where a schema with marks repeats itself, all that it holds there. */
export const markedPaths = (root: JsonObject): SensitivePath[] => marksIn({ $ref: '#' }, [], root, []).marked

type Marks = {
  readonly marked: readonly SensitivePath[]
  readonly again: readonly { readonly ref: string; readonly path: SensitivePath }[]
}

function marksIn(
  schema: JsonObject,
  path: SensitivePath,
  root: JsonObject,
  within: readonly string[],
): Marks & { marked: SensitivePath[] } {
  if (isMarked(schema)) return { marked: [path], again: [] }
  const parts: Marks[] = [
    ...schemasAt(schema, ofTheSame).map((one) => marksIn(one, path, root, within)),
    ...membersOf(schema).map(({ step, schema: one }) => marksIn(one, [...path, step], root, within)),
    ...behind(schema, path, root, within),
  ]
  return { marked: parts.flatMap(({ marked }) => marked), again: parts.flatMap(({ again }) => again) }
}

function behind(schema: JsonObject, path: SensitivePath, root: JsonObject, within: readonly string[]): Marks[] {
  const there = target(root, schema)
  if (there === null) return []
  const ref = String(schema.$ref)
  if (within.includes(ref)) return [{ marked: [], again: [{ ref, path }] }]
  const { marked, again } = marksIn(there, path, root, [...within, ref])
  const own = marked.length === 0 ? [] : again.filter((one) => one.ref === ref).map((one) => one.path)
  return [{ marked: [...marked, ...own], again: again.filter((one) => one.ref !== ref) }]
}

/** The schema without its marks: they are about what people see, and a decision is bound to the rest. */
export function withoutMarks(schema: JsonObject): JsonObject {
  const kept = Object.entries(schema).filter(([keyword]) => keyword !== 'sensitive')
  const inner = (value: JsonValue): JsonValue =>
    isJsonObject(value) ? withoutMarks(value) : Array.isArray(value) ? value.map(inner) : value
  return Object.fromEntries(
    kept.map(([keyword, value]): [string, JsonValue] => {
      if (data.includes(keyword)) return [keyword, value]
      if (!byName.includes(keyword) || !isJsonObject(value)) return [keyword, inner(value)]
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]))]
    }),
  )
}

/** Null when the schema has something at this path, or does not say what it has there; else the fields it has where the path goes wrong. */
export function fieldsInstead(root: JsonObject, path: SensitivePath): readonly string[] | null {
  let here = sameValue(root, root)
  for (const step of path) {
    if (here.some(saysNothing)) return null
    const there = here.flatMap((schema) => membersNamed(schema, step, root))
    if (there.length === 0) return here.flatMap(membersOf).map((member) => member.step)
    here = there
  }
  return null
}

/** The schema, and all that speak of the same value. */
function sameValue(schema: JsonObject, root: JsonObject, known: Set<JsonObject> = new Set()): JsonObject[] {
  if (known.has(schema)) return []
  known.add(schema)
  const there = target(root, schema)
  const others = [...schemasAt(schema, ofTheSame), ...(there ? [there] : [])]
  return [schema, ...others.flatMap((one) => sameValue(one, root, known))]
}

function membersNamed(schema: JsonObject, name: string, root: JsonObject): JsonObject[] {
  return membersOf(schema).flatMap(({ step, ofList, schema: member }) => {
    const same = sameValue(member, root)
    if (ofList && name !== '*') return same.flatMap((one) => (one === schema ? [] : membersNamed(one, name, root)))
    return name === '*' || step === '*' || step === name ? same : []
  })
}

const about = ['description', 'title', 'default', 'examples', 'sensitive', '$schema', '$defs', 'definitions']
/** Of a value of any kind, or of an object of any fields. */
const saysNothing = (schema: JsonObject): boolean =>
  Object.entries(schema).every(([key, value]) => about.includes(key) || (key === 'type' && value === 'object'))
