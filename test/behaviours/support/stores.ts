import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe } from 'vitest'
import { databasePath, openStore } from '../../../src/server/database.ts'
import type { Store } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { type TestServer, type TestServerOptions, testServer } from '../../support/test-server.ts'

/** A kind of database, and what the behaviours do to it behind the server's back. */
export type TestStore = {
  readonly name: string
  /** A server of this process on a database of its own, which goes with it. */
  serve(options: Omit<TestServerOptions, 'database'>): Promise<TestServer>
  /** A database for several servers, one after the other. */
  database(): Promise<AsyncDisposable & { readonly url: string }>
  /** The store itself, while no server has it. */
  open(url: string): Promise<Store>
  /** From now on no approval can be written, until disposed. */
  refuseApprovals(url: string): Promise<AsyncDisposable>
  /** Changes the text of a journal entry that is there. */
  editEntry(url: string, runId: string, seq: number, edit: (text: string) => string): Promise<void>
}

const sqlite: TestStore = {
  name: 'SQLite',
  serve: testServer,
  async database() {
    const directory = temporaryDirectory()
    const url = `file:${join(directory.path, 'test.db')}`
    return { url, [Symbol.asyncDispose]: async () => directory[Symbol.dispose]() }
  },
  open: openStore,
  async refuseApprovals(url) {
    change(url, "CREATE TRIGGER refuse BEFORE INSERT ON approvals BEGIN SELECT RAISE(ABORT, 'refused'); END")
    return { [Symbol.asyncDispose]: async () => change(url, 'DROP TRIGGER refuse') }
  },
  async editEntry(url, runId, seq, edit) {
    using connection = connect(url)
    const where = 'WHERE run_id = ? AND seq = ?'
    const row = connection.prepare(`SELECT text FROM journal ${where}`).get(runId, seq)
    connection.prepare(`UPDATE journal SET text = ? ${where}`).run(edit(String(row?.text)), runId, seq)
  },
}

/** A connection of somebody else. */
const connect = (url: string) => new DatabaseSync(databasePath(url), { timeout: 5_000 })

function change(url: string, statement: string): void {
  using connection = connect(url)
  connection.exec(statement)
}

/** The behaviours hold on every store; MongoDB joins the list when it is there. */
const stores: readonly TestStore[] = [sqlite]

export function forEachStore(define: (store: TestStore) => void): void {
  for (const store of stores) describe(`on ${store.name}`, () => define(store))
}
