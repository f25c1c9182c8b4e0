import { pino } from 'pino'
import { createKey, type MadeKey, type NewKey, revokeKey } from '../../src/access/keys.ts'
import type { KeyId } from '../../src/ids.ts'
import { openKeys } from '../../src/server/database.ts'

const log = pino({ level: 'silent' })

/** Makes and revokes keys from outside, as the command line does it, also while a server holds the database. */
export function keysOf(url: string) {
  return {
    async create(given: Partial<NewKey> = {}): Promise<MadeKey> {
      await using database = await openKeys(url)
      return createKey(database, log, { name: 'import', tenant: 'acme', roles: ['REQUESTER'], ...given })
    },
    async revoke(id: KeyId): Promise<void> {
      await using database = await openKeys(url)
      await revokeKey(database, log, id)
    },
    async find(id: KeyId) {
      await using database = await openKeys(url)
      return (await database.keys.getMany([id]))[0]
    },
  }
}
