import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { type Ground, groundInMemory, groundOn } from './support/ground.ts'
import { type Sequence, sequence, tamperings } from './support/sequence-actions.ts'
import { bringToAnEnd, checkAll } from './support/sequence-end.ts'
import { play } from './support/sequence-play.ts'
import { allBuried } from './support/sequence-process.ts'
import { Stage } from './support/sequence-stage.ts'
import { factsOf, toolNames } from './support/sequence-tools.ts'
import { forEachStore } from './support/stores.ts'

// No way around: whatever people, models and processes do, in whatever order, a call that needs somebody's word runs with its own or not at
// all. What may run is said by a model of its own (support/sequence-model.ts); engine, store and worker are the real ones.

const sequences = 2_000
/** A disk, or a database in another process, takes its time. */
const onDisk = 100
const minutes = 60_000
// The same sequences each time; another seed plays others.
const { SEQUENCE_SEED = '20261125', SEQUENCE_PATH } = process.env

afterAll(() => allBuried())

test('in 2,000 random sequences nothing runs without its own approval', { timeout: 5 * minutes }, async () => {
  const seen = await playAll(sequences, groundInMemory)
  if (SEQUENCE_PATH === undefined) expect(everything.filter((one) => !seen.has(one))).toEqual([])
})

forEachStore((kind) => {
  test('nor in some on its disk', { timeout: 5 * minutes }, async () => {
    await playAll(kind.rounds(onDisk), () => groundOn(kind))
  })
})

/** Throws with the shortest sequence found that breaks a rule, told in words, and with how to see it again. */
async function playAll(numRuns: number, openGround: () => Ground): Promise<Set<string>> {
  const seen = new Set<string>()
  const property = fc.asyncProperty(sequence, (one) => playOne(one, openGround, seen))
  const tried = await fc.check(property, {
    numRuns,
    // Making it shorter ends in time to tell what was found.
    interruptAfterTimeLimit: 4 * minutes,
    markInterruptAsFailure: true,
    seed: Number(SEQUENCE_SEED),
    ...(SEQUENCE_PATH && { path: SEQUENCE_PATH }),
  })
  if (!tried.failed) return seen
  const { seed, counterexamplePath: path, errorInstance } = tried
  const again = `SEQUENCE_SEED=${seed} SEQUENCE_PATH=${path} npx vitest run test/behaviours/random-sequences.test.ts`
  const why =
    errorInstance instanceof Error ? `${errorInstance.message}\n\nTo see it again: ${again}` : 'It took too long.'
  throw new Error(`Sequence ${tried.numRuns}, made shorter ${tried.numShrinks} times: ${why}`)
}

async function playOne({ first, actions, seed }: Sequence, openGround: () => Ground, seen: Set<string>) {
  await using ground = openGround()
  await using stage = new Stage(ground, seed, seen)
  const parts = [
    () => stage.open(),
    ...[first, ...actions].map((action) => () => play(stage, action)),
    () => bringToAnEnd(stage, seed),
    () => checkAll(stage),
  ]
  for (const part of parts) {
    await part()
    if (stage.violations.length > 0) throw new Error(stage.tale())
  }
}

/** What the sequences must get to, to be worth something. */
const everything = [
  ...toolNames.filter((tool) => factsOf(tool).pause !== 'external-execution').map((tool) => `ran ${tool}`),
  ...tamperings.map((how) => `tampered: ${how}`),
  ...['answer: APPROVED', 'answer: REJECTED'],
  ...['resolve: APPROVED', 'resolve: APPROVED with an edit', 'resolve: REJECTED'],
  ...['killed while a tool ran', 'killed on a decision', 'a word was lost', 'told what became of a call'],
  ...['APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'].map((status) => `approval: ${status}`),
  ...['completed', 'cancelled', 'TAMPERED'].map((end) => `end: ${end}`),
  ...['StartRunSuccess', 'IdempotencyConflictError'].map((answer) => `start: ${answer}`),
  ...['ContinueRunSuccess', 'ApprovalPendingError', 'AnswerRequiredError', 'RunStateError', 'InvalidInputError'].map(
    (answer) => `continue: ${answer}`,
  ),
  ...['ResolveApprovalSuccess', 'ApprovalConflictError', 'ForbiddenError', 'NotFoundError', 'InvalidInputError'].map(
    (answer) => `decide: ${answer}`,
  ),
  ...['CancelRunSuccess', 'RunStateError', 'ForbiddenError', 'NotFoundError'].map((answer) => `cancel: ${answer}`),
]
