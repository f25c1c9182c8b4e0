import { CountersignError } from '../errors.ts'
import type { Duration } from './tool.ts'

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const longest = 3650 * units.d
/** What a timer of Node can wait, about 24 days. */
export const longestTimer = 2 ** 31 - 1

/**
 * A duration in milliseconds.
 *
 * @throws CountersignError INVALID_DEFINITION when it is none, or not above zero.
 */
export function milliseconds(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(typeof duration === 'number' ? `${duration}ms` : duration)
  const value = match ? Number(match[1]) * units[match[2] as keyof typeof units] : Number.NaN
  if (!(value >= 1 && value <= longest)) {
    throw new CountersignError(
      'INVALID_DEFINITION',
      `'${duration}' is no duration: give milliseconds, or a number with ms, s, m, h or d, such as '24h', up to 3650d`,
    )
  }
  return Math.round(value)
}

/**
 * How long something may take, in milliseconds; null when nobody says.
 *
 * @throws CountersignError INVALID_DEFINITION when it is no duration, or longer than a timer can wait.
 */
export function timeoutMs(timeout: Duration | undefined): number | null {
  if (timeout === undefined) return null
  const ms = milliseconds(timeout)
  if (ms > longestTimer) throw new CountersignError('INVALID_DEFINITION', 'timeout is at most 24 days')
  return ms
}
