import type { Principal } from '../../../src/access/principal.ts'
import { resolveApproval } from '../../../src/approvals/resolve.ts'
import type { DecisionInput } from '../../../src/inputs.ts'
import { readJsonObject } from '../../../src/json.ts'
import { cancelRun } from '../../../src/runs/cancel.ts'
import { continueRun } from '../../../src/runs/continue.ts'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import type { Expects, Speaker } from './sequence-actions.ts'
import { type Call, openCalls, type Run } from './sequence-journal.ts'
import { approvalIdOf, maySteer, objection, toldOf, type Word } from './sequence-model.ts'
import { nameOf, people } from './sequence-people.ts'
import type { Stage } from './sequence-stage.ts'
import { type Choice, sayTo } from './sequence-words.ts'

// What people say, and what it must and must not come to.

export type Aimed = { readonly call: Call | null; readonly say: Choice }

/** Answers these calls, or without any continues the run. */
export async function answerAs(stage: Stage, run: Run, by: Principal, aimed: readonly Aimed[]): Promise<void> {
  const { id: runId } = run
  if (runId === null) return
  const open = openCalls(run)
  const { lease } = (await stage.process.raw.runs.get(runId)) ?? {}
  const isAlone = stage.begin()
  const words = aimed.map(({ call, say }, index): Word => {
    const isOpen = call !== null && open.includes(call) && aimed.findIndex((one) => one.call === call) === index
    const said = sayTo(call?.tool ?? 'ask', say)
    return word(stage, { via: 'answer', by, call, shown: call?.arguments ?? {}, said, expects: isOpen })
  })
  const unasked = open.filter((call) => call.expiresAt === null && saidOn(stage, call).length === 0)
  const isPaused = run.isPaused
  stage.words.push(...words)
  const isSound = words.length > 0 && words.every((one) => objection(one, stage.words) === null)
  const mustCount = isSound && isPaused && lease === null && !run.isCancelAsked
  const answers = words.map(({ said, call }) => ({
    callId: call?.id ?? `call_${'0'.repeat(32)}_3_0`,
    decision: said.decision as DecisionInput,
  }))
  const what = answers.map(({ callId, decision }) => `${callId} with ${inWords(decision)}`)
  const mayContinue = maySteer(by, run)
  if (mayContinue) run.continued += 1
  stage.ask(
    `${nameOf(by)} continues ${run.name}${what.length > 0 ? `, answering ${what.join(' and ')}` : ''}`,
    (engine) => continueRun(engine, by, { runId, answers }),
    (answer) => {
      settle(words, answer && answer.__typename === 'ContinueRunSuccess', (each) => accept(stage, each))
      if (!answer) return void stage.seen.add('a word was lost')
      stage.seen.add(`continue: ${answer.__typename}`)
      if (answer.__typename !== 'ContinueRunSuccess') {
        if (mayContinue) run.continued -= 1
        if (mustCount && isAlone())
          stage.violate(`${nameOf(by)} was refused for no reason: ${answer.__typename} ${answer.message}`)
        return
      }
      if (!mayContinue) stage.violate(`${nameOf(by)} may not continue ${run.name}, and did`)
      if (words.length > 0 || !isPaused) return
      const still = unasked.filter((call) => saidOn(stage, call).length === 0)
      if (still.length > 0)
        stage.violate(`${run.name} was continued though nobody decided ${still.map(({ name }) => name)}`)
    },
  )
}

const saidOn = ({ words }: Stage, on: Call) => words.filter(({ call, state }) => call === on && state !== 'refused')

const word = (stage: Stage, said: Omit<Word, 'askedAt' | 'askedTime' | 'state'>): Word => ({
  ...said,
  askedAt: stage.moment(),
  askedTime: stage.now(),
  state: 'asked',
})

function settle(words: readonly Word[], isAccepted: boolean | null, accept: (word: Word) => void) {
  for (const one of words) {
    if (isAccepted) accept(one)
    else if (one.state === 'asked') one.state = isAccepted === null ? 'lost' : 'refused'
  }
}

function accept(stage: Stage, accepted: Word) {
  if (accepted.state === 'accepted') return
  const problem = objection(accepted, stage.words)
  if (problem) stage.violate(`a word of ${nameOf(accepted.by)} on ${accepted.call?.name} counts, though ${problem}`)
  accepted.state = 'accepted'
  stage.seen.add(`${accepted.via}: ${accepted.said.verdict}${accepted.said.edit ? ' with an edit' : ''}`)
}

type Deciding = {
  readonly by: Speaker
  readonly say: Choice
  readonly expects: Expects
  readonly key: string | null
  /** Asked when it is answered: whether nothing else happened, so that a word that is right must count. */
  readonly isAlone: () => boolean
}

/** Decides, and gives what does the very same again. */
export function decideAs(
  stage: Stage,
  call: Call,
  record: ApprovalRecord | null,
  { by, say, expects, key, isAlone }: Deciding,
): () => void {
  const person = by === 'right' ? rightPerson(call, say) : people[by]
  const said = sayTo(call.tool, say)
  const expected = record ? expectations(record)[expects] : {}
  const isExpected = record?.status === 'PENDING' && !expects.startsWith('other')
  const shown = record ? readJsonObject(record.arguments) : {}
  const mine = word(stage, { via: 'resolve', by: person, call, shown, said, expects: isExpected })
  const isSound = objection(mine, stage.words) === null && call.tamperedAt === null
  const isInTime = call.expiresAt === null || call.expiresAt > stage.now() + 10_000
  stage.words.push(mine)
  const input = {
    approvalId: record?.id ?? approvalIdOf(call.id),
    decision: said.decision as DecisionInput,
    ...expected,
    ...(key !== null && { idempotencyKey: key }),
  }
  const ask = () =>
    stage.ask(
      `${nameOf(person)} decides ${call.id} with ${inWords(said.decision)}${expects === 'nothing' ? '' : `, expecting ${expects}`}${key ? ` under the ${key}` : ''}`,
      (engine) => resolveApproval(engine, person, input),
      (answer) => {
        settle([mine], answer && answer.__typename === 'ResolveApprovalSuccess', (one) => accept(stage, one))
        if (!answer) return void stage.seen.add('a word was lost')
        stage.seen.add(`decide: ${answer.__typename}`)
        if (answer.__typename !== 'ResolveApprovalSuccess' && isSound && isInTime && isAlone())
          stage.violate(`${nameOf(person)} was refused for no reason: ${answer.__typename} ${answer.message}`)
      },
    )
  ask()
  return ask
}

/** Says of a call that a crash cut off that it happened: so it is not made again. */
export function tellWhatBecame(stage: Stage, call: Call): void {
  const { doubt, name, id } = call
  if (!doubt) return
  const person = rightPerson(call, { fits: true, which: 0 })
  stage.begin()
  stage.ask(
    `${nameOf(person)} says that ${name} happened`,
    (engine) =>
      resolveApproval(engine, person, {
        approvalId: doubt.approvalId,
        decision: { reconcile: { happened: { success: { result: toldOf(id) } } } },
      }),
    (answer) => {
      if (answer?.__typename === 'ResolveApprovalSuccess') stage.seen.add('told what became of a call')
      else if (answer)
        stage.violate(`${nameOf(person)} was refused for no reason: ${answer.__typename} ${answer.message}`)
    },
  )
}

/** One of those who may, in turn. */
function rightPerson({ run }: Call, { which }: Choice): Principal {
  const approvers = [people.anna, people.ada, people.rob].filter((person) => person !== run.requester)
  return approvers[which % approvers.length] ?? people.anna
}

export const recordOf = (stage: Stage, call: Call): Promise<ApprovalRecord | null> =>
  stage.process.raw.approvals.get(approvalIdOf(call.id))

const expectations = ({ fingerprint, revision, status }: ApprovalRecord): Record<Expects, object> => ({
  nothing: {},
  'what is shown': { expectedFingerprint: fingerprint, expectedRevision: revision, expectedStatus: status },
  'other fingerprint': { expectedFingerprint: 'f'.repeat(64) },
  'other revision': { expectedRevision: revision + 1 },
  'other status': { expectedStatus: 'APPROVED' },
})

export function cancelAs(stage: Stage, run: Run, by: Principal): void {
  const { id: runId } = run
  if (runId === null) return
  stage.begin()
  run.isCancelAsked ||= maySteer(by, run)
  stage.ask(
    `${nameOf(by)} cancels ${run.name}`,
    (engine) => cancelRun(engine, by, { runId }),
    (answer) => {
      if (!answer) return
      stage.seen.add(`cancel: ${answer.__typename}`)
      if (answer.__typename !== 'CancelRunSuccess') return
      if (!maySteer(by, run)) stage.violate(`${nameOf(by)} may not cancel ${run.name}, and did`)
      // It may still wait for a tool that does not stop.
      if (answer.run.status === 'CANCELLED') run.cancelledAt ??= stage.moment()
    },
  )
}

const inWords = (value: unknown) => JSON.stringify(value)
