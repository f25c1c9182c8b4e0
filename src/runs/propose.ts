import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent, AgentTool, Deadline, WhenOptions } from '../agents/agent.ts'
import { type ProposedFor, pendingApproval } from '../approvals/approval.ts'
import { fingerprint } from '../approvals/fingerprint.ts'
import type { Limits } from '../engine.ts'
import { approvalIdOf, callId as makeCallId, reconciliationIdOf } from '../ids.ts'
import { byteLength, isJsonObject, type JsonObject, type JsonText, parseJson, toJsonText } from '../json.ts'
import type { ApprovalRecord, PauseKind, RunRecord } from '../store/records.ts'
import type { ModelAnswer } from './collect-answer.ts'
import { argumentsOf, type Call } from './fold.ts'
import type { ProposedCall } from './journal.ts'

export type Proposal = { readonly calls: readonly ProposedCall[]; readonly approvals: readonly ApprovalRecord[] }

type Where = {
  readonly run: RunRecord
  /** The place the `proposed` entry will have: the calls' ids are made from it. */
  readonly seq: number
  readonly now: number
  readonly limits: Limits
  readonly prompt: LanguageModelV4Prompt
}

/** Reads the calls that a model asked for: each is valid and perhaps needs somebody's word, or it is told what is wrong with it. */
export async function propose(agent: Agent, asked: ModelAnswer['toolCalls'], where: Where): Promise<Proposal> {
  const proposals = await Promise.all(asked.map((call, index) => proposeOne(agent, call, index, where)))
  return { calls: proposals.map(({ call }) => call), approvals: proposals.flatMap(({ approval }) => approval ?? []) }
}

type Asked = ModelAnswer['toolCalls'][number]
type One = { readonly call: ProposedCall; readonly approval: ApprovalRecord | null }

async function proposeOne(agent: Agent, asked: Asked, index: number, where: Where): Promise<One> {
  const callId = makeCallId(where.run.id, where.seq, index)
  const isTooMany = index >= mostCalls
  const tool = agent.tools.get(asked.toolName)
  const base = {
    callId,
    providerCallId: asked.toolCallId.toWellFormed(),
    toolName: asked.toolName.toWellFormed(),
    sensitive: tool?.sensitive ?? [],
  }
  const read = isTooMany
    ? tooMany
    : tool
      ? await readArguments(tool, asked.input, where.limits)
      : unknownTool(agent, asked.toolName)
  if (!tool || 'invalid' in read) {
    const { invalid, given } = 'invalid' in read ? read : { invalid: 'There is no such tool.', given: undefined }
    const nothing = { inputSchema: null, fingerprint: null, when: 'not-asked' as const, answerSchema: null }
    return { call: { ...base, ...ungated, ...nothing, arguments: given ?? emptyObject, invalid }, approval: null }
  }
  // A call that nobody is asked about has what nobody filled in as the schema would have it, and is let go as that.
  const whole = await completeInput(tool, read, where.limits)
  const options = { toolCallId: callId, messages: where.prompt as WhenOptions['messages'] }
  const when = whole ? await askWhen(tool, whole.value, options) : 'not-asked'
  const free = tool.gate === null || when === 'no' ? whole : null
  const { text } = free ?? read
  const known = {
    ...base,
    arguments: text,
    inputSchema: tool.schemaDigest,
    fingerprint: fingerprint(tool.name, tool.schemaDigest, text),
    when,
    invalid: null,
  }
  if (tool.gate === null || free !== null) return { call: { ...known, ...ungated, answerSchema: null }, approval: null }
  const { pause, approval, deadline } = tool.gate
  const approvalId = approval === null ? null : approvalIdOf(callId)
  const answerSchema = answerSchemaOf(tool, pause, read.value)
  const call: ProposedCall = {
    ...known,
    ...(deadline ? dated(deadline, where.now) : undated),
    gate: { pause, approval },
    answerSchema,
    approvalId,
  }
  const record = approval === 'REQUIRED' ? pendingApproval(where.run, recordFor(call, tool, where.now)) : null
  return { call, approval: record }
}

/** The input with a person's fields as the schema fills them in, or null when it cannot: then a person is needed, whatever a condition would say. */
async function completeInput({ personFields, schema, gate }: AgentTool, read: Input, limits: Limits) {
  if (personFields === null) return read
  if (!gate?.when) return null
  const parsed = await schema.parse(read.value)
  if (!parsed.ok) return null
  const filled = Object.entries(parsed.value).filter(([field]) => personFields.fields.includes(field))
  const value = { ...read.value, ...Object.fromEntries(filled) }
  const text = toJsonText(value)
  return byteLength(text) <= limits.arguments ? { value, text } : null
}

function answerSchemaOf({ personFields, outputSchema }: AgentTool, pause: PauseKind, input: JsonObject) {
  if (personFields) return toJsonText(personFields.schemaFor(input))
  return pause === 'EXTERNAL_EXECUTION' ? toJsonText(outputSchema) : null
}

function dated({ expiresInMs, onExpiry, remindBeforeMs }: Deadline, now: number) {
  const expiresAt = now + expiresInMs
  return { expiresAt, onExpiry, remindAt: remindBeforeMs.map((before) => expiresAt - before) }
}

const undated = { expiresAt: null, onExpiry: 'EXPIRE' as const, remindAt: [] }
const ungated = { ...undated, gate: null, approvalId: null }
const emptyObject = toJsonText({})

type Input = { readonly value: JsonObject; readonly text: JsonText }
type Read = Input | { readonly invalid: string; readonly given?: JsonText }

/** Of one answer: each is a record to decide, and every decision looks at all that are open. */
const mostCalls = 128
const tooMany: Read = {
  invalid: `The call was not made: at most ${mostCalls} calls at once. Ask again for the others.`,
}

const unknownTool = (agent: Agent, name: string): Read => ({
  invalid: `There is no tool '${name.toWellFormed().slice(0, 100)}'. The tools are: ${[...agent.tools.keys()].join(', ') || 'none'}.`,
})

async function readArguments(tool: AgentTool, input: string, limits: Limits): Promise<Read> {
  if (byteLength(input) > limits.arguments)
    return { invalid: `The arguments are longer than ${limits.arguments} bytes.` }
  try {
    // Some providers send nothing at all for a call without arguments.
    const given = parseJson(input.trim() === '' ? '{}' : input)
    if (!isJsonObject(given)) return { invalid: 'The arguments must be a JSON object.' }
    const parsed = await tool.modelSchema.parse(given)
    if (!parsed.ok)
      return { invalid: `The arguments are invalid. ${issueText(parsed.issues)}`, given: toJsonText(given) }
    const text = toJsonText(parsed.value)
    if (byteLength(text) > limits.arguments)
      return { invalid: `The arguments are longer than ${limits.arguments} bytes.` }
    return { value: parsed.value, text }
  } catch (error) {
    return { invalid: `The arguments are invalid. ${error instanceof Error ? error.message : error}` }
  }
}

const issueText = (issues: readonly { path: readonly string[]; message: string }[]) =>
  issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; ')

async function askWhen(tool: AgentTool, input: JsonObject, options: WhenOptions): Promise<ProposedCall['when']> {
  if (!tool.gate?.when) return 'not-asked'
  try {
    // Its own copy: what is recorded and shown is not what a condition may have changed.
    // Only a plain no is one: a condition that says nothing has not freed the call.
    return (await tool.gate.when(structuredClone(input), options)) === false ? 'no' : 'yes'
  } catch {
    return 'threw'
  }
}

/** The question whether a call happened that was cut off. */
export function reconciliation(run: RunRecord, call: Call, tool: AgentTool | undefined, at: number): ApprovalRecord {
  const { proposed, startedSeq } = call
  const args = argumentsOf(call)
  // One whose parameters have changed is another tool.
  const same = tool?.schemaDigest === proposed.inputSchema ? tool : undefined
  return pendingApproval(run, {
    ...recordFor(proposed, same, at),
    approvalId: reconciliationIdOf(proposed.callId, startedSeq ?? 0),
    kind: 'RECONCILIATION',
    type: 'REQUIRED',
    arguments: args,
    fingerprint: fingerprint(proposed.toolName, proposed.inputSchema ?? '', args),
    answerSchema: toJsonText(same?.outputSchema ?? {}),
    ...{ expiresAt: null, remindAt: [] },
  })
}

/** What the record of a gated call takes from it; the tool gives what the journal does not keep. */
export function recordFor(
  { callId, approvalId, toolName, gate, arguments: args, sensitive, fingerprint: print, ...call }: ProposedCall,
  tool: AgentTool | undefined,
  at: number,
): ProposedFor {
  return {
    callId,
    approvalId: approvalId ?? approvalIdOf(callId),
    toolName,
    toolDescription: tool?.description ?? null,
    inputSchema: tool?.schemaText ?? emptyObject,
    kind: gate?.pause ?? 'CONFIRMATION',
    type: gate?.approval ?? 'REQUIRED',
    arguments: args,
    sensitive,
    fingerprint: print ?? '',
    answerSchema: call.answerSchema,
    expiresAt: call.expiresAt,
    remindAt: call.remindAt,
    at,
  }
}
