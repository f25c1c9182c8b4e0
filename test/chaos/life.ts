import { setTimeout as delay } from 'node:timers/promises'
import { cancel, continueRun, readRun, resolve, start } from '../behaviours/support/api.ts'
import type { AnyData } from '../support/client.ts'
import { isMade } from './effects.ts'
import { messageFor, type Script } from './scripts.ts'
import type { Site } from './site.ts'

/** What servers have acknowledged: it must be there afterwards. */
export type Ledger = {
  readonly runs: { readonly id: string; readonly name: string; readonly script: Script }[]
  readonly decisions: { readonly approvalId: string; readonly status: string; readonly note: string }[]
  /** The calls that the requester approved. */
  readonly answers: string[]
  /** What nobody should have been told. */
  readonly wrong: string[]
}
export const emptyLedger = (): Ledger => ({ runs: [], decisions: [], answers: [], wrong: [] })

const isOver = (run: AnyData) => run.status !== 'RUNNING' && run.status !== 'PAUSED'

/** The people around one run: whoever starts it, and whoever is asked. What gets no answer they do again, until the run is over. */
export async function live(site: Site, ledger: Ledger, name: string, script: Script): Promise<void> {
  const asked = { message: messageFor(name, script), idempotencyKey: name }
  const { id } = await site.ask((api) => start(api, { ...asked, waitMs: 0 }))
  ledger.runs.push({ id, name, script })
  // The same request again is answered with the same run, once it is paused or over.
  const wait = () => site.ask((api) => start(api, { ...asked, waitMs: 20_000 }))
  for (let run = await wait(), pause = 50; !isOver(run); ) {
    if (run.id !== id) ledger.wrong.push(`${name} is ${id}, and then ${run.id}`)
    const open = run.requirements.filter(({ approval }: AnyData) => approval === null || approval.status === 'PENDING')
    for (const requirement of open) await speak(site, ledger, id, requirement)
    pause = open.length > 0 || run.status === 'RUNNING' ? 50 : Math.min(2 * pause, 3_000)
    // What was said is heard by and by; of what an agent within waits for, this run's journal says nothing.
    if (run.status === 'PAUSED') await delay(pause)
    run = run.status === 'PAUSED' ? await site.ask((api) => readRun(api, id)) : await wait()
  }
}

async function speak(site: Site, ledger: Ledger, runId: string, requirement: AnyData): Promise<void> {
  const { kind, decider, callId, approval, toolCall } = requirement
  const { say } = toolCall.arguments
  if (kind === 'RECONCILIATION') {
    // Who sleeps may have done it already, or be about to.
    await site.calm()
    const happened = { happened: { success: { result: { found: callId } } } }
    const reconcile = isMade(site.effectsPath, callId) ? happened : { runAgain: { confirm: true } }
    await decide(site, ledger, approval.id, { reconcile })
  } else if (say === 'cancel') {
    await site.ask((api) => cancel(api, runId))
  } else if (decider === 'REQUESTER') {
    const answers = [{ callId, decision: { approve: {} } }]
    const answer = await site.ask((api) => continueRun(api, runId, { answers, waitMs: 0 }))
    // Any other answer says that it was taken before, by a server that could not say so.
    if (answer.__typename === 'ContinueRunSuccess') ledger.answers.push(callId)
  } else if (say !== 'nothing') {
    await decide(site, ledger, approval.id, say === 'no' ? { reject: { message: 'No.' } } : { approve: {} })
  }
}

/** Two people at once, who are of one mind: one of them is the one who decided. */
async function decide(site: Site, ledger: Ledger, approvalId: string, decision: object): Promise<void> {
  const people = ['approver-1', 'approver-2'].map(async (as) => {
    const note = `${approvalId} by ${as}`
    const answer = await site.ask((api) => resolve(api, approvalId, { as, decision, idempotencyKey: approvalId, note }))
    const { __typename: type, approval } = answer
    if (type === 'ResolveApprovalSuccess') ledger.decisions.push({ approvalId, status: approval.status, note })
    else if (type !== 'ApprovalConflictError' || approval.status === 'PENDING')
      ledger.wrong.push(`a decision on ${approvalId} is answered ${JSON.stringify(answer)}`)
  })
  await Promise.all(people)
}
