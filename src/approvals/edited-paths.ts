import { isDeepStrictEqual } from 'node:util'
import { type JsonValue, readJson } from '../json.ts'
import { hidingOf, memberOf, type SensitivePath, sensitivePathOf } from '../sensitive.ts'
import type { ApprovalRecord } from '../store/records.ts'

/** Of more a reader looks at the arguments themselves. */
const mostPaths = 100

type Decided = Pick<ApprovalRecord, 'arguments' | 'resolution'>

/**
 * Where an approver changed the arguments: the first hundred places, names and numbers from the outside in; null when they were not edited.
 * Of a hidden place, or one within, only its sensitive path: what it is called inside is hidden as well.
 */
export function editedPaths(
  { arguments: proposed, resolution }: Decided,
  sensitive: readonly SensitivePath[],
): readonly SensitivePath[] | null {
  if (resolution === null || resolution.arguments === null) return null
  const { arguments: edited, values } = resolution
  const { message } = hidingOf(sensitive, proposed, edited, values)
  const found = new Map<string, SensitivePath>()

  function compare(before: JsonValue | undefined, after: JsonValue | undefined, place: readonly string[]): void {
    if (found.size >= mostPaths) return
    const hidden = sensitivePathOf(place, sensitive)
    if (hidden === undefined && hasMembers(before) && hasMembers(after) && isList(before) === isList(after)) {
      for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
        compare(memberOf(before, name), memberOf(after, name), [...place, name])
    } else if (!isDeepStrictEqual(before, after)) {
      const path = hidden ?? place.map(message)
      found.set(JSON.stringify(path), path)
    }
  }

  compare(readJson(proposed), readJson(edited), [])
  return [...found.values()]
}

const hasMembers = (value: JsonValue | undefined): value is Exclude<JsonValue, null | boolean | number | string> =>
  typeof value === 'object' && value !== null
const isList = Array.isArray
