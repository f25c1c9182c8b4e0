import { describe, expect, test } from 'vitest'
import { toJsonText } from '../../src/json.ts'
import type { CallOutcome } from '../../src/runs/journal.ts'
import { next, recoveryOf } from '../../src/runs/next.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import {
  answered,
  approvalFor,
  around,
  callFinished,
  callOf,
  callStarted,
  cancelled,
  completed,
  decided,
  decision,
  failed,
  inDoubt,
  interrupted,
  paused,
  proposed,
  proposedCall,
  reconciliationFor,
  requester,
  responded,
  resumed,
  started,
  stateAfterTurn,
  stateOf,
} from './journal-of.ts'

const free = proposedCall('valid', 0)
const plain = proposedCall('plain', 1)
const required = proposedCall('required', 2)
const invalid = proposedCall('invalid', 3)
const cancelRequested = { by: requester, at: 9_000, reason: 'Enough.' }
const idsOf = (step: ReturnType<typeof next>) =>
  step.do === 'dispatch' || step.do === 'recover' ? step.calls.map(({ proposed }) => proposed.callId) : []

describe('the model', () => {
  test('is asked when the run begins', () => {
    expect(next(stateOf(started), around())).toEqual({ do: 'call-model' })
  })
  test('is waited for while it speaks', () => {
    expect(next(stateOf(started), around({ running: new Set(['model']) }))).toEqual({ do: 'wait-here' })
  })
  test('ends the run by asking for nothing, and its text is the output', () => {
    expect(next(stateOf(started, responded('Hello')), around())).toEqual({ do: 'complete', output: 'Hello' })
    expect(next(stateOf(started, responded()), around())).toEqual({ do: 'complete', output: '' })
  })
  test('is told at once when all it asked for is invalid', () => {
    expect(next(stateAfterTurn([invalid]), around())).toEqual({ do: 'call-model' })
  })
  test('is asked again after a failure that was continued', () => {
    const state = stateAfterTurn([free], callStarted(free.callId), callFinished(free.callId))
    expect(next(state, around())).toEqual({ do: 'call-model' })
    const turn = [callStarted(free.callId), callFinished(free.callId), failed('MODEL_ERROR')] as const
    expect(next(stateAfterTurn([free], ...turn), around())).toEqual({ do: 'nothing' })
    expect(next(stateAfterTurn([free], ...turn, resumed), around())).toEqual({ do: 'call-model' })
    expect(next(stateOf(started, failed('MODEL_ERROR'), resumed), around())).toEqual({ do: 'call-model' })
  })
})

describe('a call that needs nobody', () => {
  test('runs at once, beside those that wait', () => {
    const step = next(stateAfterTurn([free, plain, required]), around({ approvals: [approvalFor(required)] }))
    expect(step).toMatchObject({ do: 'dispatch', resume: false })
    expect(idsOf(step)).toEqual([free.callId])
  })
  test('is waited for before the run pauses', () => {
    const running = new Set([free.callId])
    const state = stateAfterTurn([free, required], callStarted(free.callId))
    expect(next(state, around({ running, approvals: [approvalFor(required)] }))).toEqual({ do: 'wait-here' })
  })
  test('runs once', () => {
    const state = stateAfterTurn([free], callStarted(free.callId))
    expect(next(state, around({ running: new Set([free.callId]) }))).toEqual({ do: 'wait-here' })
  })
})

describe('a call that needs somebody', () => {
  test('pauses the run, and then the lease is given up', () => {
    expect(next(stateAfterTurn([plain]), around())).toEqual({ do: 'pause' })
    expect(next(stateAfterTurn([plain], paused), around())).toEqual({ do: 'wait-outside' })
  })
  test('is heard of when its approver decided, with all that was said', () => {
    const record = approvalFor(required, 'REJECTED')
    const step = next(stateAfterTurn([required], paused), around({ approvals: [record] }))
    expect(step).toMatchObject({ do: 'hear', approvals: [record.id] })
    expect(step.do === 'hear' && step.decisions).toMatchObject([{ verdict: 'REJECTED', revision: 2 }])
  })
  test('is heard of once: what the journal knows is not heard again', () => {
    const record = approvalFor(required, 'REJECTED')
    const state = stateAfterTurn([required], paused, decided(decision(required.callId, 'REJECTED')))
    expect(next(state, around({ approvals: [record] }))).toEqual({ do: 'resume' })
  })
  test('is expired at its deadline, to the millisecond, and before any other news is heard', () => {
    const late = proposedCall('required', 2, { expiresAt: 10_000 })
    const other = proposedCall('required', 4)
    const approvals = [approvalFor(late), approvalFor(other, 'APPROVED')]
    const state = stateAfterTurn([late, other], paused)
    expect(next(state, around({ approvals, now: 10_000 }))).toMatchObject({
      do: 'expire',
      approvals: [{ id: late.approvalId }],
    })
    expect(next(state, around({ approvals, now: 9_999 }))).toMatchObject({ do: 'hear' })
  })
  test('that expired cancels its run where its tool wants that, before anything else is done', () => {
    const late = proposedCall('required', 2, { onExpiry: 'CANCEL_RUN' })
    const other = proposedCall('required', 4)
    const state = stateAfterTurn([late, other], paused, decided(decision(late.callId, 'EXPIRED')))
    const reason = expect.stringContaining(String(late.approvalId))
    const request = { by: null, at: 10_000, reason }
    const approvals = [approvalFor(other, 'APPROVED')]
    expect(next(state, around({ approvals, resumeMode: 'MANUAL' }))).toEqual({ do: 'cancel', request })
    const running = { running: new Set([proposedCall('valid', 6).callId]) }
    expect(next(state, around(running))).toEqual({ do: 'abort-calls' })
    // Who said so before has cancelled it.
    expect(next(state, around({ cancelRequested }))).toEqual({ do: 'cancel', request: cancelRequested })
    const rejected = stateAfterTurn([late], paused, decided(decision(late.callId, 'REJECTED')))
    expect(next(rejected, around())).toEqual({ do: 'resume' })
  })
  test('whose record is missing keeps the run waiting: nobody is asked instead', () => {
    expect(next(stateAfterTurn([required], paused), around())).toEqual({ do: 'wait-outside' })
  })
  test('does not run while another of its turn is undecided', () => {
    const state = stateAfterTurn([plain, required], paused, answered(decision(plain.callId, 'APPROVED')))
    expect(next(state, around({ approvals: [approvalFor(required)] }))).toEqual({ do: 'wait-outside' })
  })
  test('runs with the others of its turn once all are decided', () => {
    const decisions = [
      answered(decision(plain.callId, 'APPROVED')),
      decided(decision(required.callId, 'APPROVED')),
    ] as const
    const step = next(stateAfterTurn([plain, required], paused, ...decisions), around())
    expect(step).toMatchObject({ do: 'dispatch', resume: true })
    expect(idsOf(step)).toEqual([plain.callId, required.callId])
  })
  test('that was rejected does not run, and the run goes on', () => {
    const decisions = [
      answered(decision(plain.callId, 'REJECTED')),
      decided(decision(required.callId, 'APPROVED')),
    ] as const
    const step = next(stateAfterTurn([plain, required], paused, ...decisions), around())
    expect(idsOf(step)).toEqual([required.callId])
  })
  test('that was rejected alone resumes the run, and then the model is told', () => {
    const rejected = decided(decision(required.callId, 'REJECTED'))
    expect(next(stateAfterTurn([required], paused, rejected), around())).toEqual({ do: 'resume' })
    expect(next(stateAfterTurn([required], paused, rejected, resumed), around())).toEqual({ do: 'call-model' })
  })
  test('is not approved by the decision on the same call of an earlier turn', () => {
    const again = proposedCall('required', 0, { seq: 9 })
    const state = stateOf(
      started,
      responded(),
      proposed(required),
      decided(decision(required.callId, 'APPROVED')),
      resumed,
      callStarted(required.callId),
      callFinished(required.callId),
      responded(),
      proposed(again),
    )
    const known = around({ approvals: [approvalFor(required, 'APPROVED'), approvalFor(again)] })
    expect(next(state, known)).toEqual({ do: 'pause' })
  })
})

describe('with resumeMode MANUAL', () => {
  const manual = around({ resumeMode: 'MANUAL' })
  const allDecided = [paused, decided(decision(required.callId, 'APPROVED'))] as const
  test('a decided run stays paused', () => {
    expect(next(stateAfterTurn([required], ...allDecided), manual)).toEqual({ do: 'wait-outside' })
  })
  test('it goes on once it was told to', () => {
    const step = next(stateAfterTurn([required], ...allDecided, resumed), manual)
    expect(step).toMatchObject({ do: 'dispatch', resume: false })
    expect(idsOf(step)).toEqual([required.callId])
  })
  test('a turn that needs nobody goes on by itself', () => {
    expect(next(stateAfterTurn([free]), manual)).toMatchObject({ do: 'dispatch' })
    expect(next(stateAfterTurn([invalid]), manual)).toEqual({ do: 'call-model' })
  })
})

describe('a call found started and not finished', () => {
  const cutOff = stateAfterTurn([free], callStarted(free.callId))

  test('is recovered when nobody here makes it, before anything else; a cancel ends the run without', () => {
    expect(next(cutOff, around())).toMatchObject({ do: 'recover' })
    expect(idsOf(next(cutOff, around()))).toEqual([free.callId])
    expect(next(cutOff, around({ cancelRequested }))).toEqual({ do: 'cancel', request: cancelRequested })
    const beside = stateAfterTurn([free, required], callStarted(free.callId))
    expect(next(beside, around({ approvals: [approvalFor(required, 'APPROVED')] }))).toMatchObject({ do: 'recover' })
  })

  test('is waited for while it is looked up here, beside others that are recovered', () => {
    const other = proposedCall('valid', 4)
    const both = stateAfterTurn([free, other], callStarted(free.callId), callStarted(other.callId))
    const running = new Set([free.callId])
    expect(idsOf(next(both, around({ running })))).toEqual([other.callId])
    expect(next(cutOff, around({ running }))).toEqual({ do: 'wait-here' })
    expect(next(cutOff, around({ running, cancelRequested }))).toEqual({ do: 'abort-calls' })
  })

  test.each([true, false])('is made again when it may be (looked up: %s)', (didNotHappen) => {
    const state = stateAfterTurn([free], callStarted(free.callId), interrupted(free.callId, didNotHappen))
    expect(next(state, around())).toMatchObject({ do: 'dispatch', resume: false })
    expect(idsOf(next(state, around()))).toEqual([free.callId])
    const approved = [decided(decision(required.callId, 'APPROVED')), resumed, callStarted(required.callId)] as const
    const gated = stateAfterTurn([required], ...approved, interrupted(required.callId, didNotHappen))
    expect(idsOf(next(gated, around({ resumeMode: 'MANUAL' })))).toEqual([required.callId])
  })

  const tool = { schemaDigest: 'digest', idempotent: false, reconcile: null }
  const looksUp = { ...tool, reconcile: () => null }
  const idempotent = { ...tool, idempotent: true }
  const again = [callStarted(free.callId), interrupted(free.callId)] as const
  const begunTimes = (times: number) =>
    callOf(
      stateAfterTurn(
        [free],
        ...Array(times - 1)
          .fill(again)
          .flat(),
        callStarted(free.callId),
      ),
    )

  test.each([
    ['one that says nothing of itself', 'ask', tool],
    ['one that is idempotent', 'repeat', idempotent],
    ['one that can look it up', 'look-up', looksUp],
    ['one that is gone', 'ask', undefined],
    ['an idempotent one with other parameters', 'ask', { ...idempotent, schemaDigest: 'other' }],
    ['one that can look up, with other parameters', 'ask', { ...looksUp, schemaDigest: 'other' }],
  ])('of %s: %s', (_, way, of) => expect(recoveryOf(begunTimes(1), of, 2)).toBe(way))

  test('is made again by itself three times, and then somebody is asked', () => {
    const ways = [1, 2, 3, 4, 5].map((times) => recoveryOf(begunTimes(times), idempotent, 2))
    expect(ways).toEqual(['repeat', 'repeat', 'repeat', 'ask', 'ask'])
    expect([3, 4].map((times) => recoveryOf(begunTimes(times), looksUp, 2))).toEqual(['look-up', 'ask'])
  })

  test('is looked up by three holders one after the other, and then somebody is asked', () => {
    const ways = [2, 3, 4, 5].map((fence) => recoveryOf(begunTimes(1), looksUp, fence))
    expect(ways).toEqual(['look-up', 'look-up', 'look-up', 'ask'])
    // One that may be made again is, whoever has held the run: those attempts are counted.
    expect(recoveryOf(begunTimes(1), idempotent, 9)).toBe('repeat')
  })
})

describe('a call in doubt', () => {
  const doubted = [callStarted(free.callId), inDoubt(free.callId, 4)] as const
  const state = stateAfterTurn([free], ...doubted)
  const pending = reconciliationFor(free, 4)
  const told = { result: toJsonText('told') }
  const said = (outcome: CallOutcome | null) => decided(decision(free.callId, 'APPROVED', { outcome }))

  test('pauses the run, and waits for its own approval', () => {
    expect(next(state, around({ approvals: [pending] }))).toEqual({ do: 'pause' })
    const waiting = stateAfterTurn([free], ...doubted, paused)
    expect(next(waiting, around({ approvals: [pending] }))).toEqual({ do: 'wait-outside' })
    expect(next(waiting, around())).toEqual({ do: 'wait-outside' })
  })

  test('does not hear again of the approval by which it was made', () => {
    const approved = [decided(decision(required.callId, 'APPROVED')), resumed, callStarted(required.callId)] as const
    const gated = stateAfterTurn([required], ...approved, inDoubt(required.callId, 6), paused)
    const approvals = [approvalFor(required, 'APPROVED'), reconciliationFor(required, 6)]
    expect(next(gated, around({ approvals }))).toEqual({ do: 'wait-outside' })
    const [first] = approvals
    expect(first && next(gated, around({ approvals: [first] }))).toEqual({ do: 'wait-outside' })
  })

  test('hears how it ended, which is its outcome; then the run goes on', () => {
    const record = reconciliationFor(free, 4, 'APPROVED', { outcome: told })
    const step = next(state, around({ approvals: [record] }))
    expect(step).toMatchObject({ do: 'hear', approvals: [record.id], decisions: [{ outcome: told }] })
    const heard = stateAfterTurn([free], ...doubted, paused, said(told))
    expect(next(heard, around())).toMatchObject({ do: 'conclude', calls: [[{ proposed: free }, told]] })
    const concluded = [...doubted, paused, said(told), callFinished(free.callId)] as const
    expect(next(stateAfterTurn([free], ...concluded), around())).toEqual({ do: 'resume' })
    expect(next(stateAfterTurn([free], ...concluded, resumed), around())).toEqual({ do: 'call-model' })
  })

  test('is made again when that was said, once', () => {
    const step = next(stateAfterTurn([free], ...doubted, paused, said(null)), around())
    expect(step).toMatchObject({ do: 'dispatch', resume: true })
    expect(idsOf(step)).toEqual([free.callId])
    const begun = stateAfterTurn([free], ...doubted, paused, said(null), resumed, callStarted(free.callId))
    expect(next(begun, around())).toMatchObject({ do: 'recover' })
    const twice = stateAfterTurn(
      [free],
      ...doubted,
      said(null),
      resumed,
      callStarted(free.callId),
      inDoubt(free.callId, 8),
    )
    const first = reconciliationFor(free, 4, 'APPROVED')
    expect(next(twice, around({ approvals: [first, reconciliationFor(free, 8)] }))).toEqual({ do: 'pause' })
  })

  test.each(['REJECTED', 'EXPIRED', 'CANCELLED'] as const)(
    'that was %s by whatever means is not made again',
    (verdict) => {
      const odd = stateAfterTurn([free], ...doubted, paused, decided(decision(free.callId, verdict)))
      const step = next(odd, around())
      expect(step).toMatchObject({
        do: 'conclude',
        calls: [[{ proposed: free }, { error: expect.stringContaining('nobody knows') }]],
      })
    },
  )

  test('keeps what was decided beside it waiting, and is kept waiting by it', () => {
    const both = [free, required]
    const approved = decided(decision(required.callId, 'APPROVED'))
    const approvals = [pending, approvalFor(required)]
    expect(next(stateAfterTurn(both, ...doubted, paused, approved), around({ approvals }))).toEqual({
      do: 'wait-outside',
    })
    expect(next(stateAfterTurn(both, ...doubted, paused, said(null)), around({ approvals }))).toEqual({
      do: 'wait-outside',
    })
    const step = next(stateAfterTurn(both, ...doubted, paused, said(null), approved), around())
    expect(idsOf(step)).toEqual([free.callId, required.callId])
  })

  test('waits for continueRun with resumeMode MANUAL, also if the calls of its turn were told to go on before', () => {
    const manual = around({ resumeMode: 'MANUAL' })
    const approved = [decided(decision(required.callId, 'APPROVED')), resumed, callStarted(required.callId)] as const
    const gated = [
      ...approved,
      inDoubt(required.callId, 6),
      paused,
      decided(decision(required.callId, 'APPROVED')),
    ] as const
    expect(next(stateAfterTurn([required], ...gated), manual)).toEqual({ do: 'wait-outside' })
    expect(idsOf(next(stateAfterTurn([required], ...gated, resumed), manual))).toEqual([required.callId])
  })

  test('is cancelled with its run; what had been said of it before stands', () => {
    const cancelling = (approvals: ApprovalRecord[]) => around({ cancelRequested, approvals })
    const expected = { do: 'cancel', request: cancelRequested }
    expect(next(state, cancelling([pending]))).toEqual(expected)
    const record = reconciliationFor(free, 4, 'APPROVED', { outcome: told })
    expect(next(state, cancelling([record]))).toMatchObject({ do: 'hear', approvals: [record.id] })
    expect(next(stateAfterTurn([free], ...doubted, said(told)), cancelling([]))).toMatchObject({ do: 'conclude' })
    expect(next(stateAfterTurn([free], ...doubted, said(null)), cancelling([]))).toEqual(expected)
  })
})

describe('a cancel', () => {
  test('ends a run that waits or thinks of nothing, also against a decision that just came', () => {
    const approvals = [approvalFor(required, 'APPROVED')]
    const expected = { do: 'cancel', request: cancelRequested }
    expect(next(stateOf(started), around({ cancelRequested }))).toEqual(expected)
    expect(next(stateAfterTurn([required], paused), around({ cancelRequested, approvals }))).toEqual(expected)
    expect(next(stateAfterTurn([free]), around({ cancelRequested }))).toEqual(expected)
  })
  test('tells what is under way to stop, and waits for it', () => {
    const state = stateAfterTurn([free], callStarted(free.callId))
    const step = { do: 'abort-calls' }
    expect(next(state, around({ cancelRequested, running: new Set([free.callId]) }))).toEqual(step)
    expect(next(stateOf(started), around({ cancelRequested, running: new Set(['model']) }))).toEqual(step)
  })
})

test.each([completed(), cancelled, failed('INTERNAL'), failed('MODEL_ERROR')])('nothing follows %o', (ending) => {
  const approvals = [approvalFor(required, 'APPROVED')]
  expect(next(stateAfterTurn([required], ending), around({ cancelRequested, approvals }))).toEqual({ do: 'nothing' })
})
