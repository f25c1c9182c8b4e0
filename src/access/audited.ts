import type { Logger } from 'pino'
import { CountersignError } from '../errors.ts'
import { isApprovalId, isRunId } from '../ids.ts'
import type { CancelRunResult, ContinueRunResult, ResolveApprovalResult, RevealArgumentResult } from '../results.ts'
import type { Principal } from './principal.ts'

/** An operation as it was asked for, by any way. */
export type Asked = {
  /** Its name in the API. */
  readonly operation: string
  readonly principal: Principal
  /** Null for the library's: there is no request. */
  readonly requestId: string | null
  readonly input: unknown
}

type Answer = ContinueRunResult | CancelRunResult | ResolveApprovalResult | RevealArgumentResult

/** Does it, and logs what an audit asks for: that it was refused, or what was decided or looked at. Of the input only ids are logged. */
export async function audited<Result>(
  log: Pick<Logger, 'info' | 'warn'>,
  { operation, principal, requestId, input }: Asked,
  work: () => Promise<Result>,
): Promise<Result> {
  const { id, tenant, actor } = principal
  const who = { operation, requestId, principal: id, tenant, ...(actor !== undefined && { actor }) }
  const refused = (reason: string) => log.warn({ ...who, reason, ...idsIn(input) }, 'operation refused')
  try {
    const result = await work()
    if (isAnswer(result)) {
      if (result.__typename === 'ForbiddenError') refused('FORBIDDEN')
      else if (result.__typename === 'NotFoundError') refused('NOT_FOUND')
      else logDone(log, who, input, result)
    }
    return result
  } catch (error) {
    if (error instanceof CountersignError && (error.code === 'NOT_FOUND' || error.code === 'RATE_LIMITED'))
      refused(error.code)
    throw error
  }
}

function logDone(log: Pick<Logger, 'info'>, who: object, input: unknown, result: Answer): void {
  if (result.__typename === 'ResolveApprovalSuccess') {
    const { id: approvalId, runId, status, revision } = result.approval
    log.info({ ...who, approvalId, runId, status, revision }, 'approval resolved')
  } else if (result.__typename === 'RevealArgumentSuccess') {
    const { id: approvalId, runId, revision } = result.approval
    log.info({ ...who, approvalId, runId, revision }, 'argument revealed')
  } else if (result.__typename === 'ContinueRunSuccess') {
    const { answers } = input as { answers?: readonly { callId: string }[] | null }
    const callIds = answers?.map(({ callId }) => callId) ?? []
    // They were found to be calls that wait for this principal.
    if (callIds.length > 0) log.info({ ...who, runId: result.run.id, callIds }, 'calls answered')
  }
}

/** The unions' members; what a read gives has no such name. */
const isAnswer = (result: unknown): result is Answer =>
  typeof result === 'object' && result !== null && '__typename' in result

/** What was asked for, where it has the form of an id: what else stands there is anything. */
function idsIn(input: unknown): { runId?: string; approvalId?: string } {
  const { runId, approvalId, id } = (input ?? {}) as Record<string, string>
  const [run] = [runId].filter((text) => text !== undefined && isRunId(text))
  const [approval] = [approvalId, id].filter((text) => text !== undefined && isApprovalId(text))
  return { ...(run !== undefined && { runId: run }), ...(approval !== undefined && { approvalId: approval }) }
}
