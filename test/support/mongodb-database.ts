import { randomBytes } from 'node:crypto'
import { MongoClient, MongoNetworkTimeoutError } from 'mongodb'
import { ConnectionString } from 'mongodb-connection-string-url'
import { inject } from 'vitest'

/** Whether MongoDB tests are switched off (`MONGODB=off`): nothing else skips them. */
export const mongodbIsOff = () => inject('mongodb') === 'off'

/** A database of its own on the server that all tests of this worker share; it is dropped with its scope. Throws with what to do when there is no server. */
export function mongoDatabase(): AsyncDisposable & { readonly url: string } {
  const shared = inject('mongodb')
  if (shared === 'off') throw new Error('MONGODB=off: this test should have been skipped.')
  if ('missing' in shared) throw new Error(shared.missing)
  const [first = '', ...others] = shared.urls
  const server = others.length > 0 ? shared.urls[Number(process.env.VITEST_POOL_ID) - 1] : first
  if (server === undefined) throw new Error(`There is no server for worker ${process.env.VITEST_POOL_ID}.`)
  const url = urlOf(server, `countersign_test_${randomBytes(8).toString('hex')}`)
  return {
    url,
    async [Symbol.asyncDispose]() {
      await using client = new MongoClient(url, { socketTimeoutMS: 5_000 })
      try {
        // A killed process may have left a transaction open, which would hold up the drop, and that the whole server.
        const leases = await client
          .db()
          .collection('runs')
          .distinct('lease.session', { lease: { $ne: null } })
        const open = leases.filter((id) => id !== null).map((id) => ({ id }))
        if (open.length > 0) await client.db('admin').command({ killSessions: open })
        await client.db().dropDatabase()
      } catch (error) {
        // For a minute the transaction that a killed process was in may hold it: then it stays.
        if (!(error instanceof MongoNetworkTimeoutError)) throw error
      }
    },
  }
}

function urlOf(server: string, database: string): string {
  const url = new ConnectionString(server)
  // Who signs in does so where the URL as it was given says.
  if (url.username && !url.searchParams.has('authSource')) {
    url.searchParams.set('authSource', url.pathname.slice(1) || 'admin')
  }
  url.pathname = `/${database}`
  return url.toString()
}
