import type { Principal } from '../access/principal.ts'
import { maySeeRun, maySteerRun } from '../access/rules.ts'
import { auditRecord } from '../approvals/approval.ts'
import { resolutionWith } from '../approvals/resolution.ts'
import type { Engine } from '../engine.ts'
import { isRunId } from '../ids.ts'
import type { ContinueRunInput } from '../inputs.ts'
import { waitForRun } from '../live/wait-for-run.ts'
import { type ContinueRunResult, forbidden, invalidInput, notFound } from '../results.ts'
import type { ApprovalRecord } from '../store/records.ts'
import { type AnsweredCall, planContinuation, readAnswers, stateError } from './answers.ts'
import { presentCalls, type RunState } from './fold.ts'
import { LeaseLost, type RunLease } from './lease.ts'
import { approvalsOf, loadState } from './load.ts'
import { heardFrom } from './next.ts'
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
  const planFor = async (state: RunState) => {
    const approvals = await approvalsOf(store, state)
    const read = await readAnswers(engine, run, state, answers, principal.id)
    const present = { ...run, status: state.status, error: state.error }
    return { approvals, plan: planContinuation({ run: present, state, approvals, given: answers.length, read }) }
  }

  // First without the lease: what is refused takes nothing from anybody.
  const { plan: first } = await planFor(await loadState(store, run.id))
  if (!first.ok) return first.error
  const lease = await worker.take(run.id)
  if (!lease) {
    const present = (await store.runs.get(run.id)) ?? run
    return stateError(present, present)
  }
  try {
    const { approvals, plan } = await planFor(lease.state)
    if (!plan.ok) return plan.error
    const heard = heardFrom(presentCalls(lease.state), approvals)
    if (heard.decisions.length > 0)
      lease.draft({ type: 'decided', decisions: [...heard.decisions] }, { heard: heard.approvals })
    if (plan.answered.length > 0) {
      const decisions = plan.answered.map(({ fingerprint: _, ...decision }) => decision)
      lease.draft(
        { type: 'answered', by: principal.id, decisions },
        { propose: auditsOf(engine, lease, plan.answered) },
      )
    }
    if (plan.resume) lease.draft({ type: 'resumed' })
    await lease.flush()
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error
    const present = (await store.runs.get(run.id)) ?? run
    return stateError(present, present)
  } finally {
    // The worker goes on, or finds that the run waits (for others, or because nothing was applied) and lets go.
    worker.adopt(lease)
  }
  const answer = await waitForRun({ store, hub }, lease.run, input.waitMs ?? 0, ({ status }) => status !== 'RUNNING')
  return { __typename: 'ContinueRunSuccess', run: answer }
}

/** What is written down of the answers to calls of type AUDIT, in the step that journals them. */
function auditsOf(
  { store, agents }: Engine,
  { run, state }: RunLease,
  answered: readonly AnsweredCall[],
): ApprovalRecord[] {
  const tools = agents.get(run.agentName)?.tools
  return presentCalls(state).flatMap(({ proposed, proposedAt }) => {
    const answer = answered.find(({ callId }) => callId === proposed.callId)
    if (!answer || proposed.gate?.approval !== 'AUDIT') return []
    const { verdict, callId: _, revision: __, ...words } = answer
    const resolution = resolutionWith({ ...words, status: verdict, cause: 'DECISION', at: store.now() })
    return [auditRecord(run, recordFor(proposed, tools?.get(proposed.toolName), proposedAt), resolution)]
  })
}
