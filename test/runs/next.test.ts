import { describe, expect, test } from 'vitest'
import { next } from '../../src/runs/next.ts'
import {
  answered,
  approvalFor,
  around,
  callFinished,
  callStarted,
  cancelled,
  completed,
  decided,
  decision,
  failed,
  paused,
  proposed,
  proposedCall,
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
  test('fails the run when nobody here makes it, also when a cancel is asked for', () => {
    const state = stateAfterTurn([free], callStarted(free.callId))
    expect(idsOf(next(state, around()))).toEqual([free.callId])
    expect(next(state, around({ cancelRequested }))).toMatchObject({ do: 'cancel' })
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
