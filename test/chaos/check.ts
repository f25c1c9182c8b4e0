import { type Call, emptyState, fold } from '../../src/runs/fold.ts'
import { type Entry, readEntries } from '../../src/runs/journal.ts'
import { type ApprovalRecord, isOver, type RunRecord } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import type { Effect } from './effects.ts'
import type { Ledger } from './life.ts'
import { endOf, nameOf, scriptOf } from './scripts.ts'

/** What a campaign found when all was quiet. */
export type Findings = {
  readonly runs: number
  readonly calls: number
  /** Acknowledged, and not there afterwards: runs, decisions, answers, and results of calls that had no effect. */
  readonly lost: readonly string[]
  /** Effects that came twice, of calls that may be made once. */
  readonly doubled: readonly string[]
  /** Whatever else does not hold. */
  readonly broken: readonly string[]
  /** How often a person was asked whether a call had happened. */
  readonly reconciled: number
}

type Page = { readonly limit: number }
const all: Page = { limit: 1_000_000 }
const visible = { tenant: 'default' }
const idempotent = ['again', 'repay']

/** Reads everything there is, as a stranger would, and holds it against what was acknowledged and against what happened in the world. */
export async function check(store: Store, ledger: Ledger, effects: readonly Effect[]): Promise<Findings> {
  const [lost, doubled, broken]: [string[], string[], string[]] = [[], [], [...ledger.wrong]]
  const runs = await store.runs.list({ visible }, 'OLDEST_FIRST', all)
  const approvals = await store.approvals.list({ visible }, 'OLDEST_FIRST', all)
  const made = Map.groupBy(effects, ({ callId }) => callId)
  const known = new Set<string>()
  let calls = 0
  for (const run of runs) {
    const tell = (what: string) => `${nameOf(run.message)} (${scriptOf(run.message)}, ${run.id}): ${what}`
    const records = await store.journal.read(run.id, 0, all.limit)
    try {
      const entries = readEntries(records, { seq: 0, prev: '' })
      const state = fold(emptyState, entries, records.at(-1)?.text)
      const present = state.turns.flatMap((turn) => turn.calls)
      broken.push(...headProblems(run, state).map(tell), ...entryProblems(entries).map(tell))
      for (const call of present) {
        calls += 1
        const { callId, toolName } = call.proposed
        known.add(callId)
        const times = made.get(callId)?.length ?? 0
        if (times > 1 && !idempotent.includes(toolName)) doubled.push(tell(`${toolName} was made ${times} times`))
        if (times === 0 && saysItWasMade(call)) lost.push(tell(`${toolName} has a result, and no effect`))
        broken.push(...callProblems(call, times).map(tell))
      }
    } catch (error) {
      broken.push(tell(`its journal cannot be read: ${error}`))
    }
  }
  for (const callId of made.keys()) if (!known.has(callId)) broken.push(`${callId} had an effect and is in no journal`)
  for (const approval of approvals) broken.push(...approvalProblems(approval))
  lost.push(...lostFrom(ledger, runs, approvals))
  const unasked = runs.filter(({ id, parent }) => parent === null && !ledger.runs.some((run) => run.id === id))
  broken.push(...unasked.map(({ id, message }) => `${id} was started by nobody: ${message}`))
  const reconciled = approvals.filter(({ kind }) => kind === 'RECONCILIATION').length
  return { runs: runs.length, calls, lost, doubled, broken, reconciled }
}

function headProblems(run: RunRecord, state: ReturnType<typeof fold>): string[] {
  const problems: string[] = []
  const expected = endOf(scriptOf(run.message))
  if (run.status !== expected) problems.push(`it is ${run.status} and should be ${expected}`)
  if (run.lease !== null) problems.push(`somebody holds its lease: ${JSON.stringify(run.lease)}`)
  const [said, told] = [run, state].map(({ status, seq, output, error }) =>
    JSON.stringify([status, seq, output, error]),
  )
  if (said !== told) problems.push(`its record says ${said}, and its journal ${told}`)
  return problems
}

function entryProblems(entries: readonly Entry[]): string[] {
  const problems: string[] = []
  const end = entries.findIndex(({ type }) => ['completed', 'cancelled', 'failed'].includes(type))
  if (end !== entries.length - 1) problems.push(`something follows its end: ${entries.map(({ type }) => type)}`)
  for (const [index, entry] of entries.entries()) {
    if (entry.fence < (entries[index - 1]?.fence ?? 0)) problems.push(`entry ${entry.seq} is of a former holder`)
  }
  // An attempt may follow another only when that one was cut off.
  const open = new Set<string>()
  for (const entry of entries) {
    if (entry.type === 'call-started' && open.has(entry.callId)) problems.push(`${entry.callId} was begun twice`)
    if (entry.type === 'call-started') open.add(entry.callId)
    if (entry.type === 'interrupted') open.delete(entry.callId)
    if (entry.type === 'call-finished' && !open.delete(entry.callId) && 'result' in entry.outcome) {
      const wasToldOf = entries.some((one) => one.seq < entry.seq && isWordOn(one, entry.callId))
      if (!wasToldOf) problems.push(`${entry.callId} has a result and was never begun`)
    }
  }
  return problems
}

/** How a call ended is told by whoever decided on a doubt, or by the run that it began. */
const isWordOn = (entry: Entry, callId: string): boolean =>
  (entry.type === 'interrupted' || entry.type === 'child-started') && entry.callId === callId

function saysItWasMade({ childId, outcome }: Call): boolean {
  return childId === null && outcome !== null && 'result' in outcome
}

function callProblems({ proposed, decision, startedAt, interruptions }: Call, times: number): string[] {
  const { callId, toolName, gate } = proposed
  const problems: string[] = []
  const wasBegun = startedAt !== null || interruptions > 0
  if (times > 0 && !wasBegun) problems.push(`${toolName} ${callId} had an effect and is not on record`)
  if (wasBegun && gate !== null && decision?.verdict !== 'APPROVED')
    problems.push(`${toolName} ${callId} was begun, and it is ${decision?.verdict ?? 'undecided'}`)
  return problems
}

function approvalProblems({ id, status, resolution, revision, history, unheard }: ApprovalRecord): string[] {
  const problems: string[] = []
  if (status === 'PENDING') problems.push(`${id} is still PENDING`)
  else if (resolution?.status !== status || revision !== 2 || history.length !== 2)
    problems.push(`${id} is ${status} at revision ${revision}, and its resolution ${JSON.stringify(resolution)}`)
  if (unheard) problems.push(`${id} is decided, and nobody has heard of it`)
  return problems
}

function lostFrom(ledger: Ledger, runs: readonly RunRecord[], approvals: readonly ApprovalRecord[]): string[] {
  const byId = new Map(approvals.map((approval) => [approval.id as string, approval]))
  const ids = new Set<string>(runs.filter(({ status }) => isOver(status)).map(({ id }) => id))
  const lostRuns = ledger.runs.filter(({ id }) => !ids.has(id)).map(({ id, name }) => `${name} (${id}) is not over`)
  const lostDecisions = ledger.decisions.flatMap(({ approvalId, status, note }) => {
    const standing = byId.get(approvalId)
    const stands = standing?.status === status && standing.resolution?.note === note
    return stands
      ? []
      : [`${approvalId} was decided ${status} (${note}), and is ${JSON.stringify(standing?.resolution)}`]
  })
  return [...lostRuns, ...lostDecisions]
}
