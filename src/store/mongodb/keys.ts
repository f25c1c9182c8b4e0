import type { KeyStore } from '../store.ts'
import { type Collections, everyTime, fromKey, plain, toDate, toKey } from './documents.ts'

/** @param ask One operation of the port, see `openMongoStore`. */
export function keyStore(
  { keys }: Collections,
  ask: <Result>(operation: () => Promise<Result>) => Promise<Result>,
): KeyStore {
  return {
    put: (key) => ask(async () => void (await keys.insertOne(fromKey(key)))),
    getMany: (ids) => ask(async () => (await keys.find({ _id: { $in: plain(ids) } }).toArray()).map(toKey)),
    list: (limit, after) =>
      ask(async () => {
        // Two comparisons that one index serves: MongoDB has none of pairs.
        const later = after
          ? {
              createdAt: { $gte: toDate(after.createdAt) },
              $or: [{ createdAt: { $gt: toDate(after.createdAt) } }, { _id: { $gt: after.id } }],
            }
          : { createdAt: { $gte: everyTime } }
        const inOrder = { sort: { createdAt: 1, _id: 1 }, limit, hint: 'keys_created' } as const
        return (await keys.find(later, inOrder).toArray()).map(toKey)
      }),
    revoke: (id, at) =>
      ask(async () => {
        await keys.updateOne({ _id: { $eq: id }, revokedAt: null }, { $set: { revokedAt: toDate(at) } })
        const standing = await keys.findOne({ _id: { $eq: id } })
        return standing && toKey(standing)
      }),
    touch: (id, at) =>
      ask(async () => void (await keys.updateOne({ _id: { $eq: id } }, { $max: { lastUsedAt: toDate(at) } }))),
  }
}
