import { describe, expect, test } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, continueRun, decide, readRun, resolve, start, until } from './support/api.ts'
import { eachPause, input, inputSchema, type Pause, pauses } from './support/pauses.ts'
import { forEachStore, type Tampering } from './support/stores.ts'

// An approval's record changed in the database, before and after the decision: the call it is for does not run.

function scene(pause: Pause) {
  const kept = ledger()
  const pay = { inputSchema, execute: kept.enter, ...pauses[pause].fields, approval: 'required' }
  return { kept, ...agentOf({ pay, refund: pay }, [[{ call: 'pay', input }]]) }
}

/** What is changed, given the record, another run of the same kind and the agent; null deletes it. */
type Change = (record: ApprovalRecord, other: AnyData, agent: Agent) => Tampering | null
const forgedArguments = '{"euros":1000000,"to":"Eve"}' as never
const printOf = (agent: Agent, args: never) => fingerprint('pay', agent.tools.get('pay')?.schemaDigest ?? '', args)

const changes: Record<string, Change> = {
  'the record': () => null,
  'its arguments': () => ({ arguments: forgedArguments }),
  'its fingerprint': (_, __, agent) => ({ fingerprint: printOf(agent, forgedArguments) }),
  'its arguments, with their fingerprint': (_, __, agent) => ({
    arguments: forgedArguments,
    fingerprint: printOf(agent, forgedArguments),
  }),
  'its tool': () => ({ toolName: 'refund' }),
  'its run': (_, other) => ({ runId: other.id }),
  'its call': (_, other) => ({ callId: callsOf(other)[0].id }),
  'its agent': () => ({ agentName: 'nobody' }),
  'its tenant': () => ({ tenant: 'two' }),
  'its requester': () => ({ requestedBy: 'prn_somebody' }),
  'its kind': ({ kind }) => ({ kind: kind === 'CONFIRMATION' ? 'EXTERNAL_EXECUTION' : 'CONFIRMATION' }),
  'its type': () => ({ type: 'AUDIT' }),
}
/** Who decides, where it is not any approver. */
const people: Record<string, string> = { 'its tenant': 'approver-1@two', 'its requester': 'requester+approver-1' }

/** What only a decision has. */
const decisions: Record<string, Change> = {
  'its status, to PENDING': () => ({ status: 'PENDING' }),
  'its status, to REJECTED': () => ({ status: 'REJECTED' }),
  'its status, to EXPIRED': () => ({ status: 'EXPIRED' }),
  'its status, to CANCELLED': () => ({ status: 'CANCELLED' }),
  'its decision, to none': () => ({ resolution: null }),
  'its decision, to a rejection': ({ resolution }) => ({ resolution: { ...resolution, status: 'REJECTED' } }),
  'what was answered': ({ kind, resolution }) => ({
    resolution: { ...resolution, ...forgeries[kind as keyof typeof forgeries] },
  }),
}
const forgeries = {
  CONFIRMATION: { arguments: forgedArguments },
  USER_INPUT: { values: '{"euros":1000000}' },
  EXTERNAL_EXECUTION: { outcome: { result: '"forged"' } },
}

forEachStore(({ serve, approvalRecord, editApproval, deleteApproval }) => {
  describe.each(eachPause)('a required call, %s, does not run', (pause) => {
    async function opened() {
      const { kept, agent, prompts } = scene(pause)
      const api = await serve({ agents: [agent] })
      const other = await start(api)
      return {
        api,
        /** A run that waits, and its approval. */
        async paused() {
          const run = await start(api, { as: 'requester+approver-1', resumeMode: 'MANUAL' })
          return { run, id: approvalsOf(run)[0].id }
        },
        async tamper(id: string, change: Change) {
          const tampering = change(await approvalRecord(api.database, id), other, agent)
          await (tampering === null ? deleteApproval(api.database, id) : editApproval(api.database, id, tampering))
        },
        /** Continues it, and gives what became of it: in any case nothing ran, and the model heard of nothing that did. */
        async outcomeOf(run: AnyData) {
          const [{ id }] = callsOf(run)
          await continueRun(api, run.id, {}, 'requester+approver-1')
          const over = await readRun(api, run.id)
          expect(callsOf(over)[0].status).not.toBe('SUCCEEDED')
          expect(kept.times(id)).toBe(0)
          expect(JSON.stringify(prompts)).not.toMatch(/"(done|paid|forged)"/)
          return over.error?.code ?? over.status
        },
        [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
      }
    }

    test('when somebody has changed its record before it is approved', async () => {
      await using s = await opened()
      for (const [what, change] of Object.entries(changes)) {
        const { run, id } = await s.paused()
        await s.tamper(id, change)
        // However it is asked for now. The run of another tenant is in no answer: then there is none.
        for (const { approve } of Object.values(pauses)) {
          const answered = resolve(s.api, id, { as: people[what] ?? 'approver-2', decision: { approve } })
          await (what === 'its tenant' ? answered.catch(() => null) : answered)
        }
        expect(['PAUSED', 'TAMPERED'], what).toContain(await s.outcomeOf(run))
      }
    })

    test('when somebody changes its record once it is approved', async () => {
      await using s = await opened()
      for (const [what, change] of Object.entries({ ...changes, ...decisions })) {
        const { run, id } = await s.paused()
        await decide(s.api, id, { decision: { approve: pauses[pause].approve } })
        await until(s.api, run.id, 'ToolCallsDecided')
        await s.tamper(id, change)
        const isRefused = what === 'the record' || what.startsWith('its status')
        expect(await s.outcomeOf(run), what).toBe(isRefused ? 'COMPLETED' : 'TAMPERED')
      }
    })
  })
})
