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

/** The rules of a decision's form. They know nothing of who decides, nor of whether it is still open. */
export function checkDecision(decision: DecisionInput, { kind, mayEdit }: Decidable): Checked {
  const given = [decision.approve, decision.reject, decision.reconcile].filter(
    (choice) => choice !== undefined && choice !== null,
  )
  if (given.length !== 1) return refuse([], "Give exactly one of 'approve', 'reject' and 'reconcile'.")
  if (decision.reconcile)
    return refuse(['reconcile'], 'Only an approval of kind RECONCILIATION is reconciled: approve or reject this one.')
  if (kind === 'RECONCILIATION') return refuse([], 'An approval of kind RECONCILIATION takes nothing but reconcile.')
  if (decision.reject) {
    const message = decision.reject.message ?? null
    if (message !== null && message.length > longestText)
      return refuse(['reject', 'message'], `At most ${longestText} characters.`)
    return {
      ok: true,
      decision: { verdict: 'REJECTED', message: message?.toWellFormed() ?? null, arguments: undefined },
    }
  }
  const { arguments: edited, values, outcome } = decision.approve ?? {}
  const issues: InputIssue[] = []
  if (values != null)
    issues.push({ path: ['approve', 'values'], message: 'This call asks for no values: it is confirmed.' })
  if (outcome != null)
    issues.push({ path: ['approve', 'outcome'], message: 'This call is made here: it takes no outcome.' })
  if (edited != null && !mayEdit)
    issues.push({ path: ['approve', 'arguments'], message: 'The answer to a call cannot change its arguments.' })
  if (issues.length > 0) return { ok: false, issues }
  return { ok: true, decision: { verdict: 'APPROVED', message: null, arguments: edited ?? undefined } }
}

const refuse = (path: string[], message: string): Checked => ({ ok: false, issues: [{ path, message }] })

/** A note is for people: at most 10,000 characters. */
export const checkNote = (note: string | null | undefined): readonly InputIssue[] =>
  note != null && note.length > longestText ? [{ path: ['note'], message: `At most ${longestText} characters.` }] : []
