import { describe } from 'vitest'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import type { Store } from '../../../src/store/store.ts'
import { mongodbIsOff } from '../../support/mongodb-database.ts'
import { type TestServer, type TestServerOptions, testServer } from '../../support/test-server.ts'
import { mongodb } from './on-mongodb.ts'
import { sqlite } from './on-sqlite.ts'

/** A kind of database, and what the behaviours do to it behind the server's back, at the URL that is `api.database`. */
export type DatabaseKind = {
  readonly name: string
  /** For one test. */
  readonly patienceMs: number
  /** How often a race is run that is run so often: less on a server that gets slower with each run. */
  rounds(times: number): number
  /** An empty one, which goes with its scope. */
  database(): AsyncDisposable & { readonly url: string }
  /** The store itself, while no server has it. */
  open(url: string): Promise<Store>
  /** From now on no approval can be written, until disposed. */
  refuseApprovals(url: string): Promise<AsyncDisposable>
  deleteApproval(url: string, id: string): Promise<void>
  /** All of a run that is over, as the documentation says. */
  deleteRun(url: string, id: string): Promise<void>
  /** The record of an approval as it is kept. */
  approvalRecord(url: string, id: string): Promise<ApprovalRecord>
  editApproval(url: string, id: string, change: Tampering): Promise<void>
  /** Changes the text of a journal entry that is there. */
  editEntry(url: string, runId: string, seq: number, edit: (text: string) => string): Promise<void>
}

/** Fields of an approval's record, to be changed to what they may not be. */
export type Tampering = Partial<Record<keyof ApprovalRecord, unknown>>

export type TestStore = DatabaseKind & {
  /** A server of this process, on a database of its own that goes with it unless one is named. */
  serve(options: TestServerOptions): Promise<TestServer>
}

const serveOn =
  ({ database }: DatabaseKind): TestStore['serve'] =>
  async (options) => {
    await using opened = new AsyncDisposableStack()
    const url = options.database ?? opened.use(database()).url
    const api = opened.use(await testServer({ ...options, database: url }))
    const owned = opened.move()
    return Object.assign(api, { [Symbol.asyncDispose]: () => owned.disposeAsync() })
  }

/** The behaviours hold on every store. */
export function forEachStore(define: (store: TestStore) => void): void {
  for (const kind of [sqlite, mongodb]) {
    const off = kind === mongodb && mongodbIsOff()
    describe.skipIf(off)(`on ${kind.name}`, { timeout: kind.patienceMs }, () =>
      define({ ...kind, serve: serveOn(kind) }),
    )
  }
}
