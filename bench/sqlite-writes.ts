import type { SQLInputValue } from 'node:sqlite'
import { openDatabase } from '../src/store/sqlite/database.ts'
import { sqliteStore } from '../src/store/sqlite/store.ts'
import { cycle, startEngine } from './cycle.ts'
import { renewalOf } from './renewal.ts'

export type Write = { readonly text: string; readonly values: readonly SQLInputValue[] }
/** The writes of one cycle, by the transactions they stand in. */
export type Phases = readonly (readonly Write[])[]

/**
 * What the engine writes in a cycle, and so what the floor writes. With 32 in flight each phase of all 32 shares one
 * transaction: 7 commits for 32 cycles, traced. When the engine comes to write something else, the bench fails until this
 * says so too: a floor that rises unseen is none.
 */
const expected: readonly (readonly string[])[] = [
  // startRun
  ['INSERT sessions', 'INSERT runs', 'INSERT journal', 'INSERT principals'],
  // model-responded, proposed, paused; the lease is given up
  [
    'UPDATE runs status gated updated_at seq lease_owner lease_until wake',
    'INSERT journal journal journal',
    'INSERT approvals',
  ],
  // resolveApproval
  [
    'UPDATE approvals status revision updated_at resolved_at resolved_by unheard resolution history',
    'INSERT principals',
  ],
  // the worker takes the lease
  ['UPDATE runs fence lease_owner lease_until wake'],
  // decided, resumed, call-started
  ['UPDATE runs status updated_at seq', 'INSERT journal journal journal', 'UPDATE approvals unheard'],
  // call-finished
  ['UPDATE runs updated_at seq', 'INSERT journal'],
  // model-responded, completed
  ['UPDATE runs status updated_at finished_at seq lease_owner lease_until wake output', 'INSERT journal journal'],
]

/** Runs one real cycle on an empty database and notes its writes. @throws Error when they are not those documented above. */
export async function recordCycle(path: string): Promise<Phases> {
  const database = openDatabase(path, '')
  const phases: Write[][] = []
  let phase: Write[] = []
  const run = (text: string, ...values: SQLInputValue[]) => {
    database.run(text, ...values)
    // What changes nothing is no write that a floor needs.
    if (/^(INSERT|UPDATE|DELETE)/.test(text) && database.row('SELECT changes()')?.[0] !== 0)
      phase.push({ text, values })
    else if (text === 'COMMIT') {
      if (phase.length > 0) phases.push(phase)
      phase = []
    }
  }
  // Every look at the clock is another millisecond, as with 32 in flight: otherwise times of one millisecond are not written again.
  let now = Date.now()
  await using store = sqliteStore({ ...database, run }, '', () => ++now)
  await using started = await startEngine(store)
  await cycle(started.engine)
  const found = phases.map((writes) => writes.map(outline))
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(
      `The engine's cycle writes other things than bench/sqlite-writes.ts says:\n${JSON.stringify(found)}`,
    )
  }
  return phases
}

/** Verb, table and which columns an UPDATE sets; for an INSERT the table once for each row, the columns being all. */
function outline({ text }: Write): string {
  const [, table = ''] = /^(?:INSERT INTO|UPDATE) (\w+)/.exec(text) ?? []
  if (text.startsWith('UPDATE')) {
    const [, sets = ''] = / SET (.*) WHERE /s.exec(text) ?? []
    return ['UPDATE', table, ...(sets.match(/\w+(?= = )/g) ?? [])].join(' ')
  }
  const rows = text.slice(text.indexOf('VALUES')).match(/\(\?/g) ?? []
  return ['INSERT', ...rows.map(() => table)].join(' ')
}

/** The same writes for another run, started `later` ms after the recorded one. Row by row the same sizes. */
export function otherCycles(phases: Phases): (later: number) => SQLInputValue[][][] {
  const renewal = renewalOf(...idsOf(phases))
  const recorded = phases.map((writes) => writes.map(({ values }) => values))
  // Through JSON and back: `replaceAll` may leave ropes, which the first to read them pays for.
  return (later) => JSON.parse(JSON.stringify(renewal(later)(recorded)))
}

function idsOf(phases: Phases): readonly [string, string] {
  const texts = phases.flat().flatMap(({ values }) => values.filter((value) => typeof value === 'string'))
  const runId = texts.find((text) => /^run_\w{32}$/.test(text))
  const sessionId = texts.find((text) => /^ses_\w{32}$/.test(text))
  if (runId === undefined || sessionId === undefined) throw new Error('The recorded cycle has no run or no session')
  return [runId, sessionId]
}
