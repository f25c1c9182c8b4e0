import type { InputIssue } from '../agents/input-schema.ts'
import type { DecisionInput } from '../inputs.ts'
import type { PauseKind } from '../store/records.ts'

/** A decision that fits what is decided; arguments, values and a result are not yet checked against the tool. */
export type CheckedDecision = {
  readonly verdict: 'APPROVED' | 'REJECTED'
  readonly message: string | null
  /** Undefined when none are given, as are values. */
  readonly arguments: unknown
  readonly values: unknown
  readonly outcome: GivenOutcome | null
}
export type GivenOutcome = { readonly result: unknown } | { readonly error: string }
export type Checked =
  | { readonly ok: true; readonly decision: CheckedDecision }
  | { readonly ok: false; readonly issues: readonly InputIssue[] }

/** What may be decided: its pause, and whether the one who decides may change the arguments. */
export type Decidable = { readonly kind: PauseKind; readonly mayEdit: boolean }

const longestText = 10_000
/** What each choice may hold. Without GraphQL nothing has checked it before. */
const choices = {
  approve: ['arguments', 'values', 'outcome'],
  reject: ['message'],
  reconcile: ['happened', 'runAgain'],
}

/** The rules of a decision's form. They know nothing of who decides, nor of whether it is still open. What is not understood approves nothing. */
export function checkDecision(decision: DecisionInput, decidable: Decidable): Checked {
  const given: Record<string, unknown> = isObject(decision) ? decision : {}
  const [name, ...others] = Object.keys(given).filter((key) => given[key] != null)
  if (!isChoice(name) || others.length > 0)
    return refuse([], "Give exactly one of 'approve', 'reject' and 'reconcile'.")
  const choice = given[name]
  if (!isObject(choice)) return refuse([name], 'Give an object.')
  const unknown = Object.keys(choice).find((key) => !choices[name].includes(key))
  if (unknown !== undefined) return refuse([name, unknown], `There is no such field: ${choices[name].join(', ')}.`)
  if ((name === 'reconcile') !== (decidable.kind === 'RECONCILIATION')) {
    return refuse([name], 'An approval of kind RECONCILIATION is reconciled, and no other is.')
  }
  if (name === 'reconcile') return checkReconcile(choice)
  return name === 'reject' ? checkReject(choice) : checkApprove(choice, decidable)
}

const isChoice = (name: string | undefined): name is keyof typeof choices =>
  name !== undefined && Object.hasOwn(choices, name)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** How it ended, or that it is to be made again: for that somebody must say so twice. */
function checkReconcile({ happened, runAgain }: Record<string, unknown>): Checked {
  if ((happened != null) === (runAgain != null))
    return refuse(['reconcile'], "Give exactly one of 'happened' and 'runAgain'.")
  if (happened != null) {
    const ended = checkOutcome(happened, ['reconcile', 'happened'])
    return 'ok' in ended ? ended : { ok: true, decision: { ...nothingGiven, verdict: 'APPROVED', outcome: ended } }
  }
  if (!isObject(runAgain) || runAgain.confirm !== true || Object.keys(runAgain).length > 1)
    return refuse(
      ['reconcile', 'runAgain', 'confirm'],
      'Must be true: the call is made again, perhaps for the second time.',
    )
  return { ok: true, decision: { ...nothingGiven, verdict: 'APPROVED' } }
}

function checkReject({ message }: Record<string, unknown>): Checked {
  const path = ['reject', 'message']
  if (message != null && typeof message !== 'string') return refuse(path, 'Give a text.')
  if (message != null && message.length > longestText) return refuse(path, `At most ${longestText} characters.`)
  const decision = { ...nothingGiven, verdict: 'REJECTED', message: message?.toWellFormed() ?? null } as const
  return { ok: true, decision }
}

const nothingGiven = { message: null, arguments: undefined, values: undefined, outcome: null }

function checkApprove(
  { arguments: edited, values, outcome }: Record<string, unknown>,
  { kind, mayEdit }: Decidable,
): Checked {
  const issues: InputIssue[] = []
  const add = (field: string, message: string) => issues.push({ path: ['approve', field], message })
  if (values != null && kind !== 'USER_INPUT') add('values', 'This call asks for no values.')
  if (values == null && kind === 'USER_INPUT') add('values', 'This call asks for values: see answerSchema.')
  if (outcome != null && kind !== 'EXTERNAL_EXECUTION') add('outcome', 'This call is made here: it takes no outcome.')
  if (outcome == null && kind === 'EXTERNAL_EXECUTION') add('outcome', 'This call is made elsewhere: say how it ended.')
  if (edited != null && !mayEdit) add('arguments', 'The answer to a call cannot change its arguments.')
  else if (edited != null && kind === 'EXTERNAL_EXECUTION')
    add('arguments', 'The call was made elsewhere: it is no more to be changed.')
  if (issues.length > 0) return { ok: false, issues }
  const ended = outcome == null ? null : checkOutcome(outcome, ['approve', 'outcome'])
  if (ended && 'ok' in ended) return ended
  const decision = {
    ...nothingGiven,
    verdict: 'APPROVED',
    arguments: edited ?? undefined,
    values: values ?? undefined,
  } as const
  return { ok: true, decision: { ...decision, outcome: ended } }
}

/** How a call ended elsewhere: exactly one of a result (none is null) and a message. */
function checkOutcome(given: unknown, path: string[]): GivenOutcome | Extract<Checked, { ok: false }> {
  const { success, failure, ...others } = isObject(given) ? given : {}
  if ((success != null) === (failure != null) || Object.keys(others).length > 0)
    return refuse(path, "Give exactly one of 'success' and 'failure'.")
  if (success != null) {
    if (!isObject(success) || Object.keys(success).some((key) => key !== 'result'))
      return refuse([...path, 'success'], "Give an object with 'result', or with nothing.")
    return { result: success.result ?? null }
  }
  const message = isObject(failure) ? failure.message : undefined
  if (!isObject(failure) || Object.keys(failure).some((key) => key !== 'message') || typeof message !== 'string')
    return refuse([...path, 'failure', 'message'], 'Give a text.')
  if (message.trim() === '')
    return refuse([...path, 'failure', 'message'], 'Say how it failed: a text that is not blank.')
  if (message.length > longestText) return refuse([...path, 'failure', 'message'], `At most ${longestText} characters.`)
  return { error: message }
}

const refuse = (path: string[], message: string) => ({ ok: false, issues: [{ path, message }] }) as const

/** A note is for people: at most 10,000 characters. */
export const checkNote = (note: string | null | undefined): readonly InputIssue[] =>
  note != null && (typeof note !== 'string' || note.length > longestText)
    ? [{ path: ['note'], message: `A text of at most ${longestText} characters.` }]
    : []
