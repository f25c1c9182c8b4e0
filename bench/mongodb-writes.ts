import { BSON, type ClientSession, type Db, type Document, ObjectId, type TransactionOptions } from 'mongodb'
import { openMongoStore } from '../src/store/mongodb/store.ts'
import { monitored, onCommands, unitOf } from './commands.ts'
import { cycle, startEngine } from './cycle.ts'
import { renewalOf } from './renewal.ts'

type Changing = {
  readonly collection: string
  readonly query: Document
  readonly update: Document
  readonly upsert: boolean
}
export type Write =
  | { readonly verb: 'insert'; readonly collection: string; readonly documents: readonly Document[] }
  | ({ readonly verb: 'findAndModify' } & Changing)
  | ({ readonly verb: 'update'; readonly many: boolean } & Changing)
/** The writes of one transaction, or the one that is in none. */
export type Unit = { readonly transaction: TransactionOptions | null; readonly writes: readonly Write[] }
/** The writes of one cycle: phase after phase, the units of a phase at once. */
export type Phases = readonly (readonly Unit[])[]

/**
 * What the engine writes in a cycle, and so what the floor writes. When the engine comes to write something else, the bench
 * fails until this says so too: a floor that rises unseen is none.
 */
const expected: readonly (readonly string[])[] = [
  // startRun
  ['transaction: findAndModify sessions owner; insert runs; insert journal', 'update principals tenant id name'],
  // model-responded, proposed, paused; the lease is given up
  [
    'transaction: findAndModify runs status output error finishedAt updatedAt gated seq by lease due wake; insert approvals; insert journal journal journal',
  ],
  // resolveApproval
  [
    'findAndModify approvals status resolution updatedAt due unheard order.resolved by revision history',
    'update principals tenant id name',
  ],
  // the worker takes the lease
  ['findAndModify runs fence lease wake due'],
  // decided, resumed, call-started
  [
    'transaction: findAndModify runs status output error finishedAt updatedAt gated seq by; update approvals unheard; insert journal journal journal',
  ],
  // call-finished
  ['transaction: findAndModify runs status output error finishedAt updatedAt gated seq by; insert journal'],
  // model-responded, completed
  [
    'transaction: findAndModify runs status output error finishedAt updatedAt gated seq by lease due wake; insert journal journal',
  ],
]

/** A command with its answer, and when it was sent and answered: places in the order of all that happened. */
type Seen = { readonly command: Document; readonly from: number; reply?: Document; to: number }

/**
 * Runs one real cycle on an empty database and notes its writes, as the driver's command monitoring tells of them: what has
 * one session and transaction number is a unit, and units that were under way at the same time are a phase. A command
 * of which the server says that it changed nothing is no write that a floor needs; nor is any read.
 *
 * @throws Error when they are not those documented above.
 */
export async function recordCycle(url: string): Promise<Phases> {
  const seen = new Map<number, Seen>()
  let recording = false
  let place = 0
  onCommands({
    started({ command, requestId }) {
      if (!recording || !(isWrite(command) || command.commitTransaction)) return
      place += 1
      // A copy: the driver gives its own, with the documents that it was given.
      seen.set(requestId, { command: BSON.deserialize(BSON.serialize(command)), from: place, to: place })
    },
    succeeded({ requestId, reply }) {
      const answered = seen.get(requestId)
      place += 1
      if (answered) Object.assign(answered, { reply, to: place })
    },
  })
  await using store = await openMongoStore({ url: monitored(url) })
  await using started = await startEngine(store)
  recording = true
  await cycle(started.engine)
  recording = false
  const phases = phasesOf([...seen.values()])
  // What is sent at once may arrive in any order.
  const found = phases.map((units) => units.map(outline).sort())
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(
      `The engine's cycle writes other things than bench/mongodb-writes.ts says:\n${JSON.stringify(found, null, 1)}`,
    )
  }
  return phases
}

function phasesOf(seen: readonly Seen[]): Phases {
  const units = Map.groupBy(seen, ({ command }) => unitOf(command))
  const phases: { units: Unit[]; to: number }[] = []
  for (const commands of units.values()) {
    const from = Math.min(...commands.map((one) => one.from))
    const to = Math.max(...commands.map((one) => one.to))
    const current = phases.at(-1)
    if (current && from < current.to) {
      current.units.push(unit(commands))
      current.to = Math.max(current.to, to)
    } else phases.push({ units: [unit(commands)], to })
  }
  return phases.map(({ units }) => units)
}

function unit(seen: readonly Seen[]): Unit {
  const commit = seen.find(({ command }) => command.commitTransaction)?.command
  const begin = seen.find(({ command }) => command.startTransaction)?.command
  const writes = seen.filter(({ command, reply }) => isWrite(command) && changedSomething(reply))
  return {
    transaction: commit ? { readConcern: begin?.readConcern, writeConcern: writeConcernOf(commit) } : null,
    writes: writes.map(({ command }) => writeOf(command)),
  }
}

function writeOf(command: Document): Write {
  if (command.insert) {
    // The driver gave an `_id` to those that came without one.
    const documents = command.documents.map(({ _id, ...document }: Document) =>
      _id instanceof ObjectId ? document : { _id, ...document },
    )
    return { verb: 'insert', collection: command.insert, documents }
  }
  if (command.findAndModify) {
    const { findAndModify: collection, query, update, upsert } = command
    return { verb: 'findAndModify', collection, query, update, upsert }
  }
  const [{ q: query, u: update, upsert = false, multi: many = false }, ...others] = command.updates ?? []
  if (query === undefined || others.length > 0) throw new Error('The floor does not know this kind of write')
  return { verb: 'update', collection: command.update, query, update, upsert, many }
}

const writeConcernOf = ({ writeConcern }: Document) => ({
  w: writeConcern.w,
  journal: writeConcern.j,
  wtimeoutMS: writeConcern.wtimeout,
})

const isWrite = ({ insert, update, findAndModify, delete: deleted }: Document) =>
  Boolean(insert || update || findAndModify || deleted)

function changedSomething({ n, nModified, upserted, lastErrorObject }: Document = {}): boolean {
  if (lastErrorObject) return lastErrorObject.n > 0
  return upserted !== undefined || (nModified ?? n) > 0
}

/** Verb, collection and which fields an update sets; for an insert the collection once for each document. */
function outline({ transaction, writes }: Unit): string {
  const lines = writes.map((write) =>
    write.verb === 'insert'
      ? ['insert', ...write.documents.map(() => write.collection)]
      : [write.verb, write.collection, ...Object.values(write.update).flatMap((set) => Object.keys(set))],
  )
  return `${transaction ? 'transaction: ' : ''}${lines.map((words) => words.join(' ')).join('; ')}`
}

/** The same writes for other runs, each started `later` ms after the recorded one. Document by document the same sizes. */
export function otherCycles(phases: Phases): (later: number) => Phases {
  const writes = phases.flat().flatMap((unit) => unit.writes)
  const [run] = writes.flatMap((write) =>
    write.verb === 'insert' && write.collection === 'runs' ? write.documents : [],
  )
  const renewal = renewalOf(run?._id, run?.sessionId)
  // Through BSON and back: `replaceAll` may leave ropes, which the first to read them pays for.
  return (later) => BSON.deserialize(BSON.serialize({ phases: renewal(later)(phases) })).phases
}

/** The write as the driver does it, with what the connection and the session say. */
export async function perform(db: Db, write: Write, session?: ClientSession): Promise<void> {
  const collection = db.collection(write.collection)
  const within = session ? { session } : {}
  if (write.verb === 'insert') {
    const [first = {}, ...more] = write.documents
    await (more.length === 0 ? collection.insertOne(first, within) : collection.insertMany([first, ...more], within))
    return
  }
  const { verb, query, update, upsert } = write
  const options = { ...within, upsert }
  if (verb === 'findAndModify')
    await collection.findOneAndUpdate(query, update, { ...options, returnDocument: 'after' })
  else if (write.many) await collection.updateMany(query, update, options)
  else await collection.updateOne(query, update, options)
}
