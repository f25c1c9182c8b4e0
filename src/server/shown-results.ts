import type { Agent } from '../agents/agent.ts'
import { shownApproval } from '../approvals/shown.ts'
import type { Connection } from '../connection.ts'
import type { ContinueRunResult, ResolveApprovalResult, RevealArgumentResult } from '../results.ts'
import type { ApprovalRecord } from '../store/records.ts'

// What the library gives of approvals: as people see them, as over GraphQL.

type Agents = ReadonlyMap<string, Agent>

export const shownOrNull = (agents: Agents, approval: ApprovalRecord | null): ApprovalRecord | null =>
  approval && shownApproval(agents, approval)

export const shownPage = (agents: Agents, page: Connection<ApprovalRecord>): Connection<ApprovalRecord> => ({
  ...page,
  edges: page.edges.map((edge) => ({ ...edge, node: shownApproval(agents, edge.node) })),
})

export const shownAnswer = <Result extends ContinueRunResult | ResolveApprovalResult | RevealArgumentResult>(
  agents: Agents,
  result: Result,
): Result => ({
  ...result,
  ...('approval' in result && { approval: shownApproval(agents, result.approval) }),
  ...('pending' in result && { pending: result.pending.map((approval) => shownApproval(agents, approval)) }),
})
