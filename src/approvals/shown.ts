import type { Agent } from '../agents/agent.ts'
import { type Hiding, hidingOf, type SensitivePath } from '../sensitive.ts'
import type { ApprovalRecord, Resolution } from '../store/records.ts'

type Agents = ReadonlyMap<string, Agent>
type Proposed = Pick<ApprovalRecord, 'agentName' | 'toolName' | 'sensitive'>

/** What of a call's arguments is not shown: what was not when it was proposed, and what the tool hides now. Neither shows what the other hides. */
export function sensitiveOf(agents: Agents, { agentName, toolName, sensitive }: Proposed): readonly SensitivePath[] {
  const now = agents.get(agentName)?.tools.get(toolName)?.sensitive ?? []
  return [...new Map([...sensitive, ...now].map((path) => [JSON.stringify(path), path])).values()]
}

/** The approval as people see it. The record itself is for who decides, and for the gate. */
export function shownApproval(agents: Agents, approval: ApprovalRecord): ApprovalRecord {
  const sensitive = sensitiveOf(agents, approval)
  if (sensitive.length === 0) return approval
  const { resolution } = approval
  const hiding = hidingOf(sensitive, approval.arguments, resolution?.arguments ?? null, resolution?.values ?? null)
  return {
    ...approval,
    sensitive,
    arguments: hiding.arguments(approval.arguments),
    resolution: resolution && shownDecision(resolution, hiding),
    history: approval.history.map((change) => ({ ...change, note: change.note && hiding.message(change.note) })),
  }
}

type Said = Pick<Resolution, 'note' | 'message' | 'arguments' | 'values' | 'outcome'>

/** What was decided, wherever it is recorded. */
export const shownDecision = <Decision extends Said>(decision: Decision, hiding: Hiding): Decision => ({
  ...decision,
  note: decision.note && hiding.message(decision.note),
  message: decision.message && hiding.message(decision.message),
  arguments: decision.arguments && hiding.arguments(decision.arguments),
  values: decision.values && hiding.arguments(decision.values),
  outcome: shownOutcome(decision.outcome, hiding),
})

export function shownOutcome(outcome: Resolution['outcome'], hiding: Hiding): Resolution['outcome'] {
  if (outcome === null) return null
  return 'result' in outcome ? { result: hiding.result(outcome.result) } : { error: hiding.message(outcome.error) }
}
