import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reconciliationIdOf } from '../../src/ids.ts'
import { sha256, toJsonText } from '../../src/json.ts'
import {
  apply,
  approvalIdFor,
  argumentsOf,
  emptyState,
  fold,
  isForApprover,
  isOpen,
  isSettled,
  isUnderWay,
  openChildren,
} from '../../src/runs/fold.ts'
import { type EntryBody, readEntries, readEntry, writeEntry } from '../../src/runs/journal.ts'
import { statusOf } from '../../src/runs/view.ts'
import { isOver, type RunStatus } from '../../src/store/records.ts'
import {
  answered,
  callFinished,
  callOf,
  callStarted,
  cancelled,
  childOf,
  childStarted,
  completed,
  decided,
  decision,
  entriesOf,
  failed,
  foldAll,
  inDoubt,
  interrupted,
  paused,
  proposed,
  proposedCall,
  responded,
  resumed,
  started,
  stateAfterTurn,
  stateOf,
} from './journal-of.ts'

const plain = proposedCall('plain')
const required = proposedCall('required', 1)

describe('a run', () => {
  test('is running before and after its first entry, with what was asked for', () => {
    expect(emptyState.status).toBe('RUNNING')
    expect(stateOf(started)).toMatchObject({ status: 'RUNNING', seq: 1, input: { message: 'Do it', history: [] } })
  })

  test('has the hash of the last entry as it is kept', () => {
    const entries = entriesOf(started, responded('Hello'))
    const last = entries.at(-1)
    expect(foldAll(entries).hash).toBe(sha256(last ? writeEntry(last).text : ''))
  })

  test('is the same after no entries', () => {
    const state = stateOf(started)
    expect(fold(state, [], undefined)).toBe(state)
  })

  test.each([
    [completed('Bye.'), { status: 'COMPLETED', output: 'Bye.', error: null, finishedAt: 2_000 }],
    [failed('INTERNAL'), { status: 'FAILED', output: null, error: { code: 'INTERNAL', message: 'It broke.' } }],
    [cancelled, { status: 'CANCELLED', output: null, error: null, finishedAt: 2_000 }],
  ] as const)('ends by %o', (ending, expected) => {
    const state = stateOf(started, ending)
    expect(state).toMatchObject(expected)
    expect(isOver(state.status)).toBe(true)
  })

  test('pauses and goes on; what it failed of is forgotten then', () => {
    expect(stateAfterTurn([plain], paused)).toMatchObject({ status: 'PAUSED', released: false })
    expect(stateAfterTurn([plain], paused, resumed)).toMatchObject({ status: 'RUNNING', released: true })
    expect(stateOf(started, failed('MODEL_ERROR'), resumed)).toMatchObject({
      status: 'RUNNING',
      error: null,
      finishedAt: null,
    })
  })

  test('is not released any more once its model has spoken again', () => {
    expect(stateAfterTurn([plain], resumed, responded('Next')).released).toBe(false)
  })
})

describe('a call', () => {
  test('waits for somebody from its proposal until it is decided', () => {
    const before = stateAfterTurn([plain, required])
    expect([callOf(before, 0), callOf(before, 1)].map(isOpen)).toEqual([true, true])
    const after = stateAfterTurn(
      [plain, required],
      answered(decision(plain.callId, 'APPROVED', { revision: null })),
      decided(decision(required.callId, 'REJECTED', { message: 'No.' })),
    )
    expect(isOpen(callOf(after, 0))).toBe(false)
    expect(callOf(after, 1)).toMatchObject({ decision: { verdict: 'REJECTED', message: 'No.' } })
  })

  test('is settled by a decision against it, not by one for it', () => {
    for (const verdict of ['REJECTED', 'EXPIRED', 'CANCELLED'] as const)
      expect(isSettled(callOf(stateAfterTurn([plain], decided(decision(plain.callId, verdict)))))).toBe(true)
    expect(isSettled(callOf(stateAfterTurn([plain], decided(decision(plain.callId, 'APPROVED')))))).toBe(false)
  })

  test('is under way between its start and its end', () => {
    const start = callStarted(plain.callId)
    expect(isUnderWay(callOf(stateAfterTurn([plain])))).toBe(false)
    expect(isUnderWay(callOf(stateAfterTurn([plain], start)))).toBe(true)
    const ended = callOf(stateAfterTurn([plain], start, callFinished(plain.callId)))
    expect(isUnderWay(ended)).toBe(false)
    expect(ended).toMatchObject({ startedAt: 4_000, finishedAt: 5_000, outcome: { result: '"done"' } })
    expect(isSettled(ended)).toBe(true)
  })

  test('that is invalid is over as soon as it is proposed, with what was wrong as its error', () => {
    const call = callOf(stateAfterTurn([proposedCall('invalid')]))
    expect(call).toMatchObject({ outcome: { error: 'The arguments are invalid.' }, finishedAt: 3_000, startedAt: null })
    expect([isOpen(call), isSettled(call), isUnderWay(call)]).toEqual([false, true, false])
  })

  test('runs with the arguments its approver wrote, else with those proposed', () => {
    const edited = decision(required.callId, 'APPROVED', { arguments: proposedCall('plain', 9).arguments })
    expect(argumentsOf(callOf(stateAfterTurn([plain, required]), 1))).toBe(required.arguments)
    expect(argumentsOf(callOf(stateAfterTurn([plain, required], decided(edited)), 1))).toBe('{"index":9}')
  })

  test('of an earlier turn is not touched by entries of a later one', () => {
    const first = stateAfterTurn([plain], answered(decision(plain.callId, 'APPROVED')), resumed)
    const later = stateOf(
      started,
      responded(),
      proposed(plain),
      answered(decision(plain.callId, 'APPROVED')),
      resumed,
      responded(),
      callStarted(plain.callId),
    )
    expect(later.turns[0]).toEqual(first.turns[0])
  })
})

describe('a call that was cut off', () => {
  const start = callStarted(plain.callId)
  const approved = answered(decision(plain.callId, 'APPROVED', { revision: null }))
  const statusIn = (status: RunStatus, ...more: EntryBody[]) =>
    statusOf(status, callOf(stateAfterTurn([plain], approved, resumed, start, ...more)))
  const callAfter = (...more: EntryBody[]) => callOf(stateAfterTurn([plain], approved, resumed, start, ...more))

  test('and may be made again is as one that was not begun, and keeps its decision', () => {
    const call = callAfter(interrupted(plain.callId))
    expect(call).toMatchObject({ startedAt: null, interruptions: 1, doubt: null, decision: { verdict: 'APPROVED' } })
    expect([isOpen(call), isUnderWay(call), isSettled(call)]).toEqual([false, false, false])
    expect(callAfter(interrupted(plain.callId), start, interrupted(plain.callId)).interruptions).toBe(2)
  })

  test('and is in doubt waits for an approver, whoever decided it before', () => {
    const state = stateAfterTurn([plain], approved, resumed, start, inDoubt(plain.callId, 6))
    const call = callOf(state)
    expect([isOpen(call), isForApprover(call), isUnderWay(call), isSettled(call)]).toEqual([true, true, false, false])
    expect(approvalIdFor(call)).toBe(reconciliationIdOf(plain.callId, 6))
    expect([state.released, stateAfterTurn([plain], approved, resumed, start).released]).toEqual([false, true])
  })

  test('keeps the first decision, with the arguments that were approved, beside the second one', () => {
    const edited = decision(required.callId, 'APPROVED', { arguments: toJsonText({ index: 7 }) })
    const doubted = [decided(edited), resumed, callStarted(required.callId), inDoubt(required.callId, 6)] as const
    const heard = stateAfterTurn([plain, required], ...doubted, decided(decision(required.callId, 'APPROVED')))
    const call = callOf(heard, 1)
    expect(call).toMatchObject({ decision: edited, doubt: { decision: { verdict: 'APPROVED' } }, startedAt: null })
    expect(argumentsOf(call)).toBe('{"index":7}')
    const told = decided(decision(required.callId, 'APPROVED', { outcome: { error: 'It broke.' } }))
    expect(callOf(stateAfterTurn([plain, required], ...doubted, told), 1).startedAt).toBe(6_000)
  })

  test('is in doubt no more when it is begun again; the next attempt has another place', () => {
    const again = decided(decision(plain.callId, 'APPROVED'))
    const call = callAfter(inDoubt(plain.callId, 6), again, resumed, start)
    expect(call).toMatchObject({ doubt: null, startedAt: 10_000, startedSeq: 10, interruptions: 1 })
    expect(isUnderWay(call)).toBe(true)
  })

  test.each<[string, RunStatus, string, EntryBody[]]>([
    ['in doubt', 'PAUSED', 'UNKNOWN', [inDoubt(plain.callId, 6)]],
    ['in doubt as its run ends', 'CANCELLED', 'UNKNOWN', [inDoubt(plain.callId, 6), cancelled]],
    ['about to be made again', 'RUNNING', 'WAITING', [interrupted(plain.callId)]],
    ['made again', 'RUNNING', 'RUNNING', [interrupted(plain.callId), start]],
    [
      'made again with a result',
      'RUNNING',
      'SUCCEEDED',
      [interrupted(plain.callId), start, callFinished(plain.callId)],
    ],
    ['not made again, since its run is over', 'CANCELLED', 'UNKNOWN', [interrupted(plain.callId), cancelled]],
    [
      'not made again after somebody allowed it',
      'CANCELLED',
      'UNKNOWN',
      [inDoubt(plain.callId, 6), decided(decision(plain.callId, 'APPROVED')), cancelled],
    ],
    [
      'stopped before it was entered again',
      'RUNNING',
      'UNKNOWN',
      [interrupted(plain.callId), start, decided(decision(plain.callId, 'CANCELLED'))],
    ],
    [
      'known not to have happened as its run ends',
      'CANCELLED',
      'CANCELLED',
      [interrupted(plain.callId, true), cancelled],
    ],
  ])('and is %s is shown so', (_, run, status, more) => expect(statusIn(run, ...more)).toBe(status))
})

describe('a call of an agent', () => {
  const [ask, other] = [proposedCall('valid', 2), proposedCall('valid', 3)]

  test('has begun a run, which is open until its end is on record; it is not under way here', () => {
    const state = stateAfterTurn([ask, other], childStarted(ask.callId))
    expect(callOf(state)).toMatchObject({ startedAt: 4_000, childId: childOf(ask).id, outcome: null, finishedAt: null })
    expect([isUnderWay(callOf(state)), isSettled(callOf(state)), isOpen(callOf(state))]).toEqual([false, false, false])
    expect(openChildren(state)).toEqual([childOf(ask).id])
    const both = stateAfterTurn([ask, other], childStarted(other.callId), childStarted(ask.callId))
    expect(openChildren(both)).toEqual([childOf(ask).id, childOf(other).id])
  })

  test.each(['result', 'error'] as const)('is settled by a %s, and its run still known', (outcome) => {
    const state = stateAfterTurn([ask], childStarted(ask.callId), callFinished(ask.callId, outcome))
    expect(isSettled(callOf(state))).toBe(true)
    expect(callOf(state)).toMatchObject({ startedAt: 4_000, finishedAt: 5_000, childId: childOf(ask).id })
    expect(openChildren(state)).toEqual([])
  })

  test('of an earlier turn has nothing open', () => {
    const state = stateOf(started, responded(), proposed(ask), childStarted(ask.callId), responded(), proposed(plain))
    expect(openChildren(state)).toEqual([])
  })

  test('leaves the run as it is: paused or running', () => {
    expect(stateAfterTurn([ask], childStarted(ask.callId)).status).toBe('RUNNING')
    const late = stateAfterTurn([ask], childStarted(ask.callId), paused, callFinished(ask.callId))
    expect(late).toMatchObject({ status: 'PAUSED', released: false })
  })
})

describe('the journal', () => {
  const kept = entriesOf(started, responded('Hello'), completed()).map(writeEntry)

  test('is read as it was written', () => {
    expect(readEntries(kept, { seq: 0, prev: '' }).map(({ type }) => type)).toEqual([
      'started',
      'model-responded',
      'completed',
    ])
  })

  test.each([
    ['an entry is gone', () => kept.toSpliced(1, 1)],
    ['two entries changed places', () => [kept[0], kept[2], kept[1]]],
    ['an entry says something else', () => kept.map((one, at) => (at === 1 ? altered(one) : one))],
    ['the first one is none', () => kept.slice(1)],
    ['a member is missing', () => kept.toSpliced(0, 1, { ...kept[0], text: '{"v":1}' } as (typeof kept)[number])],
  ])('is not believed when %s', (_, tamper) => {
    const entries = tamper().flatMap((one) => one ?? [])
    expect(() => readEntries(entries, { seq: 0, prev: '' })).toThrow(expect.objectContaining({ code: 'TAMPERED' }))
  })

  test('of a newer program is refused as such', () => {
    const newer = { runId: kept[0]?.runId, seq: 1, text: '{"v":2}' } as (typeof kept)[number]
    expect(() => readEntry(newer)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_VERSION' }))
  })

  const altered = (entry: (typeof kept)[number]) => ({ ...entry, text: entry.text.replace('Hello', 'Hullo') })
})

test('folding in one go, entry by entry, or in any parts gives one state', () => {
  const body = fc.constantFrom<EntryBody>(
    started,
    responded('Hi'),
    responded(),
    proposed(plain, required),
    paused,
    resumed,
    answered(decision(plain.callId, 'APPROVED')),
    decided(decision(required.callId, 'EXPIRED')),
    callStarted(plain.callId),
    callFinished(plain.callId, 'error'),
    interrupted(plain.callId),
    inDoubt(plain.callId, 6),
    childStarted(required.callId),
    failed('MODEL_ERROR'),
  )
  fc.assert(
    fc.property(fc.array(body, { minLength: 1, maxLength: 20 }), fc.nat(), (bodies, cut) => {
      const entries = entriesOf(...bodies)
      const whole = foldAll(entries)
      const at = cut % entries.length
      expect(foldAll(entries.slice(at), foldAll(entries.slice(0, at)))).toEqual(whole)
      expect({ ...entries.reduce(apply, emptyState), hash: whole.hash }).toEqual(whole)
    }),
  )
})
