/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  mutation StartRun($message: String!) {\n    startRun(input: { agentName: \"support\", message: $message }) {\n      __typename\n      ... on StartRunSuccess { run { id status } }\n      ... on UserError { message }\n    }\n  }\n": typeof types.StartRunDocument,
    "\n  mutation ResolveApproval($approvalId: ID!, $fingerprint: String!, $decision: DecisionInput!, $note: String) {\n    resolveApproval(\n      input: { approvalId: $approvalId, expectedFingerprint: $fingerprint, decision: $decision, note: $note }\n    ) {\n      __typename\n      ... on ResolveApprovalSuccess { approval { status } }\n      ... on ApprovalConflictError { message approval { status resolution { resolvedBy { name } note } } }\n      ... on UserError { message }\n    }\n  }\n": typeof types.ResolveApprovalDocument,
    "\n  subscription WatchPendingApprovals {\n    pendingApprovals {\n      __typename\n      ... on PendingApprovalsSnapshot { reason approvals { ...Asked } }\n      ... on PendingApprovalAdded { approval { ...Asked } }\n      ... on PendingApprovalRemoved { approval { id status } }\n    }\n  }\n  fragment Asked on Approval {\n    id\n    toolName\n    arguments\n    fingerprint\n    run { id }\n    requestedBy { name }\n  }\n": typeof types.WatchPendingApprovalsDocument,
    "\n  subscription WatchRun($runId: ID!) {\n    runEvents(runId: $runId) {\n      __typename\n      ... on ToolCallStarted { toolCall { toolName } }\n      ... on ToolCallFinished { toolCall { toolName status result error } }\n      ... on RunCompleted { output }\n      ... on RunFailed { error { code message } }\n    }\n  }\n": typeof types.WatchRunDocument,
};
const documents: Documents = {
    "\n  mutation StartRun($message: String!) {\n    startRun(input: { agentName: \"support\", message: $message }) {\n      __typename\n      ... on StartRunSuccess { run { id status } }\n      ... on UserError { message }\n    }\n  }\n": types.StartRunDocument,
    "\n  mutation ResolveApproval($approvalId: ID!, $fingerprint: String!, $decision: DecisionInput!, $note: String) {\n    resolveApproval(\n      input: { approvalId: $approvalId, expectedFingerprint: $fingerprint, decision: $decision, note: $note }\n    ) {\n      __typename\n      ... on ResolveApprovalSuccess { approval { status } }\n      ... on ApprovalConflictError { message approval { status resolution { resolvedBy { name } note } } }\n      ... on UserError { message }\n    }\n  }\n": types.ResolveApprovalDocument,
    "\n  subscription WatchPendingApprovals {\n    pendingApprovals {\n      __typename\n      ... on PendingApprovalsSnapshot { reason approvals { ...Asked } }\n      ... on PendingApprovalAdded { approval { ...Asked } }\n      ... on PendingApprovalRemoved { approval { id status } }\n    }\n  }\n  fragment Asked on Approval {\n    id\n    toolName\n    arguments\n    fingerprint\n    run { id }\n    requestedBy { name }\n  }\n": types.WatchPendingApprovalsDocument,
    "\n  subscription WatchRun($runId: ID!) {\n    runEvents(runId: $runId) {\n      __typename\n      ... on ToolCallStarted { toolCall { toolName } }\n      ... on ToolCallFinished { toolCall { toolName status result error } }\n      ... on RunCompleted { output }\n      ... on RunFailed { error { code message } }\n    }\n  }\n": types.WatchRunDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation StartRun($message: String!) {\n    startRun(input: { agentName: \"support\", message: $message }) {\n      __typename\n      ... on StartRunSuccess { run { id status } }\n      ... on UserError { message }\n    }\n  }\n"): typeof import('./graphql.ts').StartRunDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ResolveApproval($approvalId: ID!, $fingerprint: String!, $decision: DecisionInput!, $note: String) {\n    resolveApproval(\n      input: { approvalId: $approvalId, expectedFingerprint: $fingerprint, decision: $decision, note: $note }\n    ) {\n      __typename\n      ... on ResolveApprovalSuccess { approval { status } }\n      ... on ApprovalConflictError { message approval { status resolution { resolvedBy { name } note } } }\n      ... on UserError { message }\n    }\n  }\n"): typeof import('./graphql.ts').ResolveApprovalDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription WatchPendingApprovals {\n    pendingApprovals {\n      __typename\n      ... on PendingApprovalsSnapshot { reason approvals { ...Asked } }\n      ... on PendingApprovalAdded { approval { ...Asked } }\n      ... on PendingApprovalRemoved { approval { id status } }\n    }\n  }\n  fragment Asked on Approval {\n    id\n    toolName\n    arguments\n    fingerprint\n    run { id }\n    requestedBy { name }\n  }\n"): typeof import('./graphql.ts').WatchPendingApprovalsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription WatchRun($runId: ID!) {\n    runEvents(runId: $runId) {\n      __typename\n      ... on ToolCallStarted { toolCall { toolName } }\n      ... on ToolCallFinished { toolCall { toolName status result error } }\n      ... on RunCompleted { output }\n      ... on RunFailed { error { code message } }\n    }\n  }\n"): typeof import('./graphql.ts').WatchRunDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
