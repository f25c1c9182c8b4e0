import { describe } from 'vitest'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { Store } from '../../src/store/store.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { storeContract } from './contract.ts'

describe.skipIf(mongodbIsOff())('an adapter', () => {
  storeContract('MongoDB', () => onDatabaseOfItsOwn())
  storeContract('MongoDB with a prefix', () => onDatabaseOfItsOwn('countersign_'))
})

async function onDatabaseOfItsOwn(prefix = ''): Promise<Store> {
  const database = mongoDatabase()
  const store = await openMongoStore({ url: database.url, prefix })
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
