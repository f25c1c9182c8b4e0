import { MongoClient } from 'mongodb'
import type { ApprovalId, RunId } from '../../../src/ids.ts'
import { openStore } from '../../../src/server/database.ts'
import { type Collections, collectionsOf, fromApproval, toApproval } from '../../../src/store/mongodb/documents.ts'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import { mongoDatabase } from '../../support/mongodb-database.ts'
import type { DatabaseKind } from './stores.ts'

export const mongodb: DatabaseKind = {
  name: 'MongoDB',
  // The stand-in for it is several times slower, and mongod itself speaks over a socket and waits for its disk.
  patienceMs: 120_000,
  rounds: (times) => Math.ceil(times / 5),
  database: mongoDatabase,
  open: openStore,
  async refuseApprovals(url) {
    await validateApprovals(url, { $expr: false })
    return { [Symbol.asyncDispose]: () => validateApprovals(url, {}) }
  },
  async deleteApproval(url, id) {
    await using database = connect(url)
    const { deletedCount } = await database.approvals.deleteOne({ _id: id as ApprovalId })
    expectOne(deletedCount)
  },
  async deleteRun(url, id) {
    await using database = connect(url)
    const runId = id as RunId
    for (const collection of [database.approvals, database.journal]) await collection.deleteMany({ runId })
    const { deletedCount } = await database.runs.deleteOne({ _id: runId })
    expectOne(deletedCount)
  },
  async approvalRecord(url, id) {
    await using database = connect(url)
    return await readApproval(database, id)
  },
  async editApproval(url, id, change) {
    await using database = connect(url)
    const edited = { ...(await readApproval(database, id)), ...change } as ApprovalRecord
    const { _id, ...fields } = fromApproval(edited)
    const { matchedCount } = await database.approvals.updateOne({ _id }, { $set: fields })
    expectOne(matchedCount)
  },
  async editEntry(url, runId, seq, edit) {
    await using database = connect(url)
    const place = { runId: runId as RunId, seq }
    const entry = await database.journal.findOne(place)
    const { matchedCount } = await database.journal.updateOne(place, { $set: { text: edit(String(entry?.text)) } })
    expectOne(matchedCount)
  },
}

/** The collections, as somebody else sees them. */
function connect(url: string): Collections & AsyncDisposable {
  const client = new MongoClient(url)
  return { ...collectionsOf(client.db(), ''), [Symbol.asyncDispose]: () => client.close() }
}

async function validateApprovals(url: string, validator: object): Promise<void> {
  await using client = new MongoClient(url)
  await client.db().command({ collMod: 'approvals', validator })
}

async function readApproval({ approvals }: Collections, id: string) {
  const found = await approvals.findOne({ _id: id as ApprovalId })
  if (!found) throw new Error(`There is no ${id}`)
  return toApproval(found)
}

function expectOne(changed: number): void {
  if (changed !== 1) throw new Error(`${changed} documents were changed`)
}
