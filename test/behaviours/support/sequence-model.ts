import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '../../../src/access/principal.ts'
import type { ApprovalId } from '../../../src/ids.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import { factsOf, type PlannedCall, type ToolName } from './sequence-tools.ts'
import type { Said } from './sequence-words.ts'

// What may run, said as simply as it can be: a call of the model, one word of the right person on exactly that call, one execution with
// exactly what was allowed. It knows nothing of how the engine comes to it, and shares no code with it.

/** A call that is on record, as the model asked for it. */
export type CallFact = PlannedCall & {
  readonly run: RunFact
  readonly id: string
  /** For people: the first call of run A's second turn is A2.1. */
  readonly name: string
  readonly expiresAt: number | null
  /** What its journal says of it so far. */
  heard: string | null
  startedSeq: number | null
  /** A crash cut it off: somebody is asked, by a second approval, what became of it. */
  doubt: { readonly approvalId: string; isOpen: boolean } | null
  outcome: { readonly result?: string; readonly error?: string } | null
  /** When somebody changed its approval in the database. */
  tamperedAt: number | null
}

export type RunFact = {
  readonly name: string
  readonly requester: Principal
  readonly calls: CallFact[]
  /** The first place after which a cancel is on record. */
  cancelSeq: number | null
  /** When somebody was told that it is cancelled. */
  cancelledAt: number | null
  /** How it ended, by its journal. */
  end: 'completed' | 'failed' | 'cancelled' | null
}

/** One person's decision on one call. Moments are counted, not measured. */
export type Word = {
  readonly via: 'resolve' | 'answer'
  readonly by: Principal
  /** Null when it names no call of the run, or of any. */
  readonly call: CallFact | null
  /** What the person was shown. */
  readonly shown: JsonObject
  readonly said: Said
  /** Whether all that the person expects holds. */
  readonly expects: boolean
  readonly askedAt: number
  readonly askedTime: number
  /** 'lost': the process died before it answered, so it may count or not. */
  state: 'asked' | 'accepted' | 'refused' | 'lost'
}

export type Execution = {
  readonly tool: ToolName
  readonly callId: string
  readonly input: JsonValue
  readonly at: number
  /** What was on record when the tool was entered; null when nobody could read it. */
  onRecord: { readonly isStarted: boolean; readonly verdict: string | null; readonly approval: string | null } | null
}

export type Facts = {
  readonly runs: RunFact[]
  readonly words: Word[]
  readonly executions: Execution[]
}

const has = ({ roles }: Principal, ...any: string[]) => roles.some((role) => any.includes(role))
const isSame = (one: Principal, other: Principal) => one.tenant === other.tenant && one.id === other.id

export const maySteer = (person: Principal, { requester }: RunFact): boolean =>
  person.tenant === requester.tenant &&
  (has(person, 'ADMIN') || (isSame(person, requester) && has(person, 'REQUESTER')))

/** Why a word must be refused; null when it may count. */
export function objection(word: Word, words: readonly Word[]): string | null {
  const { call, by, via, said } = word
  if (!call) return 'there is no such call'
  const { tier } = factsOf(call.tool)
  if (!call.isGated) return 'the call needs nobody'
  if (!word.expects) return 'it is not what the person expected'
  if (!said.fits) return 'the decision does not fit the call'
  if (via === 'answer' && tier === 'required') return 'an approver decides the call'
  if (via === 'answer' && !maySteer(by, call.run)) return 'this person may not answer'
  if (via === 'resolve' && tier !== 'required') return 'its requester decides the call'
  if (via === 'resolve' && !mayDecide(by, call.run)) return 'this person may not decide'
  if (words.some((other) => other !== word && other.call === call && other.state === 'accepted'))
    return 'the call is decided already'
  if (call.expiresAt !== null && word.askedTime >= call.expiresAt) return 'it is too late'
  if (call.run.cancelledAt !== null && call.run.cancelledAt < word.askedAt) return 'the run was cancelled'
  return null
}

const mayDecide = (person: Principal, { requester }: RunFact) =>
  person.tenant === requester.tenant && has(person, 'APPROVER', 'ADMIN') && !isSame(person, requester)

/** The words that may be what was decided on a call: the one that was accepted, or those whose answer nobody heard. */
export function wordsOn(call: CallFact, words: readonly Word[]): readonly Word[] {
  const on = words.filter((word) => word.call === call)
  const accepted = on.filter(({ state }) => state === 'accepted')
  return accepted.length > 0
    ? accepted
    : on.filter((word) => word.state !== 'refused' && objection(word, words) === null)
}

/** What is wrong with an execution; null when it was allowed. */
export function whyNotAllowed(execution: Execution, { runs, words, executions }: Facts): string | null {
  const { tool, callId, input, at, onRecord } = execution
  const call = runs.flatMap(({ calls }) => calls).find(({ id }) => id === callId)
  if (!call) return 'no model asked for it'
  if (call.tool !== tool) return `the model asked for ${call.tool}`
  if (call.arguments === null) return 'it is no valid call'
  const { tier, pause } = factsOf(tool)
  if (call.isGated && pause === 'external-execution') return 'it is made elsewhere'
  if (executions.some((other) => other !== execution && other.callId === callId)) return 'it ran twice'
  if (onRecord?.isStarted === false || call.startedSeq === null) return 'it was not on record when it began'
  const { cancelSeq, cancelledAt } = call.run
  if (cancelSeq !== null && call.startedSeq > cancelSeq) return 'the run was cancelled before'
  if (cancelledAt !== null && cancelledAt < at) return 'the run is cancelled'
  if (!call.isGated) return isDeepStrictEqual(input, call.arguments) ? null : 'the model asked for other arguments'

  const said = wordsOn(call, words)
  if (said.length === 0) return 'nobody approved it'
  if (said.every(({ said }) => said.verdict === 'REJECTED')) return 'it was rejected'
  if (said.every(({ askedAt }) => askedAt > at)) return 'it ran before anybody approved it'
  if (call.tamperedAt !== null && call.tamperedAt < at) return 'its approval was changed in the database'
  if (!said.some((word) => isDeepStrictEqual(input, approvedInput(word)))) return 'other arguments were approved'
  if (onRecord !== null && onRecord.verdict !== 'APPROVED') return 'the journal did not say that it was approved'
  if (tier !== 'plain' && onRecord !== null && onRecord.approval !== 'APPROVED')
    return 'its approval record did not say that it was approved'
  return null
}

const approvedInput = ({ shown, said }: Word) => ({ ...(said.edit ?? shown), ...said.values })

/** How an ended run is, beside its executions. */
export function whatIsWrong(run: RunFact, approvals: readonly ApprovalRecord[], facts: Facts): string[] {
  const recorded = run.calls.filter((call) => isRecorded(call, facts) !== 'no').map(({ id }) => approvalIdOf(id))
  const expected: string[] = [...recorded, ...run.calls.flatMap(({ doubt }) => doubt?.approvalId ?? [])]
  return [
    ...run.calls.flatMap((call) => problemsOf(call, approvals, facts)),
    ...approvals.filter(({ id }) => !expected.includes(id)).map(({ id }) => `${id} is of no call that has an approval`),
  ]
}

/** What people say of a call that a crash cut off. */
export const toldOf = (callId: string): JsonObject => ({ told: callId })

export const approvalIdOf = (callId: string): ApprovalId => `apr_${callId.slice('call_'.length)}` as ApprovalId

/** Whether there is an approval record: always of what an approver decides, and of what the requester said in the audit tier. */
function isRecorded(call: CallFact, { words }: Facts): 'yes' | 'no' | 'perhaps' {
  const { tier } = factsOf(call.tool)
  if (!call.isGated || tier === 'plain') return 'no'
  if (tier === 'required') return 'yes'
  const said = wordsOn(call, words)
  return said.length === 0 ? 'no' : said.some(({ state }) => state === 'accepted') ? 'yes' : 'perhaps'
}

function problemsOf(call: CallFact, approvals: readonly ApprovalRecord[], facts: Facts): string[] {
  const { run, name } = call
  const said = wordsOn(call, facts.words)
  const accepted = said.filter(({ state }) => state === 'accepted')
  const times = facts.executions.filter(({ callId }) => callId === call.id).length
  const problems: string[] = []
  const isElsewhere = call.isGated && factsOf(call.tool).pause === 'external-execution'
  const [word] = accepted
  if (accepted.length > 1) problems.push(`${name} was decided ${accepted.length} times`)
  if (call.tamperedAt !== null) return problems

  const mustRun = call.arguments !== null && (!call.isGated || word?.said.verdict === 'APPROVED')
  // Of one that was cut off nobody knows whether it was made.
  if (run.end === 'completed' && mustRun && !isElsewhere && times !== 1 && call.doubt === null)
    problems.push(`${name} was to run, and ran ${times} times, and yet its run is completed`)
  problems.push(...wrongOutcome(call, times, isElsewhere ? said : []))

  const asked = approvals.find(({ id }) => id === call.doubt?.approvalId)
  if (call.doubt && !asked) problems.push(`nobody is asked what became of ${name}`)
  if (asked?.status === 'PENDING' || asked?.unheard)
    problems.push(`what became of ${name} is still asked or to be heard`)
  const record = approvals.find(({ id }) => id === approvalIdOf(call.id))
  const recorded = isRecorded(call, facts)
  if (!record) return recorded === 'yes' ? [...problems, `${name} has no approval record`] : problems
  if (record.status === 'PENDING') problems.push(`the approval of ${name} is PENDING, and its run is over`)
  if (record.unheard) problems.push(`the approval of ${name} is still to be heard`)
  if (word && (record.status !== word.said.verdict || record.resolution?.by !== word.by.id))
    problems.push(`${name} was ${word.said.verdict} by ${word.by.id}; its record says ${record.status}`)
  if (said.length === 0 && (record.status === 'APPROVED' || record.status === 'REJECTED'))
    problems.push(`nobody decided ${name}; its record says ${record.status}`)
  if (record.status === 'EXPIRED' && call.expiresAt === null) problems.push(`${name} had no deadline, and is EXPIRED`)
  if (record.status === 'CANCELLED' && run.end === 'completed')
    problems.push(`the approval of ${name} is CANCELLED, and its run completed`)
  return problems
}

/** The model hears a result only of what was made, here or elsewhere. */
function wrongOutcome({ name, id, outcome, doubt }: CallFact, times: number, elsewhere: readonly Word[]): string[] {
  if (outcome === null) return []
  const said = elsewhere.map(({ said }) => said.outcome)
  if (outcome.result === undefined) {
    const isLost = said.length > 0 && said.every((one) => one !== null && 'result' in one)
    return isLost ? [`${name} ended well elsewhere, and the model hears ${outcome.error}`] : []
  }
  const result: JsonValue = JSON.parse(outcome.result)
  const isTold =
    said.some((one) => one !== null && isDeepStrictEqual(one, { result })) ||
    (doubt !== null && isDeepStrictEqual(result, toldOf(id)))
  const isMade = times === 1 && isDeepStrictEqual(result, { made: id })
  return isTold || isMade ? [] : [`the model hears of a result of ${name} that nobody made: ${outcome.result}`]
}
