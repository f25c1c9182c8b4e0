import type { Agent, AgentTool } from '../../src/agents/agent.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { defaultSettings } from '../../src/engine.ts'
import { type JsonText, toJsonText } from '../../src/json.ts'
import { type Admission, admit } from '../../src/runs/dispatch.ts'
import type { Call } from '../../src/runs/fold.ts'
import type { CallDecision } from '../../src/runs/journal.ts'
import { propose } from '../../src/runs/propose.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { callOf, decided, decision, resolution, runRecord, stateAfterTurn } from './journal-of.ts'

// biome-ignore lint/suspicious/noExplicitAny: as a tool record is typed; wrong ones are wanted here.
export type Definition = any

export const agentWith = (tool: Definition): Agent =>
  defineAgent({ name: 'agent', model: scriptedModel([]), tools: { delete_user: tool } })
export const toolOf = (definition: Definition): AgentTool => {
  const tool = agentWith(definition).tools.get('delete_user')
  if (!tool) throw new Error('The tool is gone.')
  return tool
}

export type Scene = {
  readonly tool: AgentTool
  readonly call: Call
  readonly record: ApprovalRecord | null
}

/** A call of `delete_user` that was proposed and decided as people do it; `edited` are the arguments its approver wrote. */
export async function proposeAndDecide(
  definition: Definition,
  { verdict = 'APPROVED', edited = null }: { verdict?: CallDecision['verdict'] | null; edited?: JsonText | null } = {},
): Promise<Scene> {
  const agent = agentWith(definition)
  const tool = toolOf(definition)
  const asked = [{ toolCallId: 'p', toolName: 'delete_user', input: '{"id":"u_1"}' }]
  const where = { run: runRecord(), seq: 3, now: 1_000, limits: defaultSettings.limits, prompt: [] }
  const { calls, approvals } = await propose(agent, asked, where)
  const [proposed] = calls
  if (!proposed) throw new Error('Nothing was proposed.')
  const word = verdict && decision(proposed.callId, verdict, { arguments: edited })
  const state = stateAfterTurn(calls, ...(word && proposed.gate ? [decided(word)] : []))
  const [record = null] = approvals
  const print = edited === null ? null : fingerprint(tool.name, tool.schemaDigest, edited)
  const given = verdict && resolution(verdict, { arguments: edited, fingerprint: print })
  return {
    tool,
    call: callOf(state),
    record: record && given ? { ...record, status: given.status, revision: 2, resolution: given } : record,
  }
}

/** What the gate says when the store has this record. */
export async function ask(
  { call, tool, record }: { call: Call; tool: AgentTool | undefined; record: ApprovalRecord | null },
  isHeld = () => true,
  change: (store: Store) => Store = (store) => store,
): Promise<Admission> {
  await using store = await openSqliteStore({ path: ':memory:' })
  const run = runRecord()
  if (record !== null) await keep(store, record)
  return admit(call, run, tool, change(store), isHeld)
}

async function keep(store: Store, record: ApprovalRecord) {
  const run = runRecord({ id: record.runId, tenant: record.tenant })
  const entry = { runId: run.id, seq: 1, text: toJsonText({}) }
  await store.runs.create(run, entry)
  const { status, output, error, updatedAt, finishedAt } = run
  const head = { status, output, error, updatedAt, finishedAt, gated: true }
  const nothing = { entries: [], start: [], signal: [], heard: [], cancelPending: null, release: null }
  await store.runs.step({ runId: run.id, fence: 1, seq: 1, head, propose: [record], ...nothing })
}
