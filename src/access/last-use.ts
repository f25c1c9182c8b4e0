import type { Logger } from 'pino'
import type { KeyId } from '../ids.ts'
import type { Store } from '../store/store.ts'

const everyMs = 60_000
const rememberAtMost = 10_000

/** Writes down that a key was used, once a minute for each, behind the request's back: nobody waits for it, and nothing fails with it. */
export function lastUse({ keys, now }: Pick<Store, 'keys' | 'now'>, log: Logger): (id: KeyId) => void {
  const written = new Map<KeyId, number>()
  return (id) => {
    const at = performance.now()
    if (at - (written.get(id) ?? Number.NEGATIVE_INFINITY) < everyMs) return
    if (written.size >= rememberAtMost) written.clear()
    written.set(id, at)
    keys.touch(id, now()).catch((error) => log.warn({ err: error, key: { id } }, 'The last use of a key was not kept'))
  }
}
