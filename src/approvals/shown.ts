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
    resolution: resolution && shownResolution(resolution, hiding),
    history: approval.history.map((change) => ({ ...change, note: change.note && hiding.message(change.note) })),
  }
}

const shownResolution = (resolution: Resolution, hiding: Hiding): Resolution => ({
  ...resolution,
  note: resolution.note && hiding.message(resolution.note),
  message: resolution.message && hiding.message(resolution.message),
  arguments: resolution.arguments && hiding.arguments(resolution.arguments),
  values: resolution.values && hiding.arguments(resolution.values),
  outcome: shownOutcome(resolution.outcome, hiding),
})

export function shownOutcome(outcome: Resolution['outcome'], hiding: Hiding): Resolution['outcome'] {
  if (outcome === null) return null
  return 'result' in outcome ? { result: hiding.result(outcome.result) } : { error: hiding.message(outcome.error) }
}
