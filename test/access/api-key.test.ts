import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, test, vi } from 'vitest'
import { isKeyOf, keyIdOf, newApiKey } from '../../src/access/api-key.ts'
import { identifyByKey } from '../../src/access/by-key.ts'
import { knownKeys } from '../../src/access/known-keys.ts'
import { lastUse } from '../../src/access/last-use.ts'
import { newKeyId } from '../../src/ids.ts'
import type { KeyRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { KeyStore } from '../../src/store/store.ts'
import { aKey } from '../store/records.ts'
import { logLines } from '../support/log-lines.ts'

describe('a key', () => {
  test('tells its id, and is known by its hash and by no other', () => {
    const { id, token, hash } = newApiKey()
    expect(keyIdOf(token)).toBe(id)
    expect(isKeyOf(token, hash)).toBe(true)
    expect(isKeyOf(newApiKey().token, hash)).toBe(false)
    for (const broken of ['', 'ab', hash.slice(2)]) expect(isKeyOf(token, broken)).toBe(false)
    expect(new Set(Array.from({ length: 100 }, () => newApiKey().token)).size).toBe(100)
  })

  test('with any one letter changed, left out or added is none', () => {
    const { token } = newApiKey()
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'0123456789abcdefg_ \n'), (place, letter) => {
        const [before, after] = [token.slice(0, place), token.slice(place + 1)]
        if (token[place] !== letter) expect(keyIdOf(before + letter + after)).toBeNull()
        expect(keyIdOf(before + after)).toBeNull()
        expect(keyIdOf(`${before}${letter}${token.slice(place)}`)).toBeNull()
      }),
    )
  })
})

/** A store of keys that counts how often it is asked. */
async function counted(...records: KeyRecord[]) {
  const store = await openSqliteStore({ path: ':memory:' })
  for (const record of records) await store.keys.put(record)
  let reads = 0
  const keys: KeyStore = {
    ...store.keys,
    getMany(ids) {
      reads += 1
      return store.keys.getMany(ids)
    },
  }
  return { ...store, keys, reads: () => reads }
}

describe('who asks by a key', () => {
  const { token, id, hash } = newApiKey()
  const record = aKey({ id, hash })

  const byKey = (store: Awaited<ReturnType<typeof counted>>, now = 5_000) => {
    const used: string[] = []
    const parts = { known: knownKeys(store.keys), used: (id: string) => void used.push(id), now: () => now }
    return { used, identify: (token: string) => identifyByKey(token, parts) }
  }

  test('is the principal on record, and is looked up once in two seconds', async () => {
    await using store = await counted(record)
    const { identify, used } = byKey(store)
    for (const _ of Array(50)) {
      expect(await identify(token)).toMatchObject({
        identity: {
          principal: { id: `prn_${id}`, name: 'nightly import', tenant: 'acme', roles: ['REQUESTER', 'APPROVER'] },
          expiresAt: null,
          by: { kind: 'key', id },
        },
      })
    }
    expect([store.reads(), used.length]).toEqual([1, 50])
  })

  test('is not let in by a key that is not whole, and the database is not asked', async () => {
    await using store = await counted(record)
    const { identify } = byKey(store)
    for (const broken of [`${token}0`, token.slice(0, -1), `${token.slice(0, -1)}g`, 'ck_', `ck_${'0'.repeat(10_000)}`])
      expect(await identify(broken)).toEqual({ refused: 'MALFORMED' })
    expect(store.reads()).toBe(0)
  })

  test('is not let in by a key that is nobody’s, and the database is asked once for the same one', async () => {
    await using store = await counted(aKey({ id }), aKey())
    const { identify, used } = byKey(store)
    const stranger = newApiKey()
    for (const _ of Array(20)) {
      // Of the second, the id is there and the secret is another.
      for (const nobodys of [stranger.token, token]) expect(await identify(nobodys)).toEqual({ refused: 'UNKNOWN_KEY' })
    }
    expect([store.reads(), used]).toEqual([2, []])
  })

  test('by one of many keys at once is looked up together with the others', async () => {
    const keys = Array.from({ length: 100 }, () => newApiKey())
    await using store = await counted(...keys.slice(50).map(({ id, hash }) => aKey({ id, hash })))
    const { identify } = byKey(store)
    const signIns = await Promise.all(keys.map(({ token }) => identify(token)))
    expect(signIns.map((signIn) => 'identity' in signIn)).toEqual([...Array(50).fill(false), ...Array(50).fill(true)])
    expect(store.reads()).toBeLessThanOrEqual(2)
  })

  test.each([
    ['revoked', { revokedAt: 1 }, 'REVOKED'],
    ['over', { expiresAt: 5_000 }, 'EXPIRED'],
    ['both', { revokedAt: 1, expiresAt: 2 }, 'REVOKED'],
  ])('is not let in by a key that is %s', async (_, given, refused) => {
    await using store = await counted({ ...record, ...given })
    expect(await byKey(store).identify(token)).toEqual({ refused })
  })

  test('by a key with an end ends as the store’s clock says, in the time of this process', async () => {
    await using store = await counted({ ...record, expiresAt: 65_000 })
    const signIn = await byKey(store).identify(token)
    const left = Number('identity' in signIn && signIn.identity.expiresAt) - Date.now()
    expect(left).toBeGreaterThan(59_000)
    expect(left).toBeLessThanOrEqual(60_000)
  })

  test('is told of a database that does not answer, and asks anew afterwards', async () => {
    await using store = await counted(record)
    let away = true
    const keys: KeyStore = {
      ...store.keys,
      getMany: async (ids) => (away ? Promise.reject(new Error('away')) : store.keys.getMany(ids)),
    }
    const parts = { known: knownKeys(keys), used() {}, now: () => 1 }
    await expect(identifyByKey(token, parts)).rejects.toThrow('away')
    away = false
    expect(await identifyByKey(token, parts)).toHaveProperty('identity')
  })
})

describe('the last use of a key', () => {
  test('is written once a minute for each', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const touched: [string, number][] = []
    const keys = {
      touch: async (id: string, at: number) => void touched.push([id, at]),
    } as Partial<KeyStore> as KeyStore
    const used = lastUse({ keys, now: () => 7 }, pino({ level: 'silent' }))
    const [one, two] = [newKeyId(), newKeyId()]
    for (const _ of Array(3)) for (const id of [one, two]) used(id)
    vi.advanceTimersByTime(59_000)
    used(one)
    vi.advanceTimersByTime(2_000)
    used(one)
    expect(touched).toEqual([
      [one, 7],
      [two, 7],
      [one, 7],
    ])
    vi.useRealTimers()
  })

  test('fails nobody when it cannot be written', async () => {
    const store = await openSqliteStore({ path: ':memory:' })
    await store[Symbol.asyncDispose]()
    const log = logLines()
    lastUse(store, log.logger)(newKeyId())
    await vi.waitFor(() =>
      expect(log.lines()).toMatchObject([{ level: 40, msg: 'The last use of a key was not kept' }]),
    )
  })
})
