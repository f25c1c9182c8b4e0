import { CountersignError } from '../errors.ts'
import type { SensitivePath } from '../sensitive.ts'
import type { WholeSchema } from './input-schema.ts'
import { fieldsInstead, markedPaths } from './schema-fields.ts'

/**
 * What of a tool's input is not shown: the paths that its definition lists, and the fields that its schema marks.
 *
 * @throws CountersignError INVALID_DEFINITION for a path that the schema does not have.
 */
export function readSensitive(given: unknown, { takes, gives }: WholeSchema): readonly SensitivePath[] {
  // What is recorded and shown is what the schema gives.
  const shown = gives ?? takes
  const listed = readList(given)
  const marked = [takes, ...(gives ? [gives] : [])].flatMap(markedPaths)
  for (const path of [...listed, ...marked]) {
    const fields = fieldsInstead(shown, path)
    if (fields === null) continue
    const there = fields.length > 0 ? `the fields there are ${fields.join(', ')}` : 'there are no fields there'
    throw invalid(`sensitive names '${path.join('.')}', which inputSchema does not give: ${there}`)
  }
  // All of an input is every field of it: arguments are an object.
  const paths = [...listed, ...marked].map((path) => (path.length === 0 ? ['*'] : path))
  return [...new Map(paths.map((path) => [JSON.stringify(path), path])).values()]
}

function readList(given: unknown): SensitivePath[] {
  if (given === undefined) return []
  const isList =
    Array.isArray(given) && given.every((path) => typeof path === 'string' && !path.split('.').includes(''))
  if (!isList) throw invalid("sensitive is a list of paths of input fields: 'ssn', 'card.number', 'cards.*.number'")
  return given.map((path) => path.split('.'))
}

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
