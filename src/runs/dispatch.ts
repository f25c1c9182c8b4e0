import { isDeepStrictEqual } from 'node:util'
import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { ToolExecutionOptions } from '@ai-sdk/provider-utils'
import { type Agent, type AgentTool, type Execute, execute } from '../agents/agent.ts'
import { fingerprint } from '../approvals/fingerprint.ts'
import { CountersignError } from '../errors.ts'
import { type JsonObject, readJsonObject } from '../json.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { argumentsOf, type Call } from './fold.ts'
import type { CallOutcome } from './journal.ts'

// The gate. This file is the only place that enters a tool's `execute`, and it does so only for a permit, which only `admit` makes.

declare const permitted: unique symbol
/** The right to make one call, once, while the lease lasts. Known by identity: nothing else that looks like one is one. */
export type Permit = { readonly [permitted]: never }

type Grant = {
  readonly enter: Execute
  readonly call: Call
  readonly input: JsonObject
  readonly isHeld: () => boolean
}
const grants = new WeakMap<Permit, Grant>()

export type Admission =
  | { readonly verdict: 'admitted'; readonly permit: Permit }
  /** The call is a run of this agent. */
  | { readonly verdict: 'delegated'; readonly agent: Agent; readonly message: string }
  /** It was made elsewhere, and whoever decided said how it ended: nothing is made here. */
  | { readonly verdict: 'answered'; readonly outcome: CallOutcome }
  /** The call does not run; the model is told why and the run goes on. */
  | { readonly verdict: 'refused'; readonly why: string }
  /** What is on record contradicts itself: the run must fail. */
  | { readonly verdict: 'tampered'; readonly why: string }

/** Approval records as the store has them, read since the run was claimed. */
type Records = { readonly approvals: Pick<Store['approvals'], 'get'> }

/**
 * Asks whether a call may run now, of its record and not of the request or of memory.
 *
 * @param isHeld whether the run's lease has time left: asked again in the tick that enters the tool.
 * @throws CountersignError STORE_UNAVAILABLE: an unreadable record permits nothing.
 */
export async function admit(
  call: Call,
  run: RunRecord,
  tool: AgentTool | undefined,
  { approvals }: Records,
  isHeld: () => boolean,
): Promise<Admission> {
  const { proposed } = call
  const refused = (why: string): Admission => ({ verdict: 'refused', why: refusal(call, why) })
  if (call.startedAt !== null || proposed.invalid !== null) return refused('it was made before, or is no valid call')
  if (!tool) return refused(`the tool '${proposed.toolName}' is no longer there`)
  if (proposed.inputSchema !== tool.schemaDigest)
    return refused(`the parameters of '${tool.name}' have changed since it was proposed`)
  if (proposed.fingerprint !== fingerprint(tool.name, tool.schemaDigest, proposed.arguments)) {
    return tampered(`The journaled arguments of ${proposed.callId} do not belong to its fingerprint.`)
  }
  const approval = proposed.gate?.approval ?? null
  if (needsMoreNow(call, tool)) return refused(`'${tool.name}' is guarded more strictly now than when it was proposed`)
  if (proposed.gate !== null && call.decision?.verdict !== 'APPROVED') return refused('nobody approved it')
  if (approval !== null) {
    const record = proposed.approvalId && (await approvals.get(proposed.approvalId))
    if (!record) return refused('its approval record is missing')
    const wrong = contradiction(record, call, run)
    if (wrong) return tampered(wrong)
    if (record.status !== 'APPROVED') return refused(`its approval is ${record.status}`)
  }
  if (call.doubt !== null) {
    const record = await approvals.get(call.doubt.approvalId)
    if (!record) return refused('the approval to make it again is missing')
    const wrong = otherCall(record, call, run) ?? otherPermission(record, call)
    if (wrong) return tampered(wrong)
    if (!allowsAgain(record)) return refused('nobody approved to make it again')
  }
  if (proposed.gate?.pause === 'EXTERNAL_EXECUTION') {
    const outcome = call.decision?.outcome
    return outcome ? { verdict: 'answered', outcome } : refused('nobody said how it ended')
  }
  if (tool.agent) {
    const { message } = readJsonObject(argumentsOf(call))
    return { verdict: 'delegated', agent: tool.agent, message: String(message) }
  }
  const enter = tool[execute]
  if (enter === null) return refused(`'${tool.name}' is executed elsewhere now`)
  const permit = Object.freeze({}) as Permit
  grants.set(permit, { enter, call, input: readJsonObject(argumentsOf(call)), isHeld })
  return { verdict: 'admitted', permit }
}

const refusal = ({ mayHaveHappened }: Call, why: string): string =>
  mayHaveHappened
    ? `The call was cut off, and nobody knows whether it happened. It was not made again: ${why}.`
    : `The call did not run: ${why}.`
const tampered = (why: string): Admission => ({ verdict: 'tampered', why })

/** A gate added or raised since the proposal holds, but what `when` said then stands. */
function needsMoreNow({ proposed }: Call, { gate }: AgentTool): boolean {
  if (gate === null || (gate.when !== null && proposed.when === 'no')) return false
  return proposed.gate === null || tiers.indexOf(gate.approval) > tiers.indexOf(proposed.gate.approval)
}

const tiers = [null, 'AUDIT', 'REQUIRED'] as const

/** How an approval record does not belong to the call it is asked for, or null when it does. */
function contradiction(record: ApprovalRecord, call: Call, run: RunRecord): string | null {
  const { proposed, decision } = call
  const name = `The approval ${record.id}`
  const other = otherCall(record, call, run)
  if (other !== null) return other
  if (record.kind !== proposed.gate?.pause || record.type !== proposed.gate.approval)
    return `${name} asks for something else than the call it was made for.`
  const schema = proposed.inputSchema ?? ''
  if (
    record.fingerprint !== proposed.fingerprint ||
    record.arguments !== proposed.arguments ||
    fingerprint(record.toolName, schema, record.arguments) !== record.fingerprint
  ) {
    return `${name} shows other arguments than the call it was made for.`
  }
  const { resolution } = record
  if (record.status === 'APPROVED' && resolution?.status !== 'APPROVED')
    return `${name} is APPROVED without a decision.`
  const isSame = (['arguments', 'values', 'outcome'] as const).every((part) =>
    isDeepStrictEqual(resolution?.[part] ?? null, decision?.[part] ?? null),
  )
  if (!isSame) return `${name} was decided with other arguments than the journal says.`
  const final = argumentsOf(call)
  if (final !== proposed.arguments && resolution?.fingerprint !== fingerprint(record.toolName, schema, final)) {
    return `The edited arguments of ${record.id} do not belong to their fingerprint.`
  }
  return null
}

const otherCall = (record: ApprovalRecord, { proposed }: Call, run: RunRecord): string | null =>
  record.tenant !== run.tenant ||
  record.runId !== run.id ||
  record.callId !== proposed.callId ||
  record.agentName !== run.agentName ||
  record.requestedBy !== run.requestedBy ||
  record.toolName !== proposed.toolName
    ? `The approval ${record.id} belongs to another call.`
    : null

/** How a reconciliation is not about what will run, or null when it is. */
function otherPermission(
  { id, kind, arguments: shown, fingerprint: print }: ApprovalRecord,
  call: Call,
): string | null {
  const { toolName, inputSchema } = call.proposed
  const final = argumentsOf(call)
  return kind !== 'RECONCILIATION' || shown !== final || print !== fingerprint(toolName, inputSchema ?? '', final)
    ? `The approval ${id} shows another call than the one that was cut off.`
    : null
}

/** Only by a decision: nothing else says that it is to be made again. */
const allowsAgain = ({ status, resolution }: ApprovalRecord): boolean =>
  status === 'APPROVED' && resolution?.cause === 'DECISION' && resolution.outcome === null

export type DispatchOptions = { readonly abortSignal: AbortSignal; readonly prompt: LanguageModelV4Prompt }

/**
 * Makes the call that a permit is for, and gives what its `execute` gives (the last value of a stream of them).
 *
 * @throws CountersignError NOT_PERMITTED, with nothing run, when the permit is none, was used, or its lease is over; else what the tool throws.
 */
export async function dispatch(permit: Permit, { abortSignal, prompt }: DispatchOptions): Promise<unknown> {
  const grant = grants.get(permit)
  grants.delete(permit)
  if (!grant)
    throw new CountersignError('NOT_PERMITTED', 'This is no permit, or it was used before. The tool did not run.')
  const { enter, call, input, isHeld } = grant
  const options = { toolCallId: call.proposed.callId, abortSignal, messages: prompt, context: {} }
  if (!isHeld()) throw new CountersignError('NOT_PERMITTED', 'The lease of the run is over. The tool did not run.')
  const result = enter(input, options as unknown as ToolExecutionOptions<never>)
  if (!isAsyncIterable(result)) return result
  let last: unknown
  for await (const value of result) last = value
  return last
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value
