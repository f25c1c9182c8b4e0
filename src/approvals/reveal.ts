import { rememberName } from '../access/names.ts'
import { doneBy, type Principal } from '../access/principal.ts'
import { maySeeApproval, whyNotReveal } from '../access/rules.ts'
import type { Engine } from '../engine.ts'
import { isApprovalId } from '../ids.ts'
import type { RevealArgumentInput } from '../inputs.ts'
import type { JsonText, JsonValue } from '../json.ts'
import { forbidden, invalidInput, notFound, type RevealArgumentResult } from '../results.ts'
import { hiddenValue, hidingOf } from '../sensitive.ts'
import type { ApprovalRecord } from '../store/records.ts'
import { finalArguments } from './final-arguments.ts'
import { sensitiveOf } from './shown.ts'

/** The record is read and sent whole each time: looks without end would make it too large to be decided. */
const mostChanges = 1_000
const longestNote = 1_000

/** Shows a hidden argument to who may decide on it, decided or not. That they looked is on record before they see anything. */
export async function revealArgument(
  engine: Engine,
  principal: Principal,
  { approvalId, path, proposed = false }: RevealArgumentInput,
): Promise<RevealArgumentResult> {
  const { store, settings } = engine
  const approval = isApprovalId(approvalId) ? await store.approvals.get(approvalId) : null
  if (!approval || !maySeeApproval(principal, approval)) return notFound('approval')
  const refused = whyNotReveal(principal, approval, settings)
  if (refused === 'NOT_AN_APPROVER') return forbidden('Only an APPROVER or an ADMIN can look at hidden arguments.')
  if (refused === 'OWN_REQUEST')
    return forbidden('You requested this run: only who may resolve its approvals can look at what is hidden in them.')
  if (!isPath(path) || valueIn(engine, approval, path, proposed) === undefined) return nothingThere
  if (approval.history.length >= mostChanges)
    return forbidden(`It has been looked at ${mostChanges} times. What is hidden in it stays hidden.`)

  const note = `${path.join('.')}${proposed ? ' (as proposed)' : ''}`.slice(0, longestNote)
  const change = { at: store.now(), ...doneBy(principal), action: 'REVEALED' as const, note: note.toWellFormed() }
  const [noted] = await Promise.all([
    store.approvals.note(approval.id, approval.tenant, { fingerprint: approval.fingerprint }, change),
    rememberName(engine, principal),
  ])
  if (noted.approval === null || !noted.won) return notFound('approval')
  // Of the record as it was written: an edit that came meanwhile is what is decided now.
  const value = valueIn(engine, noted.approval, path, proposed)
  return value === undefined ? nothingThere : { __typename: 'RevealArgumentSuccess', value, approval: noted.approval }
}

function valueIn(
  { agents }: Engine,
  approval: ApprovalRecord,
  path: readonly string[],
  proposed: boolean,
): JsonValue | undefined {
  const asked = proposed ? approval.arguments : argumentsNow(approval)
  const shown = hidingOf(sensitiveOf(agents, approval), approval.arguments, argumentsNow(approval)).arguments(asked)
  return hiddenValue(asked, shown, path)
}

/** As proposed, or as they were edited and completed. */
const argumentsNow = ({ arguments: proposed, resolution }: ApprovalRecord): JsonText =>
  finalArguments(proposed, resolution)

/** Without GraphQL nothing has checked it before. */
const isPath = (path: unknown): path is readonly string[] =>
  Array.isArray(path) && path.every((step) => typeof step === 'string')

const nothingThere = invalidInput({
  path: ['path'],
  message: 'Nothing is hidden at this place: name one that is shown as ‹hidden›, from the outside in.',
})
