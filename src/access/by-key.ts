import type { KeyId } from '../ids.ts'
import { isKeyOf, keyIdOf } from './api-key.ts'
import type { SignIn } from './authenticate.ts'
import { keyState } from './keys.ts'
import type { KnownKeys } from './known-keys.ts'
import { parsePrincipal } from './principal.ts'

export type ByKeyParts = {
  readonly known: KnownKeys
  readonly used: (id: KeyId) => void
  /** The store's clock, in ms since 1970: keys are made by it. */
  readonly now: () => number
}

/** Who asks by an API key. What is no whole key is refused before the database is asked. */
export async function identifyByKey(token: string, { known, used, now }: ByKeyParts): Promise<SignIn> {
  const id = keyIdOf(token)
  if (id === null) return { refused: 'MALFORMED' }
  const key = await known.find(id)
  if (key === null || !isKeyOf(token, key.hash)) return { refused: 'UNKNOWN_KEY' }
  const at = now()
  const state = keyState(key, at)
  if (state !== 'active') return { refused: state === 'revoked' ? 'REVOKED' : 'EXPIRED' }
  used(id)
  const { principal, name, tenant, roles, expiresAt, actsForOthers } = key
  return {
    identity: {
      principal: parsePrincipal({ id: principal, name, tenant, roles }),
      // Timers go by this process's clock.
      expiresAt: expiresAt === null ? null : Date.now() + (expiresAt - at),
      by: { kind: 'key', id, actsForOthers },
    },
  }
}
