import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { logActor } from '../access/acting-for.ts'
import { rememberName } from '../access/names.ts'
import { doneBy, type Principal } from '../access/principal.ts'
import { maySeeApproval, reasonsNotToResolve } from '../access/rules.ts'
import type { Engine } from '../engine.ts'
import { isApprovalId } from '../ids.ts'
import type { ResolveApprovalInput } from '../inputs.ts'
import { forbidden, invalidInput, notFound, type ResolveApprovalResult } from '../results.ts'
import type { ApprovalRecord, Resolution, RunRecord } from '../store/records.ts'
import type { Decided, Expected } from '../store/store.ts'
import { expire } from './deadlines.ts'
import { checkNote } from './decide.ts'
import { readDecision } from './read-decision.ts'
import { resolutionWith } from './resolution.ts'

/**
 * Decides an approval, once. Wins only while the approval is PENDING, not past its deadline, and is what the caller expects; whoever loses is
 * given the record that stands. The decision lets exactly this call run once, and no other.
 */
export async function resolveApproval(
  engine: Engine,
  principal: Principal,
  input: ResolveApprovalInput,
): Promise<ResolveApprovalResult> {
  const { store, settings } = engine
  const approval = isApprovalId(input.approvalId) ? await store.approvals.get(input.approvalId) : null
  if (!approval || !maySeeApproval(principal, approval)) return notFound('approval')
  const decisionId = decisionIdFor(principal, input)
  if (approval.resolution?.decisionId === decisionId) return success(engine, approval)
  const now = store.now()
  const reasons = reasonsNotToResolve(principal, approval, { allowSelfApproval: settings.allowSelfApproval, now })
  if (reasons.includes('NOT_AN_APPROVER')) return forbidden('Only an APPROVER or an ADMIN can resolve approvals.')
  if (reasons.includes('OWN_REQUEST'))
    return forbidden('You requested this run: somebody else must resolve its approvals.')
  if (approval.status !== 'PENDING') return conflict(approval)
  if (isPastDeadline(approval, now)) return conflict((await expire(engine, approval, now)).approval ?? approval)
  const other = whatIsOther(approval, input)
  if (other !== null) return conflict(approval, other)

  const read = await readDecision(engine, input.decision, { ...approval, mayEdit: true })
  const issues = [...(read.ok ? [] : read.issues), ...checkNote(input.note)]
  if (!read.ok || issues.length > 0) return invalidInput(...issues)

  const at = store.now()
  const { verdict, ...words } = read.decision
  const resolution = resolutionWith({
    ...words,
    status: verdict,
    cause: 'DECISION',
    ...doneBy(principal),
    at,
    decisionId,
    note: input.note?.toWellFormed() ?? null,
  })
  // Always bound to what was just read and checked, also when the caller expects nothing.
  const expected: Expected = {
    fingerprint: approval.fingerprint,
    deadline: { is: 'open', at },
    ...revisionOf(input),
  }
  const [decided] = await Promise.all([
    decideOnce(engine, approval, expected, resolution),
    rememberName(engine, principal),
  ])
  if (decided.approval === null) return notFound('approval')
  if (!decided.won) {
    // The deadline may have passed while the decision was on its way.
    const late = isPastDeadline(decided.approval, at) ? await expire(engine, decided.approval, at) : decided
    return conflict(late.approval ?? decided.approval)
  }
  logActor(engine, principal, { operation: 'resolveApproval', approvalId: approval.id })
  return success(engine, decided.approval, engine.worker.wake(approval.runId))
}

const isPastDeadline = ({ status, expiresAt }: ApprovalRecord, now: number) =>
  status === 'PENDING' && expiresAt !== null && expiresAt <= now

/** The first thing that is not as the caller expects. What they expected is not repeated: it may be any text. */
function whatIsOther(
  { fingerprint, revision }: ApprovalRecord,
  { expectedStatus, expectedFingerprint, expectedRevision }: ResolveApprovalInput,
): string | null {
  if ((expectedStatus ?? 'PENDING') !== 'PENDING') return 'its status is PENDING'
  if ((expectedFingerprint ?? fingerprint) !== fingerprint) return `its fingerprint is ${fingerprint}`
  return (expectedRevision ?? revision) === revision ? null : `its revision is ${revision}`
}

const revisionOf = ({ expectedRevision }: ResolveApprovalInput) =>
  expectedRevision == null ? {} : { revision: expectedRevision }

/** With a key, the same decision by the same principal has the same id, whichever retry it is; another decision under it is another. */
function decisionIdFor(
  { tenant, id }: Principal,
  { approvalId, idempotencyKey, decision, note }: ResolveApprovalInput,
): string {
  if (idempotencyKey == null) return randomUUID()
  try {
    return createHash('sha256')
      .update(JSON.stringify([tenant, id, approvalId, idempotencyKey, decision, note ?? null]))
      .digest('hex')
  } catch {
    // A decision that is no JSON was never made, and is refused when it is read.
    return randomUUID()
  }
}

/** A write whose answer was lost is not a lost decision: the record says whose it is. */
async function decideOnce(
  { store }: Engine,
  { id, tenant }: ApprovalRecord,
  expected: Expected,
  resolution: Resolution,
): Promise<Decided> {
  const decided = await store.approvals.decide(id, tenant, expected, resolution).catch(async (error) => {
    const there = await store.approvals.get(id)
    if (there === null || there.status === 'PENDING') throw error
    return { won: false, approval: there }
  })
  return {
    won: decided.won || decided.approval?.resolution?.decisionId === resolution.decisionId,
    approval: decided.approval,
  }
}

/** How long the answer waits for the run to be claimed, which says how it stands; in ms. */
const claimedWithin = 250

async function success(
  { store }: Engine,
  approval: ApprovalRecord,
  claim: Promise<RunRecord | null> = Promise.resolve(null),
): Promise<ResolveApprovalResult> {
  const inTime = new AbortController()
  const late = delay(claimedWithin, null, { signal: inTime.signal }).catch(() => null)
  const run = (await Promise.race([claim, late])) ?? (await store.runs.get(approval.runId))
  inTime.abort()
  return run ? { __typename: 'ResolveApprovalSuccess', approval, run } : notFound('run')
}

function conflict(
  approval: ApprovalRecord,
  other = `it is PENDING at revision ${approval.revision}`,
): ResolveApprovalResult {
  const message =
    approval.status === 'PENDING'
      ? `The approval is not what you expected: ${other}. Look at it again, then decide.`
      : `The approval is ${approval.status} already: here is what stands.`
  return { __typename: 'ApprovalConflictError', message, approval }
}
