import { type DatabaseSetting, openStore as openReal } from '../../../src/server/database.ts'
import { isMongoUrl } from '../../../src/store/mongodb/url.ts'
import type { Store } from '../../../src/store/store.ts'
import { isWatched } from './point.ts'
import { pointedStore } from './pointed-store.ts'

export * from '../../../src/server/database.ts'

/** Opens what the server asks for, with points around all that is written there. */
export async function openStore(setting: DatabaseSetting): Promise<Store> {
  if (!isWatched) return openReal(setting)
  if (isMongoUrl(typeof setting === 'string' ? setting : setting.url)) await import('./pointed-driver.ts')
  return pointedStore(await openReal(setting))
}
