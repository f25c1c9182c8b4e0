import type { Engine } from '../engine.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './principal.ts'

/** The names that this process has kept already, by tenant and id; who asks all day is written down once. */
const kept = new WeakMap<Store, Map<string, string | null>>()
const rememberAtMost = 10_000

/** Keeps the name of who starts or decides something, for whoever reads it in a year. What they do does not hang on it: never rejects. */
export async function rememberName(
  { store, log }: Pick<Engine, 'store' | 'log'>,
  { tenant, id, name }: Principal,
): Promise<void> {
  const names = kept.get(store) ?? new Map<string, string | null>()
  kept.set(store, names)
  const key = JSON.stringify([tenant, id])
  if (names.get(key) === name) return
  try {
    await store.principals.put({ tenant, id, name })
    if (names.size >= rememberAtMost) names.clear()
    names.set(key, name)
  } catch (error) {
    log.warn({ err: error, principal: id }, 'A name was not kept')
  }
}
