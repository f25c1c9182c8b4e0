import { describe, expect, test } from 'vitest'
import { type Budget, endOfTime, overspent, overtime } from '../../src/runs/budget.ts'
import { runningTime } from '../../src/runs/fold.ts'
import type { EntryBody } from '../../src/runs/journal.ts'
import { next } from '../../src/runs/next.ts'
import {
  approvalFor,
  around,
  callStarted,
  childOf,
  childStarted,
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

// The n-th entry is written at n seconds.

const free = proposedCall('valid', 0)
const required = proposedCall('required', 1)
const budget: Budget = { maxSteps: 50, maxTotalTokens: null, timeoutMs: 5_000, transcript: 1_000_000 }
const unbounded = { ...budget, timeoutMs: null }
const timedOut = { code: 'TIMED_OUT', message: 'The run took longer than 5 seconds.' }
const answer = (inputTokens: number | null, outputTokens: number | null) =>
  responded(null, { inputTokens, outputTokens })

describe('the time of a run', () => {
  test('counts while it is RUNNING, and neither while it is PAUSED nor after it failed', () => {
    const pausing = stateAfterTurn([required], paused)
    expect([1_000, 5_000, 90_000].map((now) => runningTime(stateOf(started), now))).toEqual([0, 4_000, 89_000])
    expect([pausing.ranMs, runningTime(pausing, 90_000)]).toEqual([3_000, 3_000])
    const goingOn = stateAfterTurn([required], paused, decided(decision(required.callId, 'APPROVED')), resumed)
    expect([goingOn.ranMs, runningTime(goingOn, 9_000)]).toEqual([3_000, 6_000])
    const continued = stateOf(started, failed('MODEL_ERROR'), resumed, responded('Hello'))
    expect(continued.ranMs).toBe(2_000)
  })

  test('never runs backwards, should two processes disagree about it', () => {
    expect(runningTime(stateOf(started, responded()), 500)).toBe(1_000)
  })

  test('ends once it is used up: then what is under way is stopped, and nothing is begun', () => {
    const state = stateAfterTurn([free])
    expect(endOfTime(state, budget)).toBe(6_000)
    expect(next(state, around({ budget, now: 5_999 }))).toMatchObject({ do: 'dispatch' })
    expect(next(state, around({ budget, now: 6_000 }))).toEqual({ do: 'fail', failure: timedOut })
    for (const running of [new Set(['model'] as const), new Set([free.callId])])
      expect(next(state, around({ budget, running }))).toEqual({ do: 'stop', failure: timedOut })
    expect(next(state, around({ budget: unbounded, now: 1e12 }))).toMatchObject({ do: 'dispatch' })
    expect(endOfTime(state, unbounded)).toBeNull()
  })

  test('does not end while it is paused, however long that takes', () => {
    const state = stateAfterTurn([required], paused)
    expect(endOfTime(state, budget)).toBeNull()
    const approvals = [approvalFor(required)]
    expect(next(state, around({ budget, approvals, now: 1e12 }))).toEqual({ do: 'wait-outside' })
  })

  test('is over for one that was taken over as well: what was begun is looked up by nobody', () => {
    const state = stateAfterTurn([free], callStarted(free.callId))
    expect(next(state, around({ budget, now: 5_000 }))).toMatchObject({ do: 'recover' })
    expect(next(state, around({ budget, now: 6_000 }))).toEqual({ do: 'fail', failure: timedOut })
  })

  test('counts while the run of an agent is worked on that it asked', () => {
    const state = stateAfterTurn([free], childStarted(free.callId))
    const children = [childOf(free)]
    expect(next(state, around({ budget, children, now: 5_999 }))).toEqual({ do: 'wait-outside' })
    expect(next(state, around({ budget, children, now: 6_000 }))).toEqual({ do: 'fail', failure: timedOut })
  })

  test('bounds a cancel as well, which is then how the run ends', () => {
    const cancelRequested = { by: requester, at: 7_000, reason: null }
    const running = new Set(['model' as const])
    const step = (more: object) => next(stateOf(started), around({ budget, cancelRequested, ...more }))
    expect(step({ running, now: 5_999 })).toEqual({ do: 'abort-calls' })
    expect(step({ running })).toEqual({ do: 'stop', failure: timedOut })
    expect(step({})).toMatchObject({ do: 'cancel' })
    expect(overtime(stateOf(started), budget, 5_999)).toBeNull()
  })
})

describe('the model is not asked again', () => {
  const exceeded = (message: RegExp) => ({ code: 'LIMIT_EXCEEDED', message: expect.stringMatching(message) })
  const settled = proposed(proposedCall('invalid'))
  const twice = stateOf(started, answer(60, 40), settled, answer(null, 30), settled)

  test('once the tokens are used up, input and output of all answers together; what is not reported counts as nothing', () => {
    expect(twice.tokens).toBe(130)
    expect(overspent(twice, { ...budget, maxTotalTokens: 131 })).toBeNull()
    expect(overspent(twice, { ...budget, maxTotalTokens: 130 })).toEqual(exceeded(/130 tokens of 130/))
  })

  test('once it was asked as often as may be, or the transcript is full', () => {
    expect(overspent(twice, { ...budget, maxSteps: 3 })).toBeNull()
    expect(overspent(twice, { ...budget, maxSteps: 2 })).toEqual(exceeded(/asked 2 times/))
    expect(overspent(twice, { ...budget, transcript: 10 })).toEqual(exceeded(/longer than 10 bytes/))
  })

  test('and the run fails, unless that answer was its end, or something is still to be done', () => {
    const spent = { ...unbounded, maxTotalTokens: 100 }
    const step = (...more: EntryBody[]) => next(stateOf(started, answer(60, 40), ...more), around({ budget: spent }))
    expect(step(settled)).toMatchObject({ do: 'fail', failure: { code: 'LIMIT_EXCEEDED' } })
    expect(step(proposed(free))).toMatchObject({ do: 'dispatch' })
    expect(step()).toMatchObject({ do: 'complete' })
  })
})
