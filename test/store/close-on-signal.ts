import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable } from '../../src/errors.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import { claimed } from './records.ts'

// Works with a store at the URL that is given and closes it on SIGTERM: after that nothing keeps this process.

const store = await openMongoStore({ url: process.argv[2] ?? '' })
const { id } = await claimed(store)
let closing = false
process.once('SIGTERM', async () => {
  closing = true
  await store[Symbol.asyncDispose]()
  console.log('closed')
})
console.log('open')
while (!closing) {
  await store.runs.signal(id).catch((error) => {
    if (!isUnavailable(error)) throw error
  })
  await delay(20)
}
