import { readJsonObject } from '../json.ts'
import type { CallDecision } from '../runs/journal.ts'
import { jsonOrNull, type ToolCall as ToolCallShape } from '../runs/view.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalStatus } from './enums.ts'
import { ToolCall } from './refs.ts'

export type AnswerShape = { readonly toolCall: ToolCallShape; readonly decision: CallDecision }

export const Answer = builder.objectRef<AnswerShape>('Answer').implement({
  extensions: isPublic,
  description: 'What was answered to a call, as the journal has it.',
  fields: (t) => ({
    toolCall: t.expose('toolCall', { type: ToolCall, description: 'The call.' }),
    status: t.field({
      type: ApprovalStatus,
      description: 'APPROVED or REJECTED.',
      resolve: ({ decision }) => decision.verdict,
    }),
    note: t.string({
      nullable: true,
      description: 'What was noted for people; the model is not told.',
      resolve: ({ decision }) => decision.note,
    }),
    message: t.string({
      nullable: true,
      description: 'What the model was told about a rejection.',
      resolve: ({ decision }) => decision.message,
    }),
    values: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'The values a person filled in, for USER_INPUT.',
      resolve: ({ decision: { values } }) => (values === null ? null : readJsonObject(values)),
    }),
    result: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What the call gave elsewhere, as it was reported.',
      resolve: ({ decision: { outcome } }) => (outcome && 'result' in outcome ? jsonOrNull(outcome.result) : null),
    }),
    error: t.string({
      nullable: true,
      description: 'What went wrong elsewhere, as it was reported.',
      resolve: ({ decision: { outcome } }) => (outcome && 'error' in outcome ? outcome.error : null),
    }),
  }),
})
