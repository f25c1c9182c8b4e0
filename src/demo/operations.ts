import { graphql } from './generated/index.ts'

// The operations of the demonstration, as any client would write them.

export const startRun = graphql(`
  mutation StartRun($message: String!) {
    startRun(input: { agentName: "support", message: $message }) {
      __typename
      ... on StartRunSuccess { run { id status } }
      ... on UserError { message }
    }
  }
`)

export const resolveApproval = graphql(`
  mutation ResolveApproval($approvalId: ID!, $fingerprint: String!, $decision: DecisionInput!, $note: String) {
    resolveApproval(
      input: { approvalId: $approvalId, expectedFingerprint: $fingerprint, decision: $decision, note: $note }
    ) {
      __typename
      ... on ResolveApprovalSuccess { approval { status } }
      ... on ApprovalConflictError { message approval { status resolution { resolvedBy { name } note } } }
      ... on UserError { message }
    }
  }
`)

export const watchPendingApprovals = graphql(`
  subscription WatchPendingApprovals {
    pendingApprovals {
      __typename
      ... on PendingApprovalsSnapshot { reason approvals { ...Asked } }
      ... on PendingApprovalAdded { approval { ...Asked } }
      ... on PendingApprovalRemoved { approval { id status } }
    }
  }
  fragment Asked on Approval {
    id
    toolName
    arguments
    fingerprint
    run { id }
    requestedBy { name }
  }
`)

export const watchRun = graphql(`
  subscription WatchRun($runId: ID!) {
    runEvents(runId: $runId) {
      __typename
      ... on ToolCallStarted { toolCall { toolName } }
      ... on ToolCallFinished { toolCall { toolName status result error } }
      ... on RunCompleted { output }
      ... on RunFailed { error { code message } }
    }
  }
`)
