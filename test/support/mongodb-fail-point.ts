import { type Document, MongoClient } from 'mongodb'
import type { MongoServer } from './mongodb-server.ts'

/** What happens to commands: https://github.com/mongodb/mongo/wiki/The-failCommand-fail-point */
export type Fault = {
  readonly failCommands: readonly string[]
  readonly closeConnection?: boolean
  readonly errorCode?: number
  readonly writeConcernError?: Document
  readonly blockConnection?: boolean
  readonly blockTimeMS?: number
}

/** Sets the one fail point of a server until disposed; `times`: the next so many commands of the client under test, else all of them. */
export async function failPoint(server: MongoServer, fault: Fault, times?: number): Promise<AsyncDisposable> {
  const configure = async (mode: unknown) => {
    await using client = new MongoClient(server.url('admin'))
    const data = { ...fault, appName: 'countersign' }
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode, data })
  }
  await configure(times === undefined ? 'alwaysOn' : { times })
  return { [Symbol.asyncDispose]: () => configure('off') }
}
