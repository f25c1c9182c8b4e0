import type { Principal } from '../access/principal.ts'
import { CountersignError } from '../errors.ts'
import type { RateLimit } from './rate-limit.ts'

/** Counts a run that a principal starts. @throws CountersignError RATE_LIMITED */
export type CountStart = (principal: Pick<Principal, 'tenant' | 'id'>) => void

/** While nobody has to sign in all are one principal, on this machine: it is not counted. */
export const countingStarts =
  (limit: RateLimit, isOpen: () => boolean): CountStart =>
  ({ tenant, id }) => {
    if (isOpen()) return
    const who = JSON.stringify([tenant, id])
    const retryAfterMs = limit.wait(who)
    if (retryAfterMs > 0) {
      const message = `You start more than ${limit.perMinute} runs a minute: try again in ${Math.ceil(retryAfterMs / 1_000)} s.`
      throw new CountersignError('RATE_LIMITED', message, { retryAfterMs })
    }
    limit.count(who)
  }
