import type { Agent, AgentTool } from '../../src/agents/agent.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { defaultSettings } from '../../src/engine.ts'
import { type JsonText, toJsonText } from '../../src/json.ts'
import { type Admission, admit } from '../../src/runs/dispatch.ts'
import type { Call } from '../../src/runs/fold.ts'
import type { CallDecision } from '../../src/runs/journal.ts'
import { propose, reconciliation } from '../../src/runs/propose.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { callOf, callStarted, decided, decision, inDoubt, resolution, runRecord, stateAfterTurn } from './journal-of.ts'

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

/** The call of such a scene, cut off and decided to be made again (`doubt: null` is not decided), with the record that says so. */
export function cutOff(
  { call: { proposed, decision: first }, ...scene }: Scene,
  { outcome = null as CallDecision['outcome'], decided: isDecided = true } = {},
) {
  const { callId } = proposed
  const before = first && proposed.gate ? [decided(first)] : []
  const begun = [...before, callStarted(callId), inDoubt(callId, 4 + before.length)]
  const said = isDecided ? [decided(decision(callId, 'APPROVED', { outcome }))] : []
  const call = callOf(stateAfterTurn([proposed], ...begun, ...said))
  const asked = reconciliation(runRecord(), call, scene.tool, 5_000)
  const given = resolution('APPROVED', { outcome })
  const doubt: ApprovalRecord = isDecided ? { ...asked, status: 'APPROVED', revision: 2, resolution: given } : asked
  return { ...scene, call, doubt }
}

/** What the gate says when the store has these records. */
export async function ask(
  {
    call,
    tool,
    record,
    doubt = null,
  }: { call: Call; tool: AgentTool | undefined; record: ApprovalRecord | null; doubt?: ApprovalRecord | null },
  isHeld = () => true,
  change: (store: Store) => Store = (store) => store,
): Promise<Admission> {
  await using store = await openSqliteStore({ path: ':memory:' })
  const run = runRecord()
  for (const one of [record, doubt]) if (one !== null) await keep(store, one)
  return await admit(call, run, tool, change(store), isHeld)
}

async function keep(store: Store, record: ApprovalRecord) {
  const there = await store.runs.get(record.runId)
  const run = there ?? runRecord({ id: record.runId, tenant: record.tenant })
  const entry = { runId: run.id, seq: 1, text: toJsonText({}) }
  if (!there) await store.runs.create(run, entry)
  const { status, output, error, updatedAt, finishedAt } = run
  const head = { status, output, error, updatedAt, finishedAt, gated: true }
  const nothing = { entries: [], start: [], signal: [], heard: [], cancelPending: null, release: null }
  await store.runs.step({ runId: run.id, fence: 1, seq: 1, head, propose: [record], ...nothing })
}
