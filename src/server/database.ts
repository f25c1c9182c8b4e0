import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { databaseNameOf, describeUrl, isMongoUrl } from '../store/mongodb/url.ts'
import { openSqliteKeys, openSqliteStore } from '../store/sqlite/store.ts'
import type { KeyDatabase, Store } from '../store/store.ts'

/** With a prefix for the names of the tables or collections one database can serve several installations. */
export type NamedDatabase = { readonly url: string; readonly prefix?: string | undefined }
export type DatabaseSetting = string | NamedDatabase

const namedBy = (setting: DatabaseSetting): NamedDatabase => (typeof setting === 'string' ? { url: setting } : setting)

const named = z.strictObject({ url: z.string(), prefix: z.string().optional() })

export const defaultDatabaseUrl = 'file:./countersign.db'

/** @throws CountersignError INVALID_CONFIGURATION when it is of no kind that can be opened; never shows what may hold a password. */
export function checkDatabase(setting: DatabaseSetting): void {
  const parsed = named.safeParse(namedBy(setting))
  if (!parsed.success)
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      `a database is a URL or { url, prefix }: ${z.prettifyError(parsed.error)}`,
    )
  const { url } = parsed.data
  if (isMongoUrl(url)) databaseNameOf(url)
  else databasePath(url)
}

/** Opens what {@link checkDatabase} lets pass. MongoDB's driver is loaded only for it: it costs every start time. */
export async function openStore(setting: DatabaseSetting): Promise<Store> {
  const { url, prefix = '' } = namedBy(setting)
  if (!isMongoUrl(url)) return openSqliteStore({ path: databasePath(url), prefix })
  const { openMongoStore } = await import('../store/mongodb/store.ts')
  return openMongoStore({ url, prefix })
}

/**
 * Opens what {@link checkDatabase} lets pass for its API keys only, also while a server holds it.
 *
 * @throws CountersignError INVALID_CONFIGURATION for a database in memory, which would end with its keys; and as {@link openStore}.
 */
export async function openKeys(setting: DatabaseSetting): Promise<KeyDatabase> {
  const { url, prefix = '' } = namedBy(setting)
  if (isMongoUrl(url)) return openStore(setting)
  const path = databasePath(url)
  if (path === ':memory:')
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'A database in memory keeps no keys: set DATABASE_URL to a file.',
    )
  return openSqliteKeys({ path, prefix })
}

/** The URL for people: without credentials and options. */
export const describeDatabase = (url: string): string => (isMongoUrl(url) ? describeUrl(url) : url)

/**
 * The file that a URL of SQLite names: `file:./name.db`, `file:/path/name.db`, or `:memory:`, which ends with the process.
 *
 * @throws CountersignError INVALID_CONFIGURATION when it names something else; never shows what may hold a password.
 */
export function databasePath(url: string): string {
  if (url === ':memory:') return url
  if (url.startsWith('file://') && URL.canParse(url) && new URL(url).host === '') return fileURLToPath(url)
  if (url.startsWith('file:') && !url.startsWith('file://') && url.length > 'file:'.length)
    return url.slice('file:'.length)
  throw new CountersignError(
    'INVALID_CONFIGURATION',
    'a database is file:./name.db, file:/path/name.db or mongodb://host/name',
  )
}
