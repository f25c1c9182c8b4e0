import type { CallDecision } from '../runs/journal.ts'
import type { ToolCall as ToolCallShape } from '../runs/view.ts'
import { builder } from './builder.ts'
import * as decided from './decided.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalStatus } from './enums.ts'
import { ToolCall } from './refs.ts'

export type AnswerShape = CallDecision & { readonly toolCall: ToolCallShape }

export const Answer = builder.objectRef<AnswerShape>('Answer').implement({
  extensions: isPublic,
  description: 'What was answered to a call, as the journal has it.',
  fields: (t) => ({
    toolCall: t.expose('toolCall', { type: ToolCall, description: 'The call.' }),
    status: t.expose('verdict', { type: ApprovalStatus, description: 'APPROVED or REJECTED.' }),
    note: t.field(decided.note),
    message: t.field(decided.message),
    values: t.field(decided.values),
    result: t.field(decided.result),
    error: t.field(decided.error),
  }),
})
