import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import type { ApprovalId, CallId, PrincipalId, RunId } from '../ids.ts'
import { type JsonText, sha256 } from '../json.ts'
import { approvalTypes, type EntryRecord, expiryActions, failureCodes, pauseKinds } from '../store/records.ts'

// The journal's vocabulary: what can happen in a run. Everything else about a run is a fold over these entries.

const id = <T extends string>() => z.custom<T>((value) => typeof value === 'string')
const runId = id<RunId>()
const callIdSchema = id<CallId>()
const approvalIdSchema = id<ApprovalId>()
const principal = id<PrincipalId>()
/** The service that did it for them; missing when they did it themselves. */
const actor = principal.optional()
const jsonText = id<JsonText>()

/** What somebody must say before the call may run, as the tool's definition and `when` had it at proposal. */
const gate = z.object({
  pause: z.enum(pauseKinds),
  approval: z.enum(approvalTypes).nullable(),
})
/** `when`'s verdict: not asked (there is none), yes, no, or that it threw (which counts as yes). */
const when = z.enum(['not-asked', 'yes', 'no', 'threw'])

const proposedCall = z.object({
  callId: callIdSchema,
  /** The provider's own id, for the prompt only: it may repeat. */
  providerCallId: z.string(),
  toolName: z.string(),
  arguments: jsonText,
  /** What of them is not to be shown, as the tool's definition had it at proposal. */
  sensitive: z.array(z.array(z.string()).readonly()).readonly().default([]),
  /** Digest of the tool's input schema; null for a call that is no valid call. */
  inputSchema: z.string().nullable(),
  fingerprint: z.string().nullable(),
  gate: gate.nullable(),
  when,
  /** JSON Schema of the values or the result that the answer carries; null where it carries none. */
  answerSchema: jsonText.nullable().default(null),
  approvalId: approvalIdSchema.nullable(),
  expiresAt: z.number().nullable(),
  remindAt: z.array(z.number()).default([]),
  /** What becomes of the run when nobody decides in time, as the tool's definition had it at proposal. */
  onExpiry: z.enum(expiryActions).default('EXPIRE'),
  /** Set when the call cannot run: unknown tool, unparsable or invalid arguments. The model is told. */
  invalid: z.string().nullable(),
})
export type ProposedCall = Readonly<z.infer<typeof proposedCall>>

const outcome = z.union([z.object({ result: jsonText }), z.object({ error: z.string() })])

/** What was decided on a call, as it was heard from the approval record or from the requester. */
const decision = z.object({
  callId: callIdSchema,
  verdict: z.enum(['APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED']),
  by: principal.nullable(),
  /** For the model, when rejected. */
  message: z.string().nullable(),
  note: z.string().nullable(),
  /** The arguments to run with, when an approver edited them; else null. */
  arguments: jsonText.nullable(),
  values: jsonText.nullable(),
  outcome: outcome.nullable(),
  /** The approval record's revision; null for a requester's answer to a plain pause. */
  revision: z.number().nullable(),
})
export type CallDecision = Readonly<z.infer<typeof decision>>

export type CallOutcome = Readonly<z.infer<typeof outcome>>

const bodies = [
  z.object({
    type: z.literal('started'),
    tenant: z.string(),
    agentName: z.string(),
    requestedBy: principal,
    actor,
    message: z.string(),
    history: z.array(z.object({ runId, seq: z.number() })),
    /** How many messages of these runs the model is sent, at most. */
    historyMessages: z.number().default(Number.MAX_SAFE_INTEGER),
  }),
  z.object({
    type: z.literal('model-responded'),
    /** The ordered content array as the model sent it, as JSON text: sent back as it was. */
    content: jsonText,
    text: z.string().nullable(),
    usage: z.object({ inputTokens: z.number().nullable(), outputTokens: z.number().nullable() }),
  }),
  z.object({ type: z.literal('proposed'), calls: z.array(proposedCall) }),
  z.object({ type: z.literal('paused') }),
  z.object({ type: z.literal('answered'), by: principal, actor, decisions: z.array(decision) }),
  z.object({ type: z.literal('decided'), decisions: z.array(decision) }),
  z.object({ type: z.literal('resumed'), by: principal.optional(), actor }),
  z.object({ type: z.literal('call-started'), callId: callIdSchema }),
  z.object({
    /** The attempt was cut off: it may be made again, or (with an approval) nobody knows whether it happened. */
    type: z.literal('interrupted'),
    callId: callIdSchema,
    approvalId: approvalIdSchema.nullable(),
    /** The tool was asked, and said so. */
    didNotHappen: z.boolean(),
  }),
  z.object({
    type: z.literal('call-finished'),
    callId: callIdSchema,
    outcome,
    /** The tool's own words for the model (`toModelOutput`), when it has any, as JSON text. */
    modelOutput: jsonText.nullable(),
  }),
  z.object({ type: z.literal('child-started'), callId: callIdSchema, childId: runId }),
  z.object({ type: z.literal('completed'), output: z.string() }),
  z.object({ type: z.literal('failed'), code: z.enum(failureCodes), message: z.string() }),
  z.object({ type: z.literal('cancelled'), by: principal.nullable(), actor, reason: z.string().nullable() }),
] as const

const place = z.object({
  v: z.literal(1),
  runId,
  seq: z.number(),
  at: z.number(),
  fence: z.number(),
  /** Made anew for each attempt to write: an entry is mine only if it has my nonce. */
  nonce: z.string(),
  /** SHA-256 of the text of the entry before; '' for the first. */
  prev: z.string(),
})

const entrySchema = z.intersection(place, z.discriminatedUnion('type', bodies))

export type EntryBody = Readonly<z.infer<(typeof bodies)[number]>>
export type Place = Readonly<z.infer<typeof place>>
export type Entry = Place & EntryBody
export type EntryOf<Type extends Entry['type']> = Extract<Entry, { type: Type }>

/** The entry as it is kept. */
export const writeEntry = (entry: Entry): EntryRecord => ({
  runId: entry.runId,
  seq: entry.seq,
  text: JSON.stringify(entry),
})

/**
 * Reads kept entries, that must follow each other from `prev` on.
 *
 * @throws CountersignError TAMPERED when an entry is not the one its follower was written after, or is none at all;
 * UNSUPPORTED_VERSION when a newer program wrote it.
 */
export function readEntries(records: readonly EntryRecord[], from: { seq: number; prev: string }): Entry[] {
  let { seq, prev } = from
  return records.map((record) => {
    seq += 1
    const entry = readEntry(record)
    if (record.seq !== seq || entry.seq !== seq || entry.runId !== record.runId || entry.prev !== prev) {
      throw new CountersignError('TAMPERED', `The journal of ${record.runId} is broken at entry ${record.seq}.`)
    }
    prev = sha256(record.text)
    return entry
  })
}

/** Reads one kept entry, without regard to what is around it. */
export function readEntry(record: EntryRecord): Entry {
  const raw = parseText(record)
  if (raw?.v !== 1) {
    throw new CountersignError(
      'UNSUPPORTED_VERSION',
      `Entry ${record.seq} of ${record.runId} has version ${raw?.v}; this program reads 1.`,
    )
  }
  const parsed = entrySchema.safeParse(raw)
  if (!parsed.success) {
    throw new CountersignError(
      'TAMPERED',
      `Entry ${record.seq} of ${record.runId} is no journal entry: ${z.prettifyError(parsed.error)}`,
    )
  }
  return parsed.data
}

function parseText({ runId, seq, text }: EntryRecord) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CountersignError('TAMPERED', `Entry ${seq} of ${runId} is no JSON.`, { cause })
  }
}
