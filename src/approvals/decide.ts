import type { InputIssue } from '../agents/input-schema.ts'
import type { DecisionInput } from '../inputs.ts'
import type { PauseKind } from '../store/records.ts'

/** A decision that fits what is decided; edited arguments are not yet checked against the tool. */
export type CheckedDecision = {
  readonly verdict: 'APPROVED' | 'REJECTED'
  readonly message: string | null
  readonly arguments: unknown
}
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
  if (name === 'reconcile') return refuse([name], 'There is nothing to reconcile in this version.')
  return name === 'reject' ? checkReject(choice) : checkApprove(choice, decidable)
}

const isChoice = (name: string | undefined): name is keyof typeof choices =>
  name !== undefined && Object.hasOwn(choices, name)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkReject({ message }: Record<string, unknown>): Checked {
  const path = ['reject', 'message']
  if (message != null && typeof message !== 'string') return refuse(path, 'Give a text.')
  if (message != null && message.length > longestText) return refuse(path, `At most ${longestText} characters.`)
  return { ok: true, decision: { verdict: 'REJECTED', message: message?.toWellFormed() ?? null, arguments: undefined } }
}

function checkApprove(
  { arguments: edited, values, outcome }: Record<string, unknown>,
  { mayEdit }: Decidable,
): Checked {
  const issues: InputIssue[] = []
  const add = (field: string, message: string) => issues.push({ path: ['approve', field], message })
  if (values != null) add('values', 'This call asks for no values: it is confirmed.')
  if (outcome != null) add('outcome', 'This call is made here: it takes no outcome.')
  if (edited != null && !mayEdit) add('arguments', 'The answer to a call cannot change its arguments.')
  if (issues.length > 0) return { ok: false, issues }
  return { ok: true, decision: { verdict: 'APPROVED', message: null, arguments: edited ?? undefined } }
}

const refuse = (path: string[], message: string): Checked => ({ ok: false, issues: [{ path, message }] })

/** A note is for people: at most 10,000 characters. */
export const checkNote = (note: string | null | undefined): readonly InputIssue[] =>
  note != null && (typeof note !== 'string' || note.length > longestText)
    ? [{ path: ['note'], message: `A text of at most ${longestText} characters.` }]
    : []
