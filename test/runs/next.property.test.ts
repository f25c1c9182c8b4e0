import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isForApprover, isOpen, isSettled, presentCalls } from '../../src/runs/fold.ts'
import { type Asked, Simulation } from './simulation.ts'

const kind = fc.constantFrom('valid', 'plain', 'required', 'invalid')
const asked: fc.Arbitrary<Asked> = fc.record({
  kinds: fc.array(kind, { minLength: 1, maxLength: 4, size: 'max' }),
  deadline: fc.boolean(),
})
const scene = fc.record({
  asked: fc.array(asked, { maxLength: 4, size: 'max' }),
  resumeMode: fc.constantFrom('AUTOMATIC', 'MANUAL'),
})

type Event = (run: Simulation, which: number) => void
const events: readonly (readonly [weight: number, happens: Event])[] = [
  [36, (run) => void run.work()],
  [12, (run, which) => run.finish(which)],
  [15, (run) => run.speak(false)],
  [5, (run, which) => run.decide(which, 'APPROVED')],
  [3, (run, which) => run.decide(which, 'REJECTED')],
  [12, (run, which) => run.continue(answers(which))],
  [2, (run) => run.pass(1_500)],
  [1, (run) => run.speak(true)],
  [1, (run) => run.crash()],
  [0.3, (run) => run.askToCancel()],
]
const arbitraries = events.map(([weight, happens]) => ({
  weight: weight * 10,
  arbitrary: fc.nat(5).map((which) => (run: Simulation) => happens(run, which)),
}))
const event = fc.oneof(...arbitraries)

/** Some answer yes, some no, and some are left for later. */
const answers = (seed: number) => (call: { proposed: { callId: string } }) =>
  (['approve', 'reject', null] as const)[
    (seed + call.proposed.callId.length + Number(call.proposed.callId.at(-1))) % 3
  ] ?? null

const everything = fc.tuple(scene, fc.array(event, { minLength: 10, maxLength: 150, size: 'max' }))
const play = ({ asked, resumeMode }: { asked: readonly Asked[]; resumeMode: 'AUTOMATIC' | 'MANUAL' }) =>
  new Simulation(asked, resumeMode)

test('the interleavings get everywhere', () => {
  const seen = new Set<string>()
  for (const [of, events] of fc.sample(everything, { numRuns: 400, seed: 7 })) {
    const run = play(of)
    for (const happens of events) happens(run)
    run.settle()
    for (const entry of run.journal) seen.add('code' in entry ? entry.code : entry.type)
    for (const { status } of run.approvals.values()) seen.add(status)
    for (const call of run.state.turns.flatMap(({ calls }) => calls))
      if (run.made.includes(call.proposed.callId)) seen.add(`made ${call.proposed.toolName}`)
  }
  const calls = [
    'proposed',
    'call-started',
    'call-finished',
    'made valid_tool',
    'made plain_tool',
    'made required_tool',
  ]
  const pauses = ['paused', 'answered', 'decided', 'resumed', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED']
  const ends = ['completed', 'cancelled', 'MODEL_ERROR', 'interrupted']
  expect([...calls, ...pauses, ...ends].filter((one) => !seen.has(one))).toEqual([])
})

test('whatever happens in whatever order, no call runs unasked or twice, and nothing follows an end', () => {
  fc.assert(
    fc.property(everything, ([of, events]) => {
      const run = play(of)
      for (const happens of events) happens(run)
    }),
    { numRuns: 1_500 },
  )
})

test('left to itself, every run reaches an end or waits for somebody', () => {
  fc.assert(
    fc.property(everything, ([of, events]) => {
      const run = play(of)
      for (const happens of events) happens(run)
      if (run.settle() === 'ended') return
      expect(run.state.status).toBe('PAUSED')
      const open = presentCalls(run.state).filter(isOpen)
      const byPeople = open.filter((call) => !isForApprover(call))
      const pending = [...run.approvals.values()].filter(({ status }) => status === 'PENDING')
      expect(open.length).toBe(byPeople.length + pending.length)
      if (of.resumeMode === 'AUTOMATIC') expect(open.length).toBeGreaterThan(0)
    }),
    { numRuns: 1_000 },
  )
})

test('with people who speak in the end, every run ends, and none of its approvals stays pending', () => {
  fc.assert(
    fc.property(everything, fc.boolean(), ([of, events], kindly) => {
      const run = play(of)
      for (const happens of events) happens(run)
      for (let rounds = 0; run.settle() !== 'ended' || run.state.error?.code === 'MODEL_ERROR'; rounds++) {
        expect(rounds, 'rounds of decisions').toBeLessThan(20)
        for (const _ of run.approvals) run.decide(0, kindly ? 'APPROVED' : 'REJECTED')
        run.settle()
        run.continue(() => (kindly ? 'approve' : 'reject'))
      }
      expect([...run.approvals.values()].map(({ status }) => status)).not.toContain('PENDING')
    }),
    { numRuns: 1_000 },
  )
})

test('a process that dies loses what it had only drafted, and a call it had begun is made again only when somebody says so', () => {
  fc.assert(
    fc.property(everything, ([of, events]) => {
      const run = play(of)
      for (const happens of events) {
        happens(run)
        run.crash()
        const begun = run.journal.flatMap((entry) => (entry.type === 'call-started' ? [entry.callId] : []))
        for (const id of begun)
          expect(begun.filter((one) => one === id).length).toBeLessThanOrEqual(
            1 + run.again.filter((one) => one === id).length,
          )
        expect(run.made.every((id) => begun.includes(id))).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

const deaths = fc.array(fc.nat(12), { minLength: 1, maxLength: 12, size: 'max' })

/** Whatever became of the run, nothing that was decided is forgotten. */
function expectHeard({ state, approvals }: Simulation) {
  if (state.status !== 'COMPLETED') return
  const calls = state.turns.flatMap((turn) => turn.calls)
  for (const { callId, kind, status } of approvals.values()) {
    const call = calls.find(({ proposed }) => proposed.callId === callId)
    if (kind !== 'RECONCILIATION') expect(call?.decision?.verdict).toBe(status)
    else if (call?.doubt) expect(call.doubt.decision).not.toBeNull()
  }
  expect(calls.every(isSettled)).toBe(true)
}

test('processes that die in the middle of any step, of recovery too, leave a run that ends, with no call made twice unasked and no decision lost', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(everything, deaths, fc.boolean(), ([of, events], deaths, kindly) => {
      const run = play(of)
      run.letDie(...deaths)
      for (const happens of events) happens(run)
      for (let rounds = 0; run.settle() !== 'ended' || run.state.error?.code === 'MODEL_ERROR'; rounds++) {
        expect(rounds, 'rounds of decisions').toBeLessThan(60)
        for (const _ of run.approvals) run.decide(0, kindly ? 'APPROVED' : 'REJECTED')
        run.settle()
        run.continue(() => (kindly ? 'approve' : 'reject'))
      }
      const times = (ids: readonly string[], id: string) => ids.filter((one) => one === id).length
      for (const id of run.made) expect(times(run.made, id)).toBeLessThanOrEqual(1 + times(run.again, id))
      expect([...run.approvals.values()].map(({ status }) => status)).not.toContain('PENDING')
      expectHeard(run)
      for (const { callId, kind } of run.approvals.values())
        if (kind === 'RECONCILIATION') seen.add(times(run.made, callId) > 1 ? 'twice' : 'asked')
      if (run.state.turns.some(({ calls }) => calls.some(({ interruptions }) => interruptions > 1)))
        seen.add('cut off twice')
      seen.add(run.state.status)
    }),
    { numRuns: 2_000 },
  )
  expect([...seen].sort()).toEqual(['CANCELLED', 'COMPLETED', 'asked', 'cut off twice', 'twice'])
}, 120_000)
