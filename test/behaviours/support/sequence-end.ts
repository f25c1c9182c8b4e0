import { setTimeout as delay } from 'node:timers/promises'
import { loadState } from '../../../src/runs/load.ts'
import { isOver } from '../../../src/store/records.ts'
import { doubtfulCalls, openCalls, type Run } from './sequence-journal.ts'
import { whatIsWrong, whyNotAllowed } from './sequence-model.ts'
import { stir } from './sequence-play.ts'
import { answerAs, cancelAs, decideAs, recordOf, tellWhatBecame } from './sequence-say.ts'
import type { Stage } from './sequence-stage.ts'
import { factsOf } from './sequence-tools.ts'

const mostRounds = 40
/** Less than what a decision waits for that a run has not heard of: that is looked for every five seconds. */
const patienceMs = 4_000

/** Everything that was held up goes on, and whoever is asked speaks: then every run comes to its end by itself. */
export async function bringToAnEnd(stage: Stage, seed: number): Promise<void> {
  stage.tell('In the end everybody speaks.')
  stage.isEnding = true
  stage.release()
  for (const run of stage.runs) {
    run.fails = false
    stir(run)
  }
  await stage.quiet()
  // Nobody waits for what a dead process had.
  if (stage.isStale) await stage.crash('long')
  for (let round = 0; ; round += 1) {
    await stage.rest()
    await stage.look()
    const left = stage.runs.filter((run) => run.id !== null && (run.end === null || run.failure === 'MODEL_ERROR'))
    if (left.length === 0 || stage.violations.length > 0) return
    if (round === mostRounds) return stage.violate(`${left.map(({ name }) => name)} come to no end`)
    for (const run of left) await speakTo(stage, run, seed + round)
  }
}

/** In AUTOMATIC mode a decision is enough: nobody continues a run that waits for approvers. */
async function speakTo(stage: Stage, run: Run, which: number): Promise<void> {
  if (!(await isAtRest(stage, run))) return
  for (const call of run.calls.filter(({ turn, heard }) => turn === run.answered && heard !== null)) {
    if ((await recordOf(stage, call))?.unheard)
      stage.violate(`${call.name} is decided in the journal, and still to be heard`)
  }
  const doubtful = doubtfulCalls(run)
  for (const call of doubtful) {
    tellWhatBecame(stage, call)
    await stage.rest()
  }
  const open = openCalls(run)
  // What can be said at once is: that of which somebody was just told may have gone on.
  if (doubtful.length > 0 && open.length === 0 && run.resumeMode === 'AUTOMATIC') return
  const required = open.filter(({ tool }) => factsOf(tool).tier === 'required')
  const others = open.filter((call) => !required.includes(call))
  for (const [index, call] of required.entries()) {
    const record = await recordOf(stage, call)
    if (record?.resolution === null && record.status === 'PENDING') {
      const isAlone = stage.begin()
      const say = { fits: true, which: which + index }
      decideAs(stage, call, record, { by: 'right', say, expects: 'what is shown', key: null, isAlone })
      await stage.rest()
    } else if (call.tamperedAt !== null) {
      // Nobody can decide it any more.
      cancelAs(stage, run, run.requester)
      return
    }
  }
  if (others.length > 0) {
    const aimed = others.map((call, index) => ({ call, say: { fits: true, which: which + index } }))
    await answerAs(stage, run, run.requester, aimed)
  } else if (open.length === 0) await answerAs(stage, run, run.requester, [])
}

/** Waits until nobody works on it and it waits for somebody; violates when it stays as it is though it could go on. */
async function isAtRest(stage: Stage, run: Run): Promise<boolean> {
  const isAsked = () => openCalls(run).length > 0 || doubtfulCalls(run).length > 0
  const waits = () => run.end !== null || isAsked() || (run.isPaused && run.resumeMode === 'MANUAL')
  let { seq } = run
  for (let end = performance.now() + patienceMs; performance.now() < end; await delay(2)) {
    await stage.look()
    if (run.seq > seq) end = performance.now() + patienceMs
    seq = run.seq
    const record = run.id && (await stage.process.raw.runs.get(run.id))
    if (!record) break
    if (record.lease === null && record.status !== 'RUNNING' && waits()) return true
    if (run.end !== null && run.failure !== 'MODEL_ERROR') return false
  }
  stage.violate(`${run.name} does not go on, though it waits for nobody`)
  return false
}

/** What is to hold when all is over. */
export async function checkAll(stage: Stage): Promise<void> {
  const { raw } = stage.process
  for (const execution of stage.executions) {
    const why = whyNotAllowed(execution, stage)
    if (why) stage.violate(`${execution.callId} ran with ${JSON.stringify(execution.input)}, and ${why}`)
  }
  for (const run of stage.runs) {
    if (run.id === null) continue
    const record = await raw.runs.get(run.id)
    const state = await loadState(raw, run.id)
    const isAsFolded = record?.status === state.status && record.seq === state.seq && state.seq === run.seq
    if (!record || !isOver(record.status) || record.lease !== null || !isAsFolded)
      stage.violate(`${run.name} is over, and its record says ${JSON.stringify(record)}`)
    const page = { limit: 100 }
    const filter = { visible: { tenant: 'default' }, runId: run.id }
    const approvals = await raw.approvals.list(filter, 'OLDEST_FIRST', page)
    for (const problem of whatIsWrong(run, approvals, stage)) stage.violate(problem)
    const why = whyNotEnded(run)
    if (why) stage.violate(`${run.name} ${run.end} ${run.failure ?? ''}, and ${why}`)
    stage.seen.add(`end: ${run.failure ?? run.end}`)
    for (const { status } of approvals) stage.seen.add(`approval: ${status}`)
  }
}

function whyNotEnded({ end, failure, isCancelAsked, calls }: Run): string | null {
  if (end === 'cancelled') return isCancelAsked ? null : 'nobody cancelled it'
  if (failure === 'TAMPERED')
    return calls.some(({ tamperedAt }) => tamperedAt !== null) ? null : 'nobody changed anything'
  return failure === null ? null : 'nothing made it fail'
}
