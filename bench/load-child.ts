import { type Document, type Filter, MongoClient } from 'mongodb'
import { type Principal, parsePrincipal } from '../src/access/principal.ts'
import { sha256 } from '../src/json.ts'
import { startRun } from '../src/runs/start.ts'
import { databasePath, openStore } from '../src/server/database.ts'
import { idIn } from '../src/store/mongodb/documents.ts'
import { isMongoUrl } from '../src/store/mongodb/url.ts'
import { openDatabase } from '../src/store/sqlite/database.ts'
import { answer } from './child.ts'
import { benchAgent, message, startEngine } from './cycle.ts'
import { renewalOf } from './renewal.ts'

/** Paused runs of one tenant and one agent, each with one pending approval. */
export type Paused = {
  readonly tenant: string
  readonly agentName: string
  readonly count: number
  /** Whether their runs are written too, with journal and session, and not the approvals alone. */
  readonly whole: boolean
  /** When the newest was created, in ms before now; the others came before, one each ms. */
  readonly newest: number
}

const kinds = ['runs', 'journal', 'approvals', 'sessions'] as const
/** Everything that was written of a run, as the database keeps it. */
type Written = Readonly<Record<(typeof kinds)[number], readonly Document[]>>

/** A database, past the store. */
type Bare = AsyncDisposable & {
  read(runId: string): Promise<Written>
  write(runs: readonly Partial<Written>[]): Promise<void>
}

const batchSize = 1_000

const handlers = {
  /**
   * Starts one real run, lets it pause, and writes its copies by the thousand: with ids, times and a chain of hashes of their
   * own, and so as the engine would have left them. Gives the ids of the approvals that are pending then, at most 10,000.
   */
  async load(url: string, { tenant, agentName, count, whole, newest }: Paused): Promise<string[]> {
    const runId = await pauseOne(url, tenant, agentName)
    await using bare = await (isMongoUrl(url) ? bareMongodb(url) : bareSqlite(url))
    const written = await bare.read(runId)
    const renewal = renewalOf(runId, String(written.runs[0]?.[isMongoUrl(url) ? 'sessionId' : 'session_id']))
    const approvals = [idOf(written)]
    for (let done = 1; done < count; done += batchSize) {
      const batch = Array.from({ length: Math.min(batchSize, count - done) }, (_, index) => {
        const renew = renewal(done + index - count - newest)
        if (!whole) return { approvals: renew(written.approvals) }
        return { ...renew(written), journal: chained(written.journal, renew(written.journal)) }
      })
      await bare.write(batch)
      if (approvals.length < 10_000) approvals.push(...batch.map(idOf))
    }
    return approvals
  },
}
export type LoadChild = typeof handlers

answer(handlers)

const idOf = ({ approvals: [approval] }: Pick<Written, 'approvals'>) => String(approval?._id ?? approval?.id)

async function pauseOne(url: string, tenant: string, agentName: string): Promise<string> {
  const requester: Principal = parsePrincipal({ id: 'rita', name: 'Rita Requester', tenant, roles: ['REQUESTER'] })
  await using store = await openStore(url)
  await using started = await startEngine(store, [benchAgent(() => {}, agentName)])
  const answered = await startRun(started.engine, requester, { agentName, message, waitMs: 30_000 })
  if (answered.__typename !== 'StartRunSuccess' || answered.run.status !== 'PAUSED') throw new Error('It did not pause')
  return answered.run.id
}

/** Each entry names the hash of the one before, whose ids are others now. */
function chained(before: readonly Document[], renewed: readonly Document[]): Document[] {
  let previous: { readonly old: string; readonly text: string } | undefined
  return renewed.map((entry, index) => {
    const old = String(before[index]?.text)
    const text = previous ? String(entry.text).replace(sha256(previous.old), sha256(previous.text)) : String(entry.text)
    previous = { old, text }
    return { ...entry, text }
  })
}

type Kept = { readonly _id: string; readonly [name: string]: unknown }

async function bareMongodb(url: string): Promise<Bare> {
  // Not `j: true` for each batch: it need not survive anything.
  const client = new MongoClient(url, { writeConcern: { w: 1, journal: false } })
  const db = client.db()
  return {
    async read(runId) {
      const find = (kind: string, filter: Filter<Kept>) => db.collection<Kept>(kind).find(filter).toArray()
      const runs = await find('runs', { _id: runId })
      const sessions = await find('sessions', { _id: idIn(String(runs[0]?.tenant), String(runs[0]?.sessionId)) })
      const entries = await find('journal', { runId })
      const journal = entries.map(({ _id, ...entry }) => entry).sort((a, b) => Number(a.seq) - Number(b.seq))
      return { runs, sessions, journal, approvals: await find('approvals', { runId }) }
    },
    async write(runs) {
      await Promise.all(
        kinds.map(async (kind) => {
          const documents = runs.flatMap((run) => run[kind] ?? [])
          if (documents.length > 0) await db.collection(kind).insertMany(documents, { ordered: false })
        }),
      )
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function bareSqlite(url: string): Promise<Bare> {
  const database = openDatabase(databasePath(url), '')
  const { connection } = database
  const insert = (kind: string, [first = {}]: readonly Document[]) => {
    const names = Object.keys(first)
    return connection.prepare(`INSERT INTO ${kind} (${names}) VALUES (${names.map(() => '?')})`)
  }
  return {
    async read(runId) {
      const find = (from: string, id: unknown) => connection.prepare(`SELECT * FROM ${from} = ?`).all(String(id))
      const runs = find('runs WHERE id', runId)
      const sessions = find('sessions WHERE id', runs[0]?.session_id)
      return {
        runs,
        sessions,
        journal: find('journal WHERE run_id', runId),
        approvals: find('approvals WHERE run_id', runId),
      }
    },
    async write(runs) {
      connection.exec('BEGIN')
      for (const kind of kinds) {
        const rows = runs.flatMap((run) => run[kind] ?? [])
        if (rows.length === 0) continue
        const statement = insert(kind, rows)
        for (const row of rows) statement.run(...Object.values(row))
      }
      connection.exec('COMMIT')
    },
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]()
    },
  }
}
