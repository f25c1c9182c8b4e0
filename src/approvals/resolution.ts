import { randomUUID } from 'node:crypto'
import type { Resolution } from '../store/records.ts'

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
