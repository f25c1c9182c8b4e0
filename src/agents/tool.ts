import type { FlexibleSchema, ToolExecutionOptions, ToolResultOutput } from '@ai-sdk/provider-utils'

export type ApprovalSetting = 'required' | 'audit'
export type PauseSetting = 'confirmation' | 'user-input' | 'external-execution'

/** A duration: milliseconds, or a number with its unit: `'90s'`, `'15m'`, `'24h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** A required approval with a deadline; an audit has none. */
export type ApprovalSettings = {
  /** May be left out where there is a deadline. */
  type?: ApprovalSetting
  /** Counted from the proposal. An approval that nobody decided in time is EXPIRED, and its call does not run. */
  expiresIn?: Duration
  /** What becomes of the run then. `'expire'`, the default: the model is told, and goes on. `'cancel-run'`: the run is cancelled. */
  onExpiry?: 'expire' | 'cancel-run'
  /** How long before the deadline consoles are reminded, each less than `expiresIn`; at most 10. */
  remindAt?: readonly Duration[]
}

/** What became of a call: its result, or how it failed; or that it did not happen, and may be made again. */
export type Reconciled =
  | { readonly happened: true; readonly result: unknown }
  | { readonly happened: true; readonly error: string }
  | { readonly happened: false }

/** What this package adds to a tool of the AI SDK. */
export type GateFields<Input> = {
  /**
   * Who must agree before a call runs. `'required'`: an approver, and nobody else. `'audit'`: the requester, and an approval record says so
   * afterwards. With {@link ApprovalSettings}, a required one has a deadline.
   */
  approval?: ApprovalSetting | ApprovalSettings
  /** The same as `approval: 'audit'`. */
  logApproval?: boolean
  /** How a call pauses the run. `approval: 'required'` alone means `'confirmation'`. */
  pause?: PauseSetting
  /** The input fields that a human fills; all of them when the list is left out or empty. For `pause: 'user-input'`. */
  userInput?: string[]
  /** Whether this call pauses at all. Asked once, when the call is proposed; its verdict is recorded. When it throws, the call pauses. */
  when?: (input: Input) => boolean | PromiseLike<boolean>
  /** The call may be made again with the same `toolCallId` after a crash: the tool does it once. */
  idempotent?: boolean
  /**
   * Looks up at the other side whether a call happened that a crash cut off: then nobody has to be asked. What it throws, and null, mean that it
   * cannot tell. The first attempt may still be under way in a process that others do not see: say that it did not happen only if it no longer can.
   * Not together with `idempotent`.
   */
  reconcile?: (
    input: Input,
    options: { toolCallId: string; abortSignal: AbortSignal },
  ) => Reconciled | null | PromiseLike<Reconciled | null>
  /** Shown to the approver as dangerous. */
  destructive?: boolean
  /**
   * Input fields that nobody is shown, by their paths: `'ssn'`, `'card.number'`, `'cards.*.number'`. In the schema the same is said by
   * `.meta({ sensitive: true })` of a field. The model and the tool have the values; an approver looks at one with `revealArgument`.
   */
  sensitive?: string[]
  /**
   * How long one call may take. Then it is told to stop by its `abortSignal`, and the model is told that it took too long and may have happened;
   * what it still does or gives is not waited for, and it is not made again.
   */
  timeout?: Duration
}

/** A tool as a user writes it: the AI SDK's shape, with the fields of {@link GateFields}. */
export type ToolDefinition<Input = unknown, Output = unknown> = GateFields<Input> & {
  description?: string | ((options: never) => string)
  inputSchema: FlexibleSchema<Input>
  execute?: (input: Input, options: ToolExecutionOptions<never>) => AsyncIterable<Output> | PromiseLike<Output> | Output
  toModelOutput?: (options: {
    toolCallId: string
    input: Input
    output: Output
  }) => ToolResultOutput | PromiseLike<ToolResultOutput>
}

/**
 * A tool with its input's type inferred from the schema.
 *
 * @param definition The AI SDK's fields (`description`, `inputSchema`, `execute`) and ours ({@link GateFields}).
 * @returns the same definition; it is checked when an agent is defined with it.
 * @example
 * const deleteUser = tool({
 *   description: 'Permanently delete all data for a user.',
 *   inputSchema: z.object({ userId: z.string() }),
 *   approval: 'required',
 *   execute: async ({ userId }, { toolCallId }) => users.delete(userId, { idempotencyKey: toolCallId }),
 * })
 */
export const tool = <Input, Output>(definition: ToolDefinition<Input, Output>): ToolDefinition<Input, Output> =>
  definition
