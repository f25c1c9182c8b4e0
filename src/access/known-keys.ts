import type { KeyId } from '../ids.ts'
import type { KeyRecord } from '../store/records.ts'
import type { KeyStore } from '../store/store.ts'

/** How long, in ms, a key is believed to be as it was read. */
const believeMs = 2_000
/** How long there is believed to be none. */
const believeNoneMs = 1_000
const rememberAtMost = 10_000

/** API keys as this process has read them lately: who asks all day costs the database a read every two seconds. */
export type KnownKeys = {
  /** As it stood at most two seconds ago; null when there was none a second ago. */
  find(id: KeyId): Promise<KeyRecord | null>
  /** As they stand now. Those that are missing are not there. */
  read(ids: readonly KeyId[]): Promise<ReadonlyMap<KeyId, KeyRecord>>
}

type Known = { readonly key: Promise<KeyRecord | null>; until: number }

export function knownKeys(keys: KeyStore): KnownKeys {
  // By id and not by token: of one key there are any number of wrong ones, and one record.
  const known = new Map<KeyId, Known>()
  const readOne = together((ids) => keys.getMany(ids))

  function remember(id: KeyId, key: Promise<KeyRecord | null>, until: number): Known {
    // The newest stand last.
    known.delete(id)
    const [oldest] = known.keys()
    if (known.size >= rememberAtMost && oldest !== undefined) known.delete(oldest)
    const entry = { key, until }
    known.set(id, entry)
    return entry
  }

  return {
    find(id) {
      const began = performance.now()
      const lately = known.get(id)
      if (lately !== undefined && began < lately.until) return lately.key
      const entry = remember(id, readOne(id), began + believeMs)
      entry.key.then(
        (key) => {
          if (key === null) entry.until = began + believeNoneMs
        },
        () => {
          if (known.get(id) === entry) known.delete(id)
        },
      )
      return entry.key
    },
    async read(ids) {
      const began = performance.now()
      const found = await keys.getMany(ids)
      for (const key of found) remember(key.id, Promise.resolve(key), began + believeMs)
      return new Map(found.map((key) => [key.id, key]))
    },
  }
}

/**
 * One read at a time: what is asked for while one is under way is read together by the next. Keys are easily made up, and so a flood of
 * them costs the database no more than it can answer.
 */
function together(read: (ids: readonly KeyId[]) => Promise<readonly KeyRecord[]>) {
  let underWay: Promise<unknown> = Promise.resolve()
  let next: { readonly ids: KeyId[]; readonly found: Promise<ReadonlyMap<KeyId, KeyRecord>> } | null = null

  function begin() {
    const ids: KeyId[] = []
    const found = underWay.then(async () => {
      next = null
      return new Map((await read(ids)).map((key) => [key.id, key]))
    })
    underWay = found.catch(() => {})
    return { ids, found }
  }

  return async (id: KeyId): Promise<KeyRecord | null> => {
    next ??= begin()
    next.ids.push(id)
    return (await next.found).get(id) ?? null
  }
}
