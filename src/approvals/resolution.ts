import { randomUUID } from 'node:crypto'
import type { PauseKind, Resolution } from '../store/records.ts'

/** A resolution with what is given, and nothing of what is not: no person, no words, no edit. */
export const resolutionWith = (
  given: Pick<Resolution, 'status' | 'cause' | 'at'> & Partial<Resolution>,
): Resolution => ({
  by: null,
  decisionId: randomUUID(),
  note: null,
  message: null,
  arguments: null,
  fingerprint: null,
  values: null,
  outcome: null,
  ...given,
})

export type Reconciled = 'HAPPENED' | 'RUN_AGAIN'

/** What was said of a call that was cut off: how it ended, or, without an outcome, that it is made again. */
export function reconciledAs(kind: PauseKind, { status, outcome }: Resolution): Reconciled | null {
  if (kind !== 'RECONCILIATION' || status !== 'APPROVED') return null
  return outcome === null ? 'RUN_AGAIN' : 'HAPPENED'
}
