import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import { CountersignError } from './errors.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** `run_` and 32 hex digits. */
export type RunId = Branded<'RunId'>
/** `call_<run>_<seq>_<index>`: the call's place in the journal, and so globally unique. */
export type CallId = Branded<'CallId'>
/** `apr_<run>_<seq>_<index>`: follows from the call it decides; for a reconciliation with the place of the attempt behind it. */
export type ApprovalId = Branded<'ApprovalId'>
/** `prn_` and the id that authentication gave. */
export type PrincipalId = Branded<'PrincipalId'>
/** `key_` and 16 hex digits: an API key, by what may be shown of it. */
export type KeyId = Branded<'KeyId'>

const runPattern = /^run_([0-9a-f]{32})$/
const callPattern = /^call_([0-9a-f]{32})_([1-9]\d{0,8})_(\d{1,5})$/
const approvalPattern = /^apr_([0-9a-f]{32})_([1-9]\d{0,8})_(\d{1,5})(_[1-9]\d{0,8})?$/
const keyPattern = /^key_[0-9a-f]{16}$/
const principalPattern = /^prn_.{1,250}$/su

export const newRunId = (): RunId => `run_${uuid().replaceAll('-', '')}` as RunId

export const newKeyId = (): KeyId => `key_${randomBytes(8).toString('hex')}` as KeyId

/** With an idempotency key the run's id follows from who asks and the key, so that two requests at once make one run. */
export const runIdForKey = (tenant: string, requester: PrincipalId, key: string): RunId =>
  `run_${createHash('sha256')
    .update(JSON.stringify([tenant, requester, key]))
    .digest('hex')
    .slice(0, 32)}` as RunId

export const callId = (runId: RunId, seq: number, index: number): CallId =>
  `call_${runId.slice(4)}_${seq}_${index}` as CallId

/** The run that a call of an agent begins: its id follows from the call's, so that no call begins two. */
export const childRunId = (call: CallId): RunId =>
  `run_${createHash('sha256').update(call).digest('hex').slice(0, 32)}` as RunId

export const approvalIdOf = (call: CallId): ApprovalId => `apr_${call.slice(5)}` as ApprovalId

/** Of the attempt that was begun at this place of the journal, when nobody knows how it ended. */
export const reconciliationIdOf = (call: CallId, startedSeq: number): ApprovalId =>
  `${approvalIdOf(call)}_${startedSeq}` as ApprovalId

export const callIdOf = (approval: ApprovalId): CallId =>
  `call_${approval.slice(4).split('_').slice(0, 3).join('_')}` as CallId

/** The run a call belongs to: its id says so. */
export const runIdOfCall = (call: CallId): RunId => `run_${call.slice(5, 37)}` as RunId

// Also of what is no text, which a pattern would make one of: without GraphQL nothing has looked at an id before.
export const isRunId = (text: string): text is RunId => typeof text === 'string' && runPattern.test(text)
export const isCallId = (text: string): text is CallId => typeof text === 'string' && callPattern.test(text)
export const isApprovalId = (text: string): text is ApprovalId => typeof text === 'string' && approvalPattern.test(text)
export const isPrincipalId = (text: string): text is PrincipalId => principalPattern.test(text) && text.isWellFormed()
export const isKeyId = (text: string): text is KeyId => typeof text === 'string' && keyPattern.test(text)

/**
 * The principal id for the id that an authentication gives: `alice` and `prn_alice` are the same principal.
 *
 * @throws CountersignError INVALID_PRINCIPAL when it is empty or longer than 250 characters.
 */
export function principalId(id: string): PrincipalId {
  const prefixed = id.startsWith('prn_') ? id : `prn_${id}`
  if (!isPrincipalId(prefixed)) {
    throw new CountersignError('INVALID_PRINCIPAL', 'A principal id has 1 to 250 characters.')
  }
  return prefixed
}
