import { readJsonObject } from '../json.ts'
import { jsonOrNull } from '../runs/view.ts'
import type { Resolution } from '../store/records.ts'

/** What a decision says beside its verdict: the fields of whatever shows one, an approver's or a requester's. */
type Decided = Pick<Resolution, 'note' | 'message' | 'values' | 'outcome'>

export const note = {
  type: 'String',
  nullable: true,
  description: 'What was noted for people; the model is not told.',
  resolve: ({ note }: Decided) => note,
} as const

export const message = {
  type: 'String',
  nullable: true,
  description: 'What the model was told about a rejection.',
  resolve: ({ message }: Decided) => message,
} as const

export const values = {
  type: 'JSONObject',
  nullable: true,
  description: 'The values a person filled in, for USER_INPUT.',
  resolve: ({ values }: Decided) => (values === null ? null : readJsonObject(values)),
} as const

export const result = {
  type: 'JSON',
  nullable: true,
  description: 'What the call gave elsewhere, as it was reported.',
  resolve: ({ outcome }: Decided) => (outcome && 'result' in outcome ? jsonOrNull(outcome.result) : null),
} as const

export const error = {
  type: 'String',
  nullable: true,
  description: 'What went wrong elsewhere, as it was reported.',
  resolve: ({ outcome }: Decided) => (outcome && 'error' in outcome ? outcome.error : null),
} as const
