import type { Principal } from '../access/principal.ts'

/** Counts what is open of each principal, here. */
export type PrincipalSockets = {
  /** Null when as many are open as one may have. */
  take(principal: Pick<Principal, 'tenant' | 'id'>): Disposable | null
}

export function principalSockets(most: number): PrincipalSockets {
  const counts = new Map<string, number>()
  return {
    take({ tenant, id }) {
      const owner = JSON.stringify([tenant, id])
      const count = counts.get(owner) ?? 0
      if (count >= most) return null
      counts.set(owner, count + 1)
      return {
        [Symbol.dispose]() {
          const left = (counts.get(owner) ?? 0) - 1
          if (left > 0) counts.set(owner, left)
          else counts.delete(owner)
        },
      }
    },
  }
}
