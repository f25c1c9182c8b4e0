import type { MongoClient } from 'mongodb'
import type { Collections } from './documents.ts'
import type { LeaseSessions } from './lease-sessions.ts'
import type { Tell } from './news.ts'

/** What the writes of runs work with. */
export type Mongo = {
  readonly client: MongoClient
  readonly collections: Collections
  readonly sessions: LeaseSessions
  readonly tell: Tell
}
