import { type JsonText, mergeObjects } from '../json.ts'
import type { Resolution } from '../store/records.ts'

/** What a call runs with: what was proposed or what its approver made of that, completed by what a person filled in. */
export function finalArguments(proposed: JsonText, decided: Pick<Resolution, 'arguments' | 'values'> | null): JsonText {
  const own = decided?.arguments ?? proposed
  const values = decided?.values ?? null
  return values === null ? own : mergeObjects(own, values)
}
