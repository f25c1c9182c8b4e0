import { startRun } from '../../../src/runs/start.ts'
import { turns } from '../../runs/faulty-store.ts'
import type { Action, Answered } from './sequence-actions.ts'
import { type Call, openCalls, type Run } from './sequence-journal.ts'
import { nameOf, people } from './sequence-people.ts'
import { type Aimed, answerAs, cancelAs, decideAs, recordOf } from './sequence-say.ts'
import type { Stage } from './sequence-stage.ts'
import { changeRecord, tampered } from './sequence-tamper.ts'
import { factsOf } from './sequence-tools.ts'

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>

/** Does what the action says, and waits as long as it says. */
export async function play(stage: Stage, action: Action): Promise<void> {
  await stage.look()
  switch (action.do) {
    case 'start':
      start(stage, action)
      break
    case 'start again':
      startAgain(stage, action)
      break
    case 'model turn':
      modelTurn(stage, action)
      break
    case 'model fails':
      modelFails(stage, action)
      break
    case 'speak':
      await speak(stage, action)
      break
    case 'answer':
      await answer(stage, action)
      break
    case 'decide':
      await decide(stage, action)
      break
    case 'cancel':
      cancel(stage, action)
      break
    case 'tool ends':
      toolEnds(stage, action)
      break
    case 'restart':
      stage.begin()
      stage.tell('The server is restarted.')
      await stage.restart()
      break
    case 'crash':
      stage.begin()
      stage.tell(`The server is killed${action.down === 'long' ? ', and stays away for longer than its leases' : ''}.`)
      if (stage.held.length > 0) stage.seen.add('killed while a tool ran')
      await stage.crash(action.down)
      break
    case 'crash on a decision':
      await crashOnDecision(stage, action)
      break
    case 'time passes':
      stage.begin()
      stage.tell('A minute passes.')
      stage.pass(61_000)
      break
    case 'tamper':
      await tamper(stage, action)
  }
  await stage.pause(action.pause)
}

const at = <Item>(items: readonly Item[], which: number): Item | undefined => items[which % items.length]
const known = (stage: Stage) => stage.runs.filter(({ id }) => id !== null)
const mostRuns = 5
const mostAtOnce = 2

function start(stage: Stage, { by, resumeMode, hasKey, hasSession, twice }: Of<'start'>) {
  if (stage.runs.length >= mostRuns || stage.runs.filter(({ end }) => end === null).length >= mostAtOnce) return
  const name = 'ABCDE'.charAt(stage.runs.length)
  const requester = people[by]
  const run: Run = {
    name,
    message: `Do ${name}.`,
    requester,
    resumeMode,
    key: hasKey ? name : null,
    sessionId: hasSession ? `session of ${by}` : null,
    id: null,
    turns: [],
    calls: [],
    fails: false,
    changed: Promise.withResolvers(),
    seq: 0,
    hash: '',
    answered: 0,
    isPaused: false,
    continued: 0,
    resumed: 0,
    isCancelAsked: false,
    failure: null,
    end: null,
    cancelSeq: null,
    cancelledAt: null,
  }
  stage.runs.push(run)
  stage.begin()
  askToStart(stage, run, '')
  if (twice && hasKey) askToStart(stage, run, '')
}

function startAgain(stage: Stage, { which, changed }: Of<'start again'>) {
  const run = at(
    known(stage).filter(({ key }) => key !== null),
    which,
  )
  if (!run) return
  stage.begin()
  askToStart(stage, run, changed ? ' Now!' : '')
}

/** With another message under the same key, nothing is to begin. */
function askToStart(stage: Stage, run: Run, more: string) {
  const { key, message, sessionId, resumeMode, requester } = run
  const input = { agentName: 'agent', message: message + more, sessionId, resumeMode, idempotencyKey: key }
  const as = key === null ? '' : ` under its key${more && ', with another message'}`
  stage.ask(
    `${nameOf(requester)} starts ${run.name} (${resumeMode}${sessionId === null ? '' : `, in the ${sessionId}`})${as}`,
    (engine) => startRun(engine, requester, input),
    (answer) => {
      if (!answer) return
      stage.seen.add(`start: ${answer.__typename}`)
      if (answer.__typename !== (more ? 'IdempotencyConflictError' : 'StartRunSuccess'))
        return stage.violate(`${run.name} could not be started as it was: ${answer.__typename}`)
      if (run.id !== null && run.id !== answer.run.id) stage.violate(`${run.name} was started twice`)
      run.id = answer.run.id
    },
  )
}

const mostAhead = 2

function modelTurn(stage: Stage, { which, calls }: Of<'model turn'>) {
  const waiting = stage.runs.filter(({ end, turns, answered }) => end === null && turns.length - answered < mostAhead)
  const run = at(waiting, which)
  if (!run) return
  stage.begin()
  run.turns.push(calls)
  const words = calls.map(({ tool, to, euros, mistake, id }) =>
    [`${tool}(${to}, ${euros})`, mistake && `with ${mistake}`, id && `as ${id}`].filter(Boolean).join(' '),
  )
  stage.tell(`The model of ${run.name} says, as its turn ${run.turns.length}: ${words.join('; ') || 'Done.'}`)
  stir(run)
}

function modelFails(stage: Stage, { which }: Of<'model fails'>) {
  const run = at(
    stage.runs.filter(({ end }) => end === null),
    which,
  )
  if (!run) return
  stage.begin()
  run.fails = true
  stage.tell(`The model of ${run.name} fails when it is asked.`)
  stir(run)
}

export function stir(run: Run) {
  run.changed.resolve()
  run.changed = Promise.withResolvers()
}

async function answer(stage: Stage, { which, by, answers, twice }: Of<'answer'>) {
  const runs = known(stage)
  const waiting = runs.filter((run) => (answers.length > 0 ? openCalls(run).length > 0 : mayGoOn(run)))
  const run = at(waiting.length > 0 ? waiting : runs, which)
  if (!run) return
  const open = openCalls(run)
  const forApprover = open.filter((call) => factsOf(call.tool).tier === 'required')
  const targets: Record<Exclude<Answered, 'given already'>, readonly (Call | null)[]> = {
    waiting: open.filter((call) => !forApprover.includes(call)),
    'for an approver': forApprover,
    settled: run.calls.filter((call) => !open.includes(call)),
    'of another run': stage.runs.filter((other) => other !== run).flatMap(({ calls }) => calls),
    unknown: [null],
  }
  const aimed: Aimed[] = []
  for (const { to, which, say } of answers) {
    const given = aimed.map(({ call }) => call)
    const call = at(to === 'given already' ? given : targets[to].filter((one) => !given.includes(one)), which)
    if (call !== undefined) aimed.push({ call, say })
  }
  if (aimed.length === 0 && answers.length > 0) return
  const person = by === 'right' ? run.requester : people[by]
  for (const _ of twice ? [1, 2] : [1]) await answerAs(stage, run, person, aimed)
}

/** Whether it may be that it needs nothing but to be continued. */
const mayGoOn = (run: Run) => (run.isPaused && openCalls(run).length === 0) || run.failure === 'MODEL_ERROR'

async function speak(stage: Stage, { which, say, cancels }: Of<'speak'>) {
  const asked = known(stage).flatMap((run): { run: Run; call: Call | null }[] =>
    mayGoOn(run) ? [{ run, call: null }] : openCalls(run).map((call) => ({ run, call })),
  )
  const { run, call } = at(asked, which) ?? {}
  if (!run) return
  if (call && factsOf(call.tool).tier === 'required') {
    const record = await recordOf(stage, call)
    const isAlone = stage.begin()
    decideAs(stage, call, record, { by: 'right', say, expects: 'what is shown', key: null, isAlone })
  } else {
    await answerAs(stage, run, run.requester, call ? [{ call, say }] : [])
  }
  if (cancels) cancelAs(stage, run, run.requester)
}

const never = () => false
const pendingCalls = (stage: Stage) =>
  stage.calls().filter((call) => openCalls(call.run).includes(call) && factsOf(call.tool).tier === 'required')

async function decide(stage: Stage, action: Of<'decide'>) {
  const call = at(action.aim === 'pending' ? pendingCalls(stage) : stage.calls(), action.which)
  if (!call) return
  const record = await recordOf(stage, call)
  const isAlone = stage.begin()
  const { second } = action
  const key = second === 'same key' ? `key ${stage.moment()}` : null
  const again = decideAs(stage, call, record, { ...action, key, isAlone: second === null ? isAlone : never })
  if (second === 'same key') again()
  else if (second === 'cancel') cancelAs(stage, call.run, call.run.requester)
  else if (second) decideAs(stage, call, record, { ...second, expects: 'nothing', key: null, isAlone: never })
}

const longestDecision = 100

async function crashOnDecision(stage: Stage, { which, say, tampering, down }: Of<'crash on a decision'>) {
  const call = at(pendingCalls(stage), which)
  let record = call && (await recordOf(stage, call))
  if (!call || call.tamperedAt !== null || record?.status !== 'PENDING') return
  stage.begin()
  decideAs(stage, call, record, { by: 'right', say, expects: 'nothing', key: null, isAlone: never })
  for (let left = longestDecision; left > 0 && record?.status === 'PENDING'; left -= 1) {
    await turns(1)
    record = await recordOf(stage, call)
  }
  const decided = record
  const change = decided && tampering && tampered(tampering, call, decided)
  stage.tell('The server is killed as soon as that is in the database.')
  stage.seen.add('killed on a decision')
  await stage.crash(down, async () => {
    if (change) await changeRecord(stage, call, tampering, change)
  })
}

function cancel(stage: Stage, { which, by }: Of<'cancel'>) {
  const run = at(known(stage), which)
  if (run) cancelAs(stage, run, by === 'right' ? run.requester : people[by])
}

function toolEnds(stage: Stage, { which }: Of<'tool ends'>) {
  const held = at(stage.held, which)
  if (!held) return
  stage.begin()
  stage.tell(`${held.callId} ends.`)
  held.end()
}

async function tamper(stage: Stage, { which, how }: Of<'tamper'>) {
  const calls = stage.calls().filter((call) => {
    const { tier } = factsOf(call.tool)
    return tier === 'required' && call.isGated && call.tamperedAt === null && call.run.isPaused && call.outcome === null
  })
  // What is decided already comes first: there are fewer of them.
  const call = at([...calls.filter(({ heard }) => heard === 'APPROVED'), ...calls], which)
  const record = call && (await recordOf(stage, call))
  const change = record && tampered(how, call, record)
  const before = call?.run.id && (await stage.process.raw.runs.get(call.run.id))
  if (!change || !before || before.lease !== null) return
  stage.begin()
  await changeRecord(stage, call, how, change)
  const after = await stage.process.raw.runs.get(before.id)
  const isUntouched = after?.fence === before.fence && after.seq === before.seq && after.lease === null
  // Else it may have been looked at before.
  if (!isUntouched) call.tamperedAt = Number.POSITIVE_INFINITY
}
