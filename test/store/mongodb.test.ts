import { ConnectionString } from 'mongodb-connection-string-url'
import { describe } from 'vitest'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { Store } from '../../src/store/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { storeContract } from './contract.ts'

describe.skipIf(mongodbIsOff())('an adapter', () => {
  storeContract('MongoDB', () => onDatabaseOfItsOwn())
  storeContract('MongoDB with a prefix', () => onDatabaseOfItsOwn('countersign_'), { races: false })
})

async function onDatabaseOfItsOwn(prefix = ''): Promise<Store> {
  const database = mongoDatabase()
  const url = new ConnectionString(database.url)
  // A thousand at once wait for a connection for as long as this machine needs.
  url.searchParams.set('waitQueueTimeoutMS', '60000')
  const store = await openMongoStore({ url: url.toString(), prefix })
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
