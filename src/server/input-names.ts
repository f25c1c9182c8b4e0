import type { ApprovalListFilter, ListApprovalsInput } from '../approvals/read.ts'
import { CountersignError } from '../errors.ts'
import type {
  CancelRunInput,
  ContinueRunInput,
  ResolveApprovalInput,
  RevealArgumentInput,
  StartRunInput,
} from '../inputs.ts'
import type { ListRunsInput, RunListFilter } from '../runs/read.ts'

/** Of each name whether it must be given. */
type NamesOf<Input> = { readonly [Name in keyof Input]-?: undefined extends Input[Name] ? false : true }

const page = { first: false, after: false, last: false, before: false, filter: false, orderBy: false } as const
const times = { createdAfter: false, createdBefore: false } as const

/** By the operation's name in the API. */
const inputs: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  startRun: {
    ...{ agentName: true, message: true, sessionId: false, metadata: false, resumeMode: false },
    ...{ idempotencyKey: false, waitMs: false },
  } satisfies NamesOf<StartRunInput>,
  continueRun: { runId: true, answers: false, waitMs: false } satisfies NamesOf<ContinueRunInput>,
  cancelRun: { runId: true, reason: false } satisfies NamesOf<CancelRunInput>,
  resolveApproval: {
    ...{ approvalId: true, decision: true, note: false, idempotencyKey: false },
    ...{ expectedStatus: false, expectedFingerprint: false, expectedRevision: false },
  } satisfies NamesOf<ResolveApprovalInput>,
  revealArgument: { approvalId: true, path: true, proposed: false } satisfies NamesOf<RevealArgumentInput>,
  runs: page satisfies NamesOf<ListRunsInput>,
  approvals: page satisfies NamesOf<ListApprovalsInput>,
}
const filters: typeof inputs = {
  runs: {
    ...{ status: false, agentName: false, sessionId: false, requestedBy: false },
    ...times,
  } satisfies NamesOf<RunListFilter>,
  approvals: {
    ...{ status: false, type: false, kind: false, agentName: false, toolName: false, runId: false },
    ...{ requestedBy: false, resolvedBy: false, resolvedAfter: false, resolvedBefore: false },
    ...times,
  } satisfies NamesOf<ApprovalListFilter>,
}

/**
 * What GraphQL sees to before. Without it a misspelt `filter` would list all, and a misspelt `expectedFingerprint` expect nothing.
 *
 * @throws CountersignError BAD_USER_INPUT that names what is unknown or missing.
 */
export function checkNames(operation: string, input: unknown): void {
  check(operation, inputs[operation], input)
  if (typeof input === 'object' && input !== null && 'filter' in input)
    check(`the filter of ${operation}`, filters[operation], input.filter)
}

function check(what: string, names: Readonly<Record<string, boolean>> | undefined, input: unknown): void {
  if (names === undefined || typeof input !== 'object' || input === null) return
  const unknown = Object.keys(input).find((name) => !Object.hasOwn(names, name))
  if (unknown !== undefined)
    throw refused(`\`${unknown}\` is unknown to ${what}: it takes ${Object.keys(names).join(', ')}.`)
  const missing = Object.keys(names).find((name) => names[name] && Reflect.get(input, name) === undefined)
  if (missing !== undefined) throw refused(`\`${missing}\` is missing: ${what} needs it.`)
}

const refused = (message: string) => new CountersignError('BAD_USER_INPUT', message)
