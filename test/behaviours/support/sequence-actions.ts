import fc from 'fast-check'
import type { ResumeMode } from '../../../src/store/records.ts'
import { type Person, people } from './sequence-people.ts'
import { type AskedCall, recipients, toolNames } from './sequence-tools.ts'
import type { Choice } from './sequence-words.ts'

/** Something that happens to the runs of a sequence. `which` chooses among what there is by then; where there is nothing, nothing happens. */
export type Action = { readonly pause: Pause } & (
  | {
      readonly do: 'start'
      readonly by: 'rita' | 'rob'
      readonly resumeMode: ResumeMode
      readonly hasKey: boolean
      readonly hasSession: boolean
      readonly twice: boolean
    }
  | { readonly do: 'start again'; readonly which: number; readonly changed: boolean }
  | { readonly do: 'model turn'; readonly which: number; readonly calls: readonly AskedCall[] }
  | { readonly do: 'model fails'; readonly which: number }
  /** Somebody who is asked says what fits, and perhaps the requester cancels the run at once. */
  | { readonly do: 'speak'; readonly which: number; readonly say: Choice; readonly cancels: boolean }
  | {
      readonly do: 'answer'
      readonly which: number
      readonly by: Speaker
      /** To nothing: the run is continued without answers. */
      readonly answers: Answers
      readonly twice: boolean
    }
  | {
      readonly do: 'decide'
      readonly aim: 'pending' | 'any'
      readonly which: number
      readonly by: Speaker
      readonly say: Choice
      readonly expects: Expects
      /** At once with the first: another decision, the same with the same key, or a cancel of the run. */
      readonly second: { readonly by: Speaker; readonly say: Choice } | 'same key' | 'cancel' | null
    }
  | { readonly do: 'cancel'; readonly which: number; readonly by: Speaker }
  | { readonly do: 'tool ends'; readonly which: number }
  | { readonly do: 'restart' }
  | { readonly do: 'crash'; readonly down: 'long' | 'short' }
  /** Somebody decides, and the process dies before the run hears of it; meanwhile the record may be tampered with. */
  | {
      readonly do: 'crash on a decision'
      readonly which: number
      readonly say: Choice
      readonly tampering: Tampering | null
      readonly down: 'long' | 'short'
    }
  | { readonly do: 'time passes' }
  | { readonly do: 'tamper'; readonly which: number; readonly how: Tampering }
)
/** What comes before the next action: turns of the event loop, or everything that follows by itself. */
export type Pause = number | 'all'
/** 'right': whose word it is to give. */
export type Speaker = Person | 'right'
type Answers = readonly { readonly to: Answered; readonly which: number; readonly say: Choice }[]
export type Answered = 'waiting' | 'for an approver' | 'settled' | 'of another run' | 'given already' | 'unknown'
export type Expects = 'nothing' | 'what is shown' | 'other fingerprint' | 'other revision' | 'other status'
export const tamperings = [
  ...['arguments', 'arguments and fingerprint', 'status', 'deleted', 'call'],
  ...['edit', 'values', 'outcome'],
] as const
export type Tampering = (typeof tamperings)[number]

const weighted = <Value>(...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<Value>])[]) =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))
const chance = (percent: number) => weighted([100 - percent, fc.constant(false)], [percent, fc.constant(true)])
const which = fc.nat(5)
const pause: fc.Arbitrary<Pause> = weighted<Pause>([3, fc.constant('all')], [2, fc.nat(12)])
const anyChoice = fc.nat(11)
const fitting = fc.record({ fits: fc.constant(true), which: anyChoice })
const say: fc.Arbitrary<Choice> = fc.record({ fits: chance(50), which: anyChoice })
const right: fc.Arbitrary<Speaker> = fc.constant('right')
const by: fc.Arbitrary<Speaker> = weighted<Speaker>(
  [2, right],
  [1, fc.constantFrom(...(Object.keys(people) as Person[]))],
)

const askedCall: fc.Arbitrary<AskedCall> = fc.record({
  tool: weighted<AskedCall['tool']>([2, fc.constant('look')], [13, fc.constantFrom(...toolNames)]),
  to: weighted<AskedCall['to']>([6, fc.constant(recipients[0])], [3, fc.constantFrom(...recipients)]),
  euros: fc.constantFrom(null, 5, 50),
  mistake: weighted<AskedCall['mistake']>(
    [12, fc.constant(null)],
    [1, fc.constantFrom('wrong type', 'no JSON', 'unknown tool')],
  ),
  id: fc.constantFrom(null, 'p0', 'p1'),
})

const doing = <Name extends Action['do']>(name: Name) => ({ do: fc.constant(name), pause })

const start = fc.record({
  ...doing('start'),
  by: fc.constantFrom('rita', 'rob'),
  resumeMode: fc.constantFrom('AUTOMATIC', 'MANUAL'),
  hasKey: chance(50),
  hasSession: chance(30),
  twice: chance(30),
})
const answer = { which, twice: chance(15) }
const waiting = fc.record({ to: fc.constant<Answered>('waiting'), which, say: fitting })
const elsewhere = fc.constantFrom<Answered>('for an approver', 'settled', 'of another run', 'given already', 'unknown')
const anyAnswer = weighted<Answers[number]>(
  [3, waiting],
  [2, fc.record({ to: fc.constant<Answered>('waiting'), which, say })],
  [3, fc.record({ to: elsewhere, which, say: fitting })],
)
const decision = { aim: fc.constant<'pending' | 'any'>('pending'), which, second: fc.constant(null) }
const isSure = fc.constantFrom<Expects>('nothing', 'what is shown')
const second = weighted<Extract<Action, { do: 'decide' }>['second']>(
  [1, fc.constant(null)],
  [2, fc.record({ by, say })],
  [1, fc.constantFrom('same key', 'cancel')],
)
const expects = weighted<Expects>(
  [2, isSure],
  [1, fc.constantFrom('other fingerprint', 'other revision', 'other status')],
)

const anyTampering = fc.constantFrom(...tamperings)
const perhaps = weighted<Tampering | null>([1, fc.constant(null)], [1, anyTampering])
const down = fc.constantFrom('long', 'short')
const several = { minLength: 1, maxLength: 3, size: 'max' } as const

// What people do as they should, and what they should not or only happen to do.
const action: fc.Arbitrary<Action> = weighted<Action>(
  [5, start],
  [2, fc.record({ ...doing('start again'), which, changed: chance(30) })],
  [40, fc.record({ ...doing('model turn'), which, calls: fc.array(askedCall, several) })],
  [1, fc.record({ ...doing('model turn'), which, calls: fc.constant([]) })],
  [2, fc.record({ ...doing('model fails'), which })],
  [60, fc.record({ ...doing('speak'), which, say: fitting, cancels: chance(4) })],
  [8, fc.record({ ...doing('answer'), ...answer, by: right, answers: fc.array(waiting, several) })],
  [8, fc.record({ ...doing('answer'), ...answer, by, answers: fc.array(anyAnswer, several) })],
  [4, fc.record({ ...doing('answer'), ...answer, by: right, answers: fc.constant([]) })],
  [2, fc.record({ ...doing('answer'), ...answer, by, answers: fc.constant([]) })],
  [9, fc.record({ ...doing('decide'), ...decision, by: right, say: fitting, expects: isSure, second })],
  [14, fc.record({ ...doing('decide'), ...decision, by, say, expects })],
  [2, fc.record({ ...doing('decide'), ...decision, aim: fc.constant('any'), by, say, expects, second })],
  [3, fc.record({ ...doing('cancel'), which, by })],
  [6, fc.record({ ...doing('tool ends'), which })],
  [3, fc.record(doing('restart'))],
  [5, fc.record({ ...doing('crash'), down })],
  [4, fc.record({ ...doing('crash on a decision'), which, say: fitting, tampering: perhaps, down })],
  [2, fc.record(doing('time passes'))],
  [7, fc.record({ ...doing('tamper'), which, how: anyTampering })],
)

/** A sequence begins with a run, and `seed` decides how long each write takes. */
export const sequence = fc.record({
  first: start,
  actions: fc.array(action, { minLength: 5, maxLength: 40, size: 'max' }),
  seed: fc.nat(),
})
export type Sequence = { readonly first: Action; readonly actions: readonly Action[]; readonly seed: number }
