import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ToolExecutionOptions, ToolResultOutput } from '@ai-sdk/provider-utils'
import type { JsonObject, JsonText } from '../json.ts'
import type { SensitivePath } from '../sensitive.ts'
import type { ApprovalType, ExpiryAction, PauseKind } from '../store/records.ts'
import type { InputSchema } from './input-schema.ts'
import type { PersonFields } from './person-fields.ts'

/** An agent as it runs, made by `defineAgent`. */
export type Agent = {
  readonly name: string
  readonly description: string | null
  readonly instructions: string | null
  readonly model: LanguageModelV4
  readonly tools: ReadonlyMap<string, AgentTool>
  /** How often a model call is tried again after a passing failure. */
  readonly maxRetries: number
  /** How many times the model is asked in one run, at most. */
  readonly maxSteps: number
  /** How many tokens, as its provider counts them, the model may have been sent and have given in one run when it is asked again. */
  readonly maxTotalTokens: number | null
  /** How long a run may be RUNNING, in all. */
  readonly timeoutMs: number | null
  /** How many messages of a session's earlier runs the model is sent, at most. */
  readonly maxHistoryMessages: number
}

/** A tool as it runs: checked, its gate read once and not to be changed afterwards. */
export type AgentTool = {
  readonly name: string
  readonly description: string | null
  /** The whole input. */
  readonly schema: InputSchema
  /** What the model fills: the whole, less what a person fills. */
  readonly modelSchema: InputSchema
  /** What a person fills, for USER_INPUT. */
  readonly personFields: PersonFields | null
  /** The JSON Schema of the input as canonical text, and the SHA-256 of it and of who fills what: approvals are bound to the latter. */
  readonly schemaText: JsonText
  readonly schemaDigest: string
  readonly gate: Gate | null
  /** Whether an interrupted call may be made again. */
  readonly idempotent: boolean
  /** Asks the other side what became of one. */
  readonly reconcile: Reconcile | null
  readonly destructive: boolean
  /** What of the input is not shown. No decision is bound to it. */
  readonly sensitive: readonly SensitivePath[]
  readonly timeoutMs: number | null
  /** JSON Schema of what a call gives; anything when the tool does not say. */
  readonly outputSchema: JsonObject
  /** Entered by `runs/dispatch.ts` only, which asks for a permit. Null for a tool that is executed elsewhere, or is an agent. */
  readonly [execute]: Execute | null
  /** Whose run each call is. */
  readonly agent: Agent | null
  readonly toModelOutput: ToModelOutput | null
}

/** What a human must say before a call runs. */
export type Gate = {
  readonly pause: PauseKind
  /** Null: the requester answers, and nothing is recorded but in the journal. */
  readonly approval: ApprovalType | null
  /** By when somebody must decide; null: it waits for good. */
  readonly deadline: Deadline | null
  /** Whether this call pauses; null: every call does. */
  readonly when: ((input: JsonObject, options: WhenOptions) => unknown) | null
}
export type Deadline = {
  readonly expiresInMs: number
  readonly onExpiry: ExpiryAction
  /** How long before it reminders are, the earliest first. */
  readonly remindBeforeMs: readonly number[]
}
export type WhenOptions = { readonly toolCallId: string; readonly messages: ToolExecutionOptions<never>['messages'] }

export const execute = Symbol('execute')
export type Execute = (input: JsonObject, options: ToolExecutionOptions<never>) => unknown
export type Reconcile = (input: JsonObject, options: { toolCallId: string; abortSignal: AbortSignal }) => unknown
export type ToModelOutput = (options: {
  toolCallId: string
  input: JsonObject
  output: unknown
}) => ToolResultOutput | PromiseLike<ToolResultOutput>
