import { expect, test } from 'vitest'
import { explore } from './explore.ts'
import type { Guard } from './kept.ts'
import type { World } from './world.ts'

// The protocol between the processes, explored state by state: two processes that work on one run, which asks for two approvals, one of them
// with a deadline; somebody who decides; and a cancel, or a process that dies or sleeps past its lease, at any moment. The rules are the real
// `fold` and `next`; `kept.ts` is the store's atomic writes, and `process.ts` what `worker.ts`, `drive.ts`, `lease.ts`, `deadlines.ts`, `resolve.ts`
// and `cancel.ts` do with them, in that order: who changes one changes the other. Every order of these is visited, the shortest first.
//
// Not in it: a clock that is off by more than the margin of a lease; a write whose outcome is not known (lease.test.ts, mongodb-faults.test.ts);
// more than one mishap (next.property.test.ts has many); news between processes, which only lets one look sooner; runs of agents that are tools;
// answers of the requester; limits; shutting down; what a decision says beyond yes and no, and what the gate believes (gate.test.ts). A decision is
// swept for, and news is looked at, only where nothing else is about to happen: the wake that follows each decision may come at any moment.

const aCancel = { cancels: 1, mishaps: 0 }
const aMishap = { cancels: 0, mishaps: 1 }

/** All at once takes a minute or two: `EXPLORE=whole`. */
const both = { what: 'a cancel and a process that dies or sleeps', left: { cancels: 1, mishaps: 1 } }
const settings = [
  { what: 'a cancel', left: aCancel },
  { what: 'a process that dies or sleeps', left: aMishap },
  ...(process.env.EXPLORE === 'whole' ? [both] : []),
]

test.each(settings)(
  'no order of what happens, with $what, leaves the run stuck or does anything twice',
  ({ what, left }) => {
    const { states, wrong, trace } = explore(null, left)
    console.log(`The protocol with ${what}: ${states} states`)
    expect({ wrong, trace }).toEqual({ wrong: null, trace: [] })
    expect(states).toBeGreaterThan(10_000)
  },
  600_000,
)

const notOwner = 'a call is entered by a process that is not the owner'
const twice = 'a call is entered twice, and nobody said so'
const uncancelled = 'a call is entered that was cancelled before it was on record'
const withoutThem: readonly { guard: Guard; left: World['left']; wrong: string }[] = [
  { guard: 'fence', left: aMishap, wrong: notOwner },
  { guard: 'unheard mark', left: aMishap, wrong: 'stuck' },
  { guard: 'signal', left: aCancel, wrong: 'stuck' },
  { guard: 'comparing signals on release', left: aCancel, wrong: 'stuck' },
  { guard: 'one decision', left: aMishap, wrong: 'an approval is decided twice' },
  { guard: 'call-started before entering', left: aMishap, wrong: twice },
  { guard: 'asking what became of a call', left: aMishap, wrong: twice },
  { guard: 'lease in the tick that enters', left: aMishap, wrong: notOwner },
  { guard: 'looking for a cancel after call-started', left: aCancel, wrong: uncancelled },
]

test.each(withoutThem)(
  'without the $guard there is such an order, and it is found',
  ({ guard, left, wrong }) => {
    const found = explore(guard, left)
    expect(found.wrong, found.trace.join('\n')).toBe(wrong)
    expect(found.trace.length).toBeGreaterThan(3)
  },
  120_000,
)
