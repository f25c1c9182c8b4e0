import type { Engine } from '../engine.ts'
import type { Principal } from './principal.ts'

/** Keeps the name of who starts or decides something, for whoever reads it in a year. What they do does not hang on it: never rejects. */
export async function rememberName(
  { store, log }: Pick<Engine, 'store' | 'log'>,
  { tenant, id, name }: Principal,
): Promise<void> {
  await store.principals
    .put({ tenant, id, name })
    .catch((error) => log.warn({ err: error, principal: id }, 'A name was not kept'))
}
