import { describe, expect, test } from 'vitest'
import {
  approvalIdOf,
  callId,
  callIdOf,
  isApprovalId,
  isCallId,
  isRunId,
  newRunId,
  principalId,
  reconciliationIdOf,
  runIdForKey,
  runIdOfCall,
} from '../src/ids.ts'

const rita = principalId('rita')

describe('a run id', () => {
  test('is run_ and 32 hex digits, never the same, and rises with time', () => {
    const ids = Array.from({ length: 1_000 }, newRunId)
    expect(ids.every(isRunId)).toBe(true)
    expect(new Set(ids).size).toBe(1_000)
    expect(ids.toSorted()).toEqual(ids)
  })

  test('follows from tenant, requester and key where there is one', () => {
    const id = runIdForKey('t', rita, 'k')
    expect(isRunId(id)).toBe(true)
    expect(runIdForKey('t', rita, 'k')).toBe(id)
    const others = [
      runIdForKey('u', rita, 'k'),
      runIdForKey('t', principalId('otto'), 'k'),
      runIdForKey('t', rita, 'l'),
    ]
    expect(new Set([id, ...others]).size).toBe(4)
  })

  test('does not run the parts of its key together', () => {
    expect(runIdForKey('a', principalId('b","c'), 'd')).not.toBe(runIdForKey('a","prn_b', principalId('c'), 'd'))
  })

  test.each([
    '',
    'run_',
    `run_${'0'.repeat(31)}`,
    `run_${'0'.repeat(33)}`,
    `run_${'G'.repeat(32)}`,
    `xrun_${'0'.repeat(32)}`,
  ])('is not %j', (text) => expect(isRunId(text)).toBe(false))
  test('ends where it ends: no line break follows', () => {
    expect(isRunId(`${newRunId()}\n`)).toBe(false)
    expect(isCallId(`${callId(newRunId(), 1, 0)}\n`)).toBe(false)
  })
})

test("a call's id is its place in the journal, and says which run and which approval is its own", () => {
  const run = newRunId()
  const call = callId(run, 12, 3)
  expect(call).toBe(`call_${run.slice(4)}_12_3`)
  expect(isCallId(call)).toBe(true)
  expect(runIdOfCall(call)).toBe(run)
  expect(isApprovalId(approvalIdOf(call))).toBe(true)
  expect(callIdOf(approvalIdOf(call))).toBe(call)
})

test("a reconciliation's id adds the place of the attempt, and says the same of call and run", () => {
  const run = newRunId()
  const call = callId(run, 12, 3)
  const id = reconciliationIdOf(call, 20)
  expect(id).toBe(`apr_${run.slice(4)}_12_3_20`)
  expect(isApprovalId(id)).toBe(true)
  expect(callIdOf(id)).toBe(call)
  expect(runIdOfCall(callIdOf(id))).toBe(run)
})

test.each(['call_x_1_0', `call_${'0'.repeat(32)}_0_0`, `call_${'0'.repeat(32)}_1`, `call_${'0'.repeat(32)}_01_0`])(
  'a call id is not %j',
  (text) => expect(isCallId(text)).toBe(false),
)
test.each([
  'apr_1',
  `apr_${'0'.repeat(32)}_1_-1`,
  `apr_${'0'.repeat(32)}_1_0_0`,
  `apr_${'0'.repeat(32)}_1_0_2_3`,
  `call_${'0'.repeat(32)}_1_0`,
])('an approval id is not %j', (text) => expect(isApprovalId(text)).toBe(false))

describe('a principal id', () => {
  test('has its prefix once', () => {
    expect(principalId('alice')).toBe('prn_alice')
    expect(principalId('prn_alice')).toBe('prn_alice')
  })
  test('may hold any characters, also those of many units, line breaks and quotes', () => {
    for (const id of ['auth0|x', 'a b', 'ö', '😀'.repeat(250), 'two\nlines', `'"$`])
      expect(principalId(id)).toBe(`prn_${id}`)
  })
  test.each(['', 'prn_', 'x'.repeat(251), '\ud800'])('is not %j', (id) => {
    expect(() => principalId(id)).toThrow(expect.objectContaining({ code: 'INVALID_PRINCIPAL' }))
  })
})
