import { MongoClient, MongoError } from 'mongodb'
import type { TestProject } from 'vitest/node'
import { startMongoServer } from './mongodb-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    mongodb: MongoOfTheRun
  }
}
/** The servers that all tests share, one for each worker or the same for all; why there is none; or that none is wanted (`MONGODB=off`). */
export type MongoOfTheRun = { readonly urls: readonly string[] } | { readonly missing: string } | 'off'

/** MongoDB for the whole run, which says first of all which one that is. */
export default async function setup({ provide, config }: TestProject): Promise<() => Promise<void>> {
  await using starting = new AsyncDisposableStack()
  const { mongodb, description } = await choose(starting, config.maxWorkers)
  console.log(`MongoDB for the tests: ${description}`)
  provide('mongodb', mongodb)
  const owned = starting.move()
  return () => owned.disposeAsync()
}

async function choose(
  starting: AsyncDisposableStack,
  workers: number,
): Promise<{ mongodb: MongoOfTheRun; description: string }> {
  const { MONGODB, MONGODB_URL: url } = process.env
  if (MONGODB === 'off') return { mongodb: 'off', description: 'none, MONGODB=off leaves those tests out' }
  try {
    if (url) return { mongodb: { urls: [url] }, description: `MONGODB_URL, server ${await versionAt(url)}` }
    const server = starting.use(await startMongoServer())
    const urls = [server.url('')]
    // The stand-in does one thing at a time.
    while (server.name !== 'mongod' && urls.length < workers) urls.push(starting.use(await startMongoServer()).url(''))
    return {
      mongodb: { urls },
      description: `${server.description}${urls.length > 1 ? `, ${urls.length} of them` : ''}`,
    }
  } catch (error) {
    // The other tests run all the same.
    const missing = url ? `MONGODB_URL is of no use: ${reasonOf(error)}` : messageOf(error)
    return { mongodb: { missing }, description: `none. ${missing}` }
  }
}

async function versionAt(url: string): Promise<string> {
  await using client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 })
  const { version } = await client.db('admin').command({ buildInfo: 1 })
  return version
}

/** What a URL that cannot be read is answered with may hold its password. */
const reasonOf = (error: unknown) => (error instanceof MongoError ? error.message : 'it is no URL of a MongoDB')
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
