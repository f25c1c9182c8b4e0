import type { Engine } from '../engine.ts'
import type { PrincipalId } from '../ids.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './principal.ts'

/** A name as this process has kept it, or read it at `at` (by the store's clock). */
type Known = { readonly name: string | null; readonly at: number }

/** By tenant and id. Who asks all day is written down once, and who is shown all day is read once a minute. */
const known = new WeakMap<Store, Map<string, Known>>()
const rememberAtMost = 10_000
const believeMs = 60_000

/** Keeps the name of who starts or decides something, for whoever reads it in a year. What they do does not hang on it: never rejects. */
export async function rememberName(
  { store, log }: Pick<Engine, 'store' | 'log'>,
  { tenant, id, name, actor }: Principal,
): Promise<void> {
  if (namesOf(store).get(keyOf(tenant, id))?.name === name) return
  try {
    // A service does not know the name: the one that they gave themselves stays.
    if (actor !== undefined && name === null && (await store.principals.getMany(tenant, [id])).length > 0) return
    await store.principals.put({ tenant, id, name })
    remember(store, tenant, id, name)
  } catch (error) {
    log.warn({ err: error, principal: id }, 'A name was not kept')
  }
}

/** The names of these principals, up to a minute old where another process has changed one; without those that have never started or decided anything. */
export async function readNames(
  store: Store,
  tenant: string,
  ids: readonly PrincipalId[],
): Promise<ReadonlyMap<PrincipalId, string | null>> {
  const since = store.now() - believeMs
  const found = new Map<PrincipalId, string | null>()
  for (const id of ids) {
    const lately = namesOf(store).get(keyOf(tenant, id))
    if (lately && lately.at >= since) found.set(id, lately.name)
  }
  const unknown = ids.filter((id) => !found.has(id))
  const records = unknown.length > 0 ? await store.principals.getMany(tenant, unknown) : []
  for (const { id, name } of records) {
    remember(store, tenant, id, name)
    found.set(id, name)
  }
  return found
}

const keyOf = (tenant: string, id: PrincipalId) => JSON.stringify([tenant, id])

function namesOf(store: Store): Map<string, Known> {
  const names = known.get(store) ?? new Map<string, Known>()
  known.set(store, names)
  return names
}

function remember(store: Store, tenant: string, id: PrincipalId, name: string | null): void {
  const names = namesOf(store)
  if (names.size >= rememberAtMost) names.clear()
  names.set(keyOf(tenant, id), { name, at: store.now() })
}
