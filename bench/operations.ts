// What a client and a console send: the fields that an inbox shows and a decision needs, not a line more.

const failure = '... on UserError { message }'

export const startRun = `mutation StartRun($input: StartRunInput!) {
  startRun(input: $input) { __typename ... on StartRunSuccess { run { id status } } ${failure} }
}`

const inbox = `id toolName toolDescription arguments fingerprint createdAt expiresAt requestedBy { id name }`

export const listPending = `query Pending($runId: ID!) {
  approvals(first: 20, filter: { status: [PENDING], runId: $runId }) { edges { node { ${inbox} } } }
}`

export const resolveApproval = `mutation Resolve($input: ResolveApprovalInput!) {
  resolveApproval(input: $input) {
    __typename ... on ResolveApprovalSuccess { approval { id status } run { id status } } ${failure}
  }
}`

export const cancelRun = `mutation Cancel($input: CancelRunInput!) {
  cancelRun(input: $input) { __typename ... on CancelRunSuccess { run { id status } } ${failure} }
}`

export const someRun = `query SomeRun($status: [RunStatus!]) {
  runs(first: 1, filter: { status: $status }) { edges { node { id status } } }
}`

export const watchPending = `subscription Watch {
  pendingApprovals {
    __typename at
    ... on PendingApprovalsSnapshot { approvals { ${inbox} } }
    ... on PendingApprovalAdded { approval { ${inbox} } }
    ... on PendingApprovalChanged { approval { ${inbox} } }
    ... on PendingApprovalRemoved { approval { id status } }
  }
}`
