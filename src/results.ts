import type { InputIssue } from './agents/input-schema.ts'
import type { CallId } from './ids.ts'
import type { JsonValue } from './json.ts'
import type { Requirement } from './runs/view.ts'
import type { ApprovalRecord, RunRecord } from './store/records.ts'

// What the operations answer: one union member each, told apart by `__typename`, the same in GraphQL and without it.

export type NotFoundError = { readonly __typename: 'NotFoundError'; readonly message: string }
export type ForbiddenError = { readonly __typename: 'ForbiddenError'; readonly message: string }
export type InvalidInputError = {
  readonly __typename: 'InvalidInputError'
  readonly message: string
  readonly issues: readonly InputIssue[]
}
type Common = NotFoundError | ForbiddenError | InvalidInputError
export type IdempotencyConflictError = {
  readonly __typename: 'IdempotencyConflictError'
  readonly message: string
  readonly run: RunRecord
}
export type RunStateError = { readonly __typename: 'RunStateError'; readonly message: string; readonly run: RunRecord }
export type ApprovalPendingError = {
  readonly __typename: 'ApprovalPendingError'
  readonly message: string
  readonly run: RunRecord
  readonly pending: readonly ApprovalRecord[]
  readonly missing: readonly CallId[]
}
export type AnswerRequiredError = {
  readonly __typename: 'AnswerRequiredError'
  readonly message: string
  readonly run: RunRecord
  readonly requirements: readonly Requirement[]
}
export type ApprovalConflictError = {
  readonly __typename: 'ApprovalConflictError'
  readonly message: string
  readonly approval: ApprovalRecord
}

export type StartRunResult =
  | { readonly __typename: 'StartRunSuccess'; readonly run: RunRecord }
  | IdempotencyConflictError
  | Common
export type ContinueRunResult =
  | { readonly __typename: 'ContinueRunSuccess'; readonly run: RunRecord }
  | ApprovalPendingError
  | AnswerRequiredError
  | RunStateError
  | Common
export type CancelRunResult =
  | { readonly __typename: 'CancelRunSuccess'; readonly run: RunRecord }
  | RunStateError
  | Common
export type ResolveApprovalResult =
  | { readonly __typename: 'ResolveApprovalSuccess'; readonly approval: ApprovalRecord; readonly run: RunRecord }
  | ApprovalConflictError
  | Common
export type RevealArgumentResult =
  | { readonly __typename: 'RevealArgumentSuccess'; readonly value: JsonValue; readonly approval: ApprovalRecord }
  | Common

export const notFound = (what: string): NotFoundError => ({
  __typename: 'NotFoundError',
  message: `There is no such ${what}.`,
})
export const forbidden = (message: string): ForbiddenError => ({ __typename: 'ForbiddenError', message })
export const invalidInput = (...issues: InputIssue[]): InvalidInputError => ({
  __typename: 'InvalidInputError',
  message: issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; '),
  issues,
})
