import { Command } from 'commander'
import { openStore } from '../server/database.ts'
import { readDatabase } from '../server/database-url.ts'
import { isMongoUrl } from '../store/mongodb/url.ts'
import { stop } from './fail.ts'

/** Makes ready what a server makes ready when it starts: for who lets only this change the database, or wants it done before. */
export const migrateCommand = (): Command =>
  new Command('migrate').description('make or update what the database needs, as a start does').action(migrate)

async function migrate(): Promise<void> {
  const read = readDatabase(process.env)
  if ('mistake' in read) return stop([read.mistake])
  await using store = await openStore(read)
  console.log(`${store.description}: ${isMongoUrl(read.url) ? 'collections' : 'tables'} and indexes are up to date`)
}
