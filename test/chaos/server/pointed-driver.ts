import { ClientSession, Collection } from 'mongodb'
import { pass } from './point.ts'
import { writing } from './pointed-store.ts'

// A write of MongoDB's is several commands in one transaction: between each two of them there is a point, and one before the commit.

const commands = ['findOneAndUpdate', 'insertOne', 'insertMany', 'updateOne', 'updateMany'] as const

for (const command of commands) {
  const send = Collection.prototype[command]
  Object.defineProperty(Collection.prototype, command, {
    async value(this: Collection, ...given: { session?: ClientSession }[]) {
      if (given.at(-1)?.session?.inTransaction()) await passBefore(`${command} ${this.collectionName}`)
      return Reflect.apply(send, this, given)
    },
  })
}

const commit = ClientSession.prototype.commitTransaction
ClientSession.prototype.commitTransaction = async function (...given) {
  await passBefore('commit')
  return Reflect.apply(commit, this, given)
}

async function passBefore(command: string): Promise<void> {
  const present = writing.getStore()
  if (!present) return
  present.commands += 1
  // Before the first of them nothing has been written: that is the point before the whole.
  if (present.commands > 1) await pass(`${present.point}, before ${command}`, present.run)
}
