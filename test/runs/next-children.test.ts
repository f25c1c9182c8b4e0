import { describe, expect, test } from 'vitest'
import { next } from '../../src/runs/next.ts'
import type { RunStatus } from '../../src/store/records.ts'
import {
  answered,
  approvalFor,
  around,
  callFinished,
  callStarted,
  childOf,
  childStarted,
  decided,
  decision,
  failed,
  paused,
  proposedCall,
  requester,
  resumed,
  runRecord,
  stateAfterTurn,
} from './journal-of.ts'

// What follows where calls of a turn are runs of agents: `ask` and `also` are such calls, `gate` one that needs an approver.

const ask = proposedCall('valid', 0)
const also = proposedCall('valid', 1)
const gate = proposedCall('required', 2)
const mine = proposedCall('plain', 3)
const free = proposedCall('valid', 4)
const began = childStarted(ask.callId)
const both = [began, childStarted(also.callId)] as const
const cancelRequested = { by: requester, at: 9_000, reason: 'Enough.' }
const is = (status: RunStatus, call = ask) => childOf(call, { status })
const ended = (step: ReturnType<typeof next>) =>
  step.do === 'join' ? step.ended.map(([{ proposed }, child]) => [proposed.callId, child?.status ?? null]) : step

describe('while it works', () => {
  test('the lease is given up, and the run does not pause', () => {
    expect(next(stateAfterTurn([ask], began), around({ children: [is('RUNNING')] }))).toEqual({ do: 'wait-outside' })
  })
  test('what else runs here is waited for here', () => {
    const state = stateAfterTurn([ask, free], began, callStarted(free.callId))
    const running = new Set([free.callId])
    expect(next(state, around({ children: [is('RUNNING')], running }))).toEqual({ do: 'wait-here' })
    expect(next(state, around({ children: [is('PAUSED')], running }))).toEqual({ do: 'wait-here' })
  })
  test('nothing was lost when nobody here makes its call; a tool’s call that was begun beside it is', () => {
    const state = stateAfterTurn([ask, free], began, callStarted(free.callId))
    const step = next(state, around({ children: [is('RUNNING')] }))
    expect(step.do === 'recover' && step.calls.map(({ proposed }) => proposed.callId)).toEqual([free.callId])
  })
})

describe('when it pauses', () => {
  const children = [is('PAUSED')]
  test('so does the run', () => {
    expect(next(stateAfterTurn([ask], began), around({ children }))).toEqual({ do: 'pause' })
    expect(next(stateAfterTurn([ask], began, paused), around({ children }))).toEqual({ do: 'wait-outside' })
  })
  test('the run does not while another works, and does when all that are left are paused', () => {
    const state = stateAfterTurn([ask, also], ...both)
    const [a, b] = [is('PAUSED'), is('RUNNING', also)]
    expect(next(state, around({ children: [a, b] }))).toEqual({ do: 'wait-outside' })
    expect(next(state, around({ children: [a, is('PAUSED', also)] }))).toEqual({ do: 'pause' })
    expect(ended(next(state, around({ children: [a, is('COMPLETED', also)] })))).toEqual([[also.callId, 'COMPLETED']])
    const joined = stateAfterTurn([ask, also], ...both, callFinished(also.callId))
    expect(next(joined, around({ children: [a] }))).toEqual({ do: 'pause' })
  })
  test('and goes on, so does the run; one of two that are paused is not enough', () => {
    const one = stateAfterTurn([ask], began, paused)
    expect(next(one, around({ children: [is('RUNNING')] }))).toEqual({ do: 'resume' })
    const two = stateAfterTurn([ask, also], ...both, paused)
    expect(next(two, around({ children: [is('RUNNING'), is('PAUSED', also)] }))).toEqual({ do: 'wait-outside' })
    expect(next(two, around({ children: [is('RUNNING'), is('RUNNING', also)] }))).toEqual({ do: 'resume' })
  })
  test('again, so does the run, also when it was released for its own calls', () => {
    const state = stateAfterTurn([ask, gate], began, paused, decided(decision(gate.callId, 'REJECTED')), resumed)
    expect(next(state, around({ children }))).toEqual({ do: 'pause' })
    expect(next(stateAfterTurn([ask], began, paused, resumed), around({ children }))).toEqual({ do: 'pause' })
  })
})

describe('when it is over', () => {
  test.each(['COMPLETED', 'FAILED', 'CANCELLED'] as const)('%s, its end is put on record', (status) => {
    for (const more of [[began], [began, paused]])
      expect(ended(next(stateAfterTurn([ask], ...more), around({ children: [is(status)] })))).toEqual([
        [ask.callId, status],
      ])
  })
  test('or gone, so is that', () => {
    expect(ended(next(stateAfterTurn([ask], began), around()))).toEqual([[ask.callId, null]])
    expect(ended(next(stateAfterTurn([ask], began), around({ cancelRequested })))).toEqual([[ask.callId, null]])
  })
  test('all ends are put on record together, and none twice', () => {
    const state = stateAfterTurn([ask, also], ...both)
    const children = [is('COMPLETED'), is('FAILED', also)]
    expect(ended(next(state, around({ children })))).toEqual([
      [ask.callId, 'COMPLETED'],
      [also.callId, 'FAILED'],
    ])
    const joined = stateAfterTurn([ask, also], ...both, callFinished(ask.callId), callFinished(also.callId))
    expect(next(joined, around({ children }))).toEqual({ do: 'call-model' })
  })
  test('the run that paused for it goes on, and then the model is told', () => {
    const end = [began, paused, callFinished(ask.callId)] as const
    expect(next(stateAfterTurn([ask], ...end), around())).toEqual({ do: 'resume' })
    expect(next(stateAfterTurn([ask], ...end, resumed), around())).toEqual({ do: 'call-model' })
  })
  test('it is put on record while others are being made', () => {
    const state = stateAfterTurn([ask, free], began, callStarted(free.callId))
    const running = new Set([free.callId])
    expect(ended(next(state, around({ children: [is('COMPLETED')], running })))).toEqual([[ask.callId, 'COMPLETED']])
  })
})

describe('beside a call that waits for a person', () => {
  const pending = [approvalFor(gate)]
  test('it begins at once, and the run does not pause before it does', () => {
    const first = next(stateAfterTurn([ask, gate]), around({ approvals: pending }))
    expect(first.do === 'dispatch' && first.calls.map(({ proposed }) => proposed.callId)).toEqual([ask.callId])
    const state = stateAfterTurn([ask, gate, mine], began)
    expect(next(state, around({ approvals: pending, children: [is('RUNNING')] }))).toEqual({ do: 'wait-outside' })
    expect(next(state, around({ approvals: pending, children: [is('PAUSED')] }))).toEqual({ do: 'pause' })
  })
  test('the decision is heard while it works, and the call is made then', () => {
    const state = stateAfterTurn([ask, gate], began)
    const children = [is('RUNNING')]
    expect(next(state, around({ approvals: [approvalFor(gate, 'APPROVED')], children }))).toMatchObject({ do: 'hear' })
    const heard = stateAfterTurn([ask, gate], began, decided(decision(gate.callId, 'APPROVED')))
    expect(next(heard, around({ children }))).toMatchObject({ do: 'dispatch', resume: true })
  })
  test('a run that paused for both stays paused until both are settled', () => {
    const state = stateAfterTurn([ask, gate], began, paused)
    expect(next(state, around({ approvals: pending, children: [is('RUNNING')] }))).toEqual({ do: 'wait-outside' })
    const rejected = stateAfterTurn([ask, gate], began, paused, decided(decision(gate.callId, 'REJECTED')))
    expect(next(rejected, around({ children: [is('PAUSED')] }))).toEqual({ do: 'wait-outside' })
    expect(next(rejected, around({ children: [is('RUNNING')] }))).toEqual({ do: 'resume' })
  })
  test('an approved call is made although it is paused, and then the run pauses again', () => {
    const approved = decided(decision(gate.callId, 'APPROVED'))
    const children = [is('PAUSED')]
    const step = next(stateAfterTurn([ask, gate], began, paused, approved), around({ children }))
    expect(step).toMatchObject({ do: 'dispatch', resume: true })
    const made = [began, paused, approved, resumed, callStarted(gate.callId), callFinished(gate.callId)] as const
    expect(next(stateAfterTurn([ask, gate], ...made), around({ children }))).toEqual({ do: 'pause' })
  })
  test('with MANUAL, the run is told to go on for its own calls, and goes on by itself for the agent’s', () => {
    const manual = { resumeMode: 'MANUAL' as const, children: [is('RUNNING')] }
    const said = answered(decision(mine.callId, 'APPROVED'))
    expect(next(stateAfterTurn([ask, mine], began, paused, said), around(manual))).toEqual({ do: 'wait-outside' })
    expect(next(stateAfterTurn([ask, mine], began, paused, said, resumed), around(manual))).toMatchObject({
      do: 'dispatch',
      resume: false,
    })
    expect(next(stateAfterTurn([ask], began, paused), around(manual))).toEqual({ do: 'resume' })
  })
})

describe('a cancel', () => {
  test('is passed on before anything is waited for, to those that were not asked yet', () => {
    const state = stateAfterTurn([ask, also, free], ...both, callStarted(free.callId))
    const running = new Set([free.callId])
    const [a, b] = [is('PAUSED'), is('RUNNING', also)]
    const asked = { cancelRequested }
    const step = { do: 'cancel-children', request: cancelRequested }
    expect(next(state, around({ cancelRequested, running, children: [a, b] }))).toEqual({ ...step, children: [a, b] })
    expect(next(state, around({ cancelRequested, running, children: [{ ...a, ...asked }, b] }))).toEqual({
      ...step,
      children: [b],
    })
    const all = [a, b].map((child) => ({ ...child, ...asked }))
    expect(next(state, around({ cancelRequested, running, children: all }))).toEqual({ do: 'abort-calls' })
  })
  test('waits for them, puts their ends on record, and is last', () => {
    const children = [childOf(ask, { status: 'RUNNING', cancelRequested })]
    const state = stateAfterTurn([ask], began, paused)
    expect(next(state, around({ cancelRequested, children }))).toEqual({ do: 'await-children', children })
    for (const status of ['CANCELLED', 'COMPLETED', 'FAILED'] as const)
      expect(ended(next(state, around({ cancelRequested, children: [is(status)] })))).toEqual([[ask.callId, status]])
    const joined = stateAfterTurn([ask], began, paused, callFinished(ask.callId, 'error'))
    expect(next(joined, around({ cancelRequested }))).toEqual({ do: 'cancel', request: cancelRequested })
  })
  test('is as good as asked for when the run that asked for this one is over', () => {
    const state = stateAfterTurn([gate], paused)
    const approvals = [approvalFor(gate, 'APPROVED')]
    for (const status of ['COMPLETED', 'FAILED', 'CANCELLED'] as const)
      expect(next(state, around({ approvals, outer: runRecord({ status }) }))).toMatchObject({ do: 'cancel' })
    for (const status of ['RUNNING', 'PAUSED'] as const)
      expect(next(state, around({ approvals, outer: runRecord({ status }) }))).toMatchObject({ do: 'hear' })
  })
  test('of a run that is over already is not passed on: that was done with its end', () => {
    const children = [is('PAUSED')]
    expect(next(stateAfterTurn([ask], began, failed('INTERNAL')), around({ children, cancelRequested }))).toEqual({
      do: 'nothing',
    })
  })
})
