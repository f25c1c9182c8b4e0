import { randomUUID } from 'node:crypto'
import { newRunId } from '../src/ids.ts'

/** What was written of one run, made into the same of another: other ids of the same length, times `later` by so many ms. */
export type Renewal = <Value>(value: Value) => Value

export function renewalOf(runId: string, sessionId: string): (later: number) => Renewal {
  const oldHex = runId.slice(4)
  return (later) => {
    const hex = newRunId().slice(4)
    const session = `ses_${randomUUID().replaceAll('-', '')}`
    const renew = (value: unknown): unknown => {
      if (typeof value === 'string') return value.replaceAll(oldHex, hex).replaceAll(sessionId, session)
      if (typeof value === 'number') return isTime(value) ? value + later : value
      if (value instanceof Date) return isTime(value.getTime()) ? new Date(value.getTime() + later) : value
      if (Array.isArray(value)) return value.map(renew)
      if (!isRecord(value)) return value
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, renew(member)]))
    }
    return <Value>(value: Value) => renew(value) as Value
  }
}

/** And no instance of a class: those of BSON stay what they are. A row of SQLite has no prototype at all. */
function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Not one that stands for "never" or "not yet". */
const isTime = (value: number) => value > 1.7e12 && value < 4e12
