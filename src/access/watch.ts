import type { KeyId } from '../ids.ts'
import type { Identity } from './authenticate.ts'
import { keyState } from './keys.ts'
import type { KnownKeys } from './known-keys.ts'

/** Why an identity is over while its connection lives; for its owner. */
export type Over = 'Your token has expired' | 'Your key has been revoked' | 'This server asks for a key now'

/** Looks after the identities of connections that live long: calls back once when one is over. Disposed of when the connection ends. */
export type Watch = (identity: Identity, onOver: (why: Over) => void) => Disposable

export type Watching = Disposable & {
  readonly watch: Watch
  /** Those known by nothing are over: the server is open no more. */
  endUnknown(): void
}

/** How often, in ms, the keys of living connections are read again. */
const everyMs = 2_000

/** @param now The store's clock. A round that the store does not answer ends nobody: the next one asks again. */
export function watching(known: KnownKeys, now: () => number): Watching {
  const byKey = listeners<KeyId>()
  const unknown = listeners<'all'>()

  async function look() {
    const ids = byKey.topics()
    if (ids.length === 0) return
    const found = await known.read(ids)
    for (const id of ids) {
      const key = found.get(id)
      // Somebody may have deleted it by hand.
      const state = key === undefined ? 'revoked' : keyState(key, now())
      if (state !== 'active')
        byKey.tell(id, state === 'revoked' ? 'Your key has been revoked' : 'Your token has expired')
    }
  }

  let looking = false
  const timer = setInterval(async () => {
    if (looking) return
    looking = true
    await look().catch(() => {})
    looking = false
  }, everyMs).unref()

  return {
    watch(identity, onOver) {
      const watched = new DisposableStack()
      const over = (why: Over) => {
        if (watched.disposed) return
        watched.dispose()
        onOver(why)
      }
      const { expiresAt, by } = identity
      if (expiresAt !== null) watched.defer(at(expiresAt, () => over('Your token has expired')))
      if (by.kind === 'key') watched.defer(byKey.listen(by.id, over))
      if (by.kind === 'nothing') watched.defer(unknown.listen('all', over))
      return watched
    },
    endUnknown: () => unknown.tell('all', 'This server asks for a key now'),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function listeners<Topic>() {
  const all = new Map<Topic, Set<(why: Over) => void>>()
  return {
    topics: () => [...all.keys()],
    listen(topic: Topic, listener: (why: Over) => void): () => void {
      const those = all.get(topic) ?? new Set()
      all.set(topic, those.add(listener))
      return () => {
        those.delete(listener)
        if (those.size === 0 && all.get(topic) === those) all.delete(topic)
      }
    },
    tell(topic: Topic, why: Over) {
      for (const listener of [...(all.get(topic) ?? [])]) listener(why)
    },
  }
}

const longestTimer = 2 ** 31 - 1

/** Calls back at a time, in ms since 1970, however far. Gives the way to stop it. */
function at(time: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = () => {
    const left = time - Date.now()
    timer = setTimeout(left > longestTimer ? wait : callback, Math.min(Math.max(left, 0), longestTimer)).unref()
  }
  wait()
  return () => clearTimeout(timer)
}
