import { openDatabase } from '../../../src/store/sqlite/database.ts'
import { sqliteStore } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { changeApproval, removeApproval } from './on-sqlite.ts'
import type { DatabaseKind, Tampering } from './stores.ts'

/** A database of its own that one process after the other opens, and what somebody else does to it. */
export type Ground = AsyncDisposable & {
  open(): Promise<Store>
  editApproval(id: string, change: Tampering): Promise<void>
  deleteApproval(id: string): Promise<void>
}

export function groundOn(kind: DatabaseKind): Ground {
  const database = kind.database()
  const { url } = database
  return {
    open: () => kind.open(url),
    editApproval: (id, change) => kind.editApproval(url, id, change),
    deleteApproval: (id) => kind.deleteApproval(url, id),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

/** SQLite without a disk, which is what takes its time: the database stays while the stores on it come and go. */
export function groundInMemory(): Ground {
  const database = openDatabase(':memory:', '')
  const kept = { ...database, [Symbol.dispose]() {} }
  return {
    open: async () => sqliteStore(kept, '', Date.now),
    editApproval: async (id, change) => changeApproval(database.connection, id, change),
    deleteApproval: async (id) => removeApproval(database.connection, id),
    [Symbol.asyncDispose]: async () => database[Symbol.dispose](),
  }
}
