const approvalFields = /* GraphQL */ `
  fragment ApprovalFields on Approval {
    id revision status type kind callId agentName path toolName toolDescription inputSchema arguments fingerprint answerSchema
    run { id }
    requestedBy { id }
    resolution {
      status cause reconciled resolvedBy { id } via { id } resolvedAt note message arguments editedPaths fingerprint values result error
    }
    history { edges { node { revision at by { id } via { id } action note } } }
    createdAt updatedAt expiresAt
  }
`
const callFields = /* GraphQL */ `
  fragment CallFields on ToolCall { id toolName arguments status result error approval { id status } startedAt finishedAt }
`
const requirementFields = /* GraphQL */ `
  fragment RequirementFields on Requirement {
    callId path kind decider approvalType answerSchema
    toolCall { id toolName arguments status }
    approval { id status }
  }
`
const runFields = /* GraphQL */ `
  fragment RunFields on Run {
    id status output lastSeq
    error { code message }
    requirements { ...RequirementFields }
    toolCalls(first: 100) { edges { node { ...CallFields } } }
    approvals(first: 100) { edges { node { ...ApprovalFields } } }
  }
  ${requirementFields} ${callFields} ${approvalFields}
`

export const startRun = /* GraphQL */ `
  mutation ($input: StartRunInput!) {
    startRun(input: $input) { __typename ... on StartRunSuccess { run { ...RunFields } } ... on UserError { message } }
  }
  ${runFields}
`
export const continueRun = /* GraphQL */ `
  mutation ($input: ContinueRunInput!) {
    continueRun(input: $input) {
      __typename
      ... on ContinueRunSuccess { run { ...RunFields } }
      ... on ApprovalPendingError { pending { id path } missing }
      ... on AnswerRequiredError { requirements { callId path } }
      ... on InvalidInputError { issues { path message } }
      ... on UserError { message }
    }
  }
  ${runFields}
`
export const cancelRun = /* GraphQL */ `
  mutation ($input: CancelRunInput!) {
    cancelRun(input: $input) {
      __typename
      ... on CancelRunSuccess { run { ...RunFields } }
      ... on RunStateError { run { id status } }
      ... on UserError { message }
    }
  }
  ${runFields}
`
export const resolveApproval = /* GraphQL */ `
  mutation ($input: ResolveApprovalInput!) {
    resolveApproval(input: $input) {
      __typename
      ... on ResolveApprovalSuccess { approval { ...ApprovalFields } run { id } }
      ... on ApprovalConflictError { approval { ...ApprovalFields } }
      ... on InvalidInputError { issues { path message } }
      ... on UserError { message }
    }
  }
  ${approvalFields}
`
export const run = /* GraphQL */ `
  query ($id: ID!) { run(id: $id) { ...RunFields } }
  ${runFields}
`
export const runsWithin = /* GraphQL */ `
  query ($id: ID!) {
    run(id: $id) {
      id agentName
      parent { id }
      children(first: 100) { edges { node {
        id agentName status message output
        error { code message }
        requestedBy { id }
        parent { id }
      } } }
      toolCalls(first: 100) { edges { node { id status error result childRun { id } } } }
    }
  }
`
export const approval = /* GraphQL */ `
  query ($id: ID!) { approval(id: $id) { ...ApprovalFields } }
  ${approvalFields}
`
export const approvals = /* GraphQL */ `
  query ($filter: ApprovalFilter) { approvals(filter: $filter, first: 100) { edges { node { ...ApprovalFields } } } }
  ${approvalFields}
`
export const rights = /* GraphQL */ `
  query ($id: ID!) { approval(id: $id) { viewerCanResolve viewerCannotResolveReasons } }
`
export const agents = /* GraphQL */ `
  query { agents { name tools { name pauseKind approvalType inputSchema } } }
`
export const pendingApprovals = /* GraphQL */ `
  subscription ($filter: PendingApprovalFilter) {
    pendingApprovals(filter: $filter) {
      __typename
      ... on PendingApprovalsSnapshot { reason approvals { ...ApprovalFields } }
      ... on PendingApprovalAdded { approval { ...ApprovalFields } }
      ... on PendingApprovalChanged { approval { ...ApprovalFields } }
      ... on PendingApprovalRemoved { approval { ...ApprovalFields } }
    }
  }
  ${approvalFields}
`
export const approvalChanges = /* GraphQL */ `
  subscription ($id: ID!) { approval(id: $id) { id } }
`
export const runEvents = /* GraphQL */ `
  subscription ($runId: ID!, $after: Int) {
    runEvents(runId: $runId, after: $after) {
      __typename
      run { id status }
      ... on RunStarted { seq via { id } }
      ... on ModelResponded { seq text }
      ... on ToolCallsProposed { seq toolCalls { ...CallFields } }
      ... on RunPaused { seq requirements { ...RequirementFields } }
      ... on RunAnswered { seq by { id } via { id } answers { toolCall { id } status note message values result error } }
      ... on ToolCallsDecided { seq toolCalls { id } }
      ... on RunResumed { seq by { id } via { id } }
      ... on ToolCallStarted { seq toolCall { id } }
      ... on ToolCallInterrupted { seq toolCall { id status } }
      ... on ChildRunStarted { seq child { id agentName } }
      ... on ToolCallFinished { seq toolCall { ...CallFields } }
      ... on RunCompleted { seq output }
      ... on RunFailed { seq error { code message } }
      ... on RunCancelled { seq by { id } via { id } reason }
    }
  }
  ${requirementFields} ${callFields}
`
