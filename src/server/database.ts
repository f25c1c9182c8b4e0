import { fileURLToPath } from 'node:url'
import { CountersignError } from '../errors.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import type { Store } from '../store/store.ts'

/** `file:…`, or with a prefix for the names of the tables, so that one database can serve several installations. */
export type DatabaseSetting = string | { readonly url: string; readonly prefix?: string }

export const defaultDatabaseUrl = 'file:./countersign.db'

/**
 * The file that a database URL names: `file:./name.db`, `file:/path/name.db`, or `:memory:`, which ends with the process.
 *
 * @throws CountersignError INVALID_CONFIGURATION when it names something else; never shows what may hold a password.
 */
export function databasePath(url: string): string {
  if (url === ':memory:') return url
  if (url.startsWith('file://') && URL.canParse(url) && new URL(url).host === '') return fileURLToPath(url)
  if (url.startsWith('file:') && !url.startsWith('file://') && url.length > 'file:'.length)
    return url.slice('file:'.length)
  const message = /^mongodb(\+srv)?:/.test(url)
    ? 'MongoDB is not in this version: use file:./countersign.db'
    : 'a database is file:./name.db or file:/path/name.db'
  throw new CountersignError('INVALID_CONFIGURATION', message)
}

export async function openStore(setting: DatabaseSetting): Promise<Store> {
  const { url, prefix = '' } = typeof setting === 'string' ? { url: setting } : setting
  return openSqliteStore({ path: databasePath(url), prefix })
}
