import { expect, test } from 'vitest'
import { type KeyId, newKeyId } from '../../src/ids.ts'
import type { MakeStore } from './contract.ts'
import { admin, aKey, alice } from './records.ts'

export function keyContract(makeStore: MakeStore): void {
  test('a key comes back as it was put, with and without what may be missing', async () => {
    await using store = await makeStore()
    const bare = aKey()
    const full = aKey({
      actsForOthers: true,
      createdBy: admin,
      principal: alice,
      expiresAt: 5_000,
      revokedAt: 4_000,
      lastUsedAt: 3_000,
    })
    await store.keys.put(bare)
    await store.keys.put(full)
    const found = await store.keys.getMany([full.id, newKeyId(), bare.id, bare.id])
    expect(found).toHaveLength(2)
    expect(found).toEqual(expect.arrayContaining([bare, full]))
    expect(await store.keys.getMany([])).toEqual([])
  })

  test('an id is taken once, and the first key stands', async () => {
    await using store = await makeStore()
    const key = aKey()
    await store.keys.put(key)
    await expect(store.keys.put({ ...key, tenant: 'other' })).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
    expect(await store.keys.getMany([key.id])).toEqual([key])
  })

  test('keys are listed from the oldest, page by page, and those of one time each once', async () => {
    await using store = await makeStore()
    expect(await store.keys.list(10)).toEqual([])
    const keys = [3_000, 1_000, 2_000, 2_000, 2_000].map((createdAt) => aKey({ createdAt }))
    for (const key of keys) await store.keys.put(key)
    const inOrder = keys.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
    expect(await store.keys.list(10)).toEqual(inOrder)
    const pages = []
    for (let page = await store.keys.list(2); page.length > 0; page = await store.keys.list(2, page.at(-1)))
      pages.push(page)
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
    expect(pages.flat()).toEqual(inOrder)
  })

  test('a key is revoked once, and no other with it', async () => {
    await using store = await makeStore()
    const [key, other] = [aKey(), aKey()]
    await store.keys.put(key)
    await store.keys.put(other)
    const revoked = { ...key, revokedAt: 2_000 }
    expect(await store.keys.revoke(key.id, 2_000)).toEqual(revoked)
    expect(await store.keys.revoke(key.id, 3_000)).toEqual(revoked)
    expect(await store.keys.getMany([key.id])).toEqual([revoked])
    expect(await store.keys.getMany([other.id])).toEqual([other])
    expect(await store.keys.revoke(newKeyId(), 2_000)).toBeNull()
  })

  test('the last use is the latest that was told, in whatever order', async () => {
    await using store = await makeStore()
    const key = aKey()
    await store.keys.put(key)
    for (const at of [2_000, 4_000, 3_000]) await store.keys.touch(key.id, at)
    expect(await store.keys.getMany([key.id])).toEqual([{ ...key, lastUsedAt: 4_000 }])
    await store.keys.touch(newKeyId(), 5_000)
    expect(await store.keys.list(10)).toHaveLength(1)
  })

  test('text of any kind is kept as it is, and an id that is none is not found', async () => {
    await using store = await makeStore()
    for (const text of ["'); DROP TABLE keys; --", '{"$ne":null}', 'a\0b', '😀\u2028', '$where']) {
      const key = aKey({ name: text, tenant: text, principal: `prn_${text}` as never })
      await store.keys.put(key)
      expect(await store.keys.getMany([key.id])).toEqual([key])
      expect(await store.keys.getMany([text as KeyId])).toEqual([])
      expect(await store.keys.revoke(text as KeyId, 1)).toBeNull()
    }
  })

  test('a closed store refuses', async () => {
    const store = await makeStore()
    await store[Symbol.asyncDispose]()
    const closed = { code: 'STORE_UNAVAILABLE' }
    await expect(store.keys.list(1)).rejects.toMatchObject(closed)
    await expect(store.keys.put(aKey())).rejects.toMatchObject(closed)
    await expect(store.keys.touch(newKeyId(), 1)).rejects.toMatchObject(closed)
  })
}
