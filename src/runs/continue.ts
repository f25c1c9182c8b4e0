import { logActor } from '../access/acting-for.ts'
import { type DoneBy, doneBy, type Principal } from '../access/principal.ts'
import { maySeeRun, maySteerRun } from '../access/rules.ts'
import { auditRecord } from '../approvals/approval.ts'
import { resolutionWith } from '../approvals/resolution.ts'
import type { Engine } from '../engine.ts'
import { type ApprovalId, isRunId, type RunId, runIdOfCall } from '../ids.ts'
import type { AnswerInput, ContinueRunInput } from '../inputs.ts'
import { waitForRun } from '../live/wait-for-run.ts'
import { type ContinueRunResult, forbidden, invalidInput, notFound } from '../results.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { type AnsweredCall, type Continuation, planContinuation, readAnswers, stateError } from './answers.ts'
import { presentCalls } from './fold.ts'
import { LeaseLost, type RunLease } from './lease.ts'
import { approvalsOf, loadState } from './load.ts'
import { heardFrom } from './next.ts'
import { type PausedRun, pausedTree } from './paused-tree.ts'
import { recordFor } from './propose.ts'
import { checkWait } from './start.ts'

/**
 * Continues a paused run, with the requester's answers where the requester decides; or one that failed through its model or the database.
 * Nothing is applied unless everything in the input is right. What an approver must decide is never taken from here.
 */
export async function continueRun(
  engine: Engine,
  principal: Principal,
  input: ContinueRunInput,
): Promise<ContinueRunResult> {
  const { store, hub, worker } = engine
  const run = isRunId(input.runId) ? await store.runs.get(input.runId) : null
  if (!run || !maySeeRun(principal, run)) return notFound('run')
  if (!maySteerRun(principal, run)) return forbidden('Only the requester of a run or an ADMIN can continue it.')
  const issues = checkWait(input.waitMs)
  if (issues.length > 0) return invalidInput(...issues)
  const answers = input.answers ?? []
  // First without leases: what is refused takes nothing from anybody.
  const first = await planFor(engine, principal, answers, await readTree(store, run))
  if (!first.plan.ok) return first.plan.error
  const concerned = runsToWrite(first.plan)
  const leases = await takeAll(engine, concerned)
  if (!leases) return presentStateError(store, run)
  let written = 0
  try {
    const { tree, approvals, plan } = await planFor(engine, principal, answers, await readTree(store, run, leases))
    if (!plan.ok) return plan.error
    // From the inside out: no run is told to go on before what it waits for is.
    for (const { run: one } of tree.toReversed()) {
      const lease = leases.get(one.id)
      if (!lease) continue
      draftContinuation(engine, lease, approvals, plan, doneBy(principal))
      await lease.flush()
      written += 1
    }
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
    if (written === 0) return presentStateError(store, run)
    // What was written is an answer that counts; what was not still stands under requirements.
  } finally {
    // The worker goes on, or finds that the run waits (for others, or because nothing was applied) and lets go. A run whose step was refused
    // has not failed by that: it was the caller's answer, and the run waits as before.
    await Promise.all(
      [...leases.values()].map((lease) => (lease.refusal ? lease.giveBack().catch(() => {}) : worker.adopt(lease))),
    )
  }
  logActor(engine, principal, { operation: 'continueRun', runId: run.id })
  const present = leases.get(run.id)?.run ?? (await store.runs.get(run.id)) ?? run
  const answer = await waitForRun({ store, hub }, present, input.waitMs ?? 0, ({ status }) => status !== 'RUNNING')
  return { __typename: 'ContinueRunSuccess', run: answer }
}

type Tree = readonly [PausedRun, ...PausedRun[]]
type Leases = ReadonlyMap<RunId, RunLease>
type Plan = Extract<Continuation, { ok: true }>

/** The run and the paused ones of agents it asked; those that are held here as their holder has them. */
async function readTree(store: Store, run: RunRecord, leases: Leases = new Map()): Promise<Tree> {
  const held = leases.get(run.id)
  const state = held?.state ?? (await loadState(store, run.id))
  const outer = { run: { ...(held?.run ?? run), status: state.status, error: state.error }, state }
  const stateOf = async ({ id }: RunRecord) => leases.get(id)?.state ?? (await loadState(store, id))
  const [, ...inner] = await pausedTree({ getMany: store.runs.getMany, stateOf }, outer)
  return [outer, ...inner]
}

async function planFor(engine: Engine, principal: Principal, answers: readonly AnswerInput[], tree: Tree) {
  const approvals = await approvalsOf(engine.store, ...tree.map(({ state }) => state))
  const read = await readAnswers(engine, tree, answers, principal.id)
  return {
    tree,
    approvals,
    plan: planContinuation({ tree, approvals, agents: engine.agents, given: answers.length, read }),
  }
}

const runsToWrite = ({ answered, resume }: Plan): Set<RunId> =>
  new Set([...answered.map(({ callId }) => runIdOfCall(callId)), ...resume])

/** All of them, or none and null. */
async function takeAll({ worker }: Engine, ids: ReadonlySet<RunId>): Promise<Leases | null> {
  const leases = new Map<RunId, RunLease>()
  using taken = new DisposableStack()
  // One after the other in the same order everywhere: of two who want the same, one has all.
  for (const id of [...ids].sort()) {
    const lease = await worker.take(id)
    if (!lease) return null
    leases.set(id, lease)
    taken.defer(() => worker.adopt(lease))
  }
  // They are the caller's now.
  taken.move()
  return leases
}

function draftContinuation(
  engine: Engine,
  lease: RunLease,
  approvals: ReadonlyMap<ApprovalId, ApprovalRecord>,
  { answered, resume }: Plan,
  doer: DoneBy,
): void {
  const { id } = lease.run
  const heard = heardFrom(presentCalls(lease.state), approvals)
  if (heard.decisions.length > 0)
    lease.draft({ type: 'decided', decisions: [...heard.decisions] }, { heard: heard.approvals })
  const own = answered.filter(({ callId }) => runIdOfCall(callId) === id)
  if (own.length > 0) {
    const decisions = own.map(({ fingerprint: _, ...decision }) => decision)
    lease.draft({ type: 'answered', ...doer, decisions }, { propose: auditsOf(engine, lease, own, doer) })
  }
  if (resume.includes(id)) lease.draft({ type: 'resumed', ...doer })
}

async function presentStateError(store: Store, run: RunRecord) {
  const present = (await store.runs.get(run.id)) ?? run
  return stateError(present, present)
}

/** What is written down of the answers to calls of type AUDIT, in the step that journals them. */
function auditsOf(
  { store, agents }: Engine,
  { run, state }: RunLease,
  answered: readonly AnsweredCall[],
  doer: DoneBy,
): ApprovalRecord[] {
  const tools = agents.get(run.agentName)?.tools
  return presentCalls(state).flatMap(({ proposed, proposedAt }) => {
    const answer = answered.find(({ callId }) => callId === proposed.callId)
    if (!answer || proposed.gate?.approval !== 'AUDIT') return []
    const { verdict, callId: _, revision: __, ...words } = answer
    const resolution = resolutionWith({ ...words, ...doer, status: verdict, cause: 'DECISION', at: store.now() })
    return [auditRecord(run, recordFor(proposed, tools?.get(proposed.toolName), proposedAt), resolution)]
  })
}
