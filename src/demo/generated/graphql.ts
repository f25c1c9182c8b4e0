/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type ApprovalStatus =
  | 'APPROVED'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'PENDING'
  | 'REJECTED';

export type ApproveInput = {
  arguments?: Record<string, unknown> | null | undefined;
  outcome?: CallOutcomeInput | null | undefined;
  values?: Record<string, unknown> | null | undefined;
};

export type CallFailureInput = {
  message: string;
};

export type CallOutcomeInput =
  {   failure: CallFailureInput; success?: never; }
  |  { failure?: never;   success: CallSuccessInput; };

export type CallSuccessInput = {
  result?: unknown;
};

export type DecisionInput =
  {   approve: ApproveInput; reconcile?: never; reject?: never; }
  |  { approve?: never;   reconcile: ReconcileInput; reject?: never; }
  |  { approve?: never; reconcile?: never;   reject: RejectInput; };

export type ReconcileInput =
  {   happened: CallOutcomeInput; runAgain?: never; }
  |  { happened?: never;   runAgain: RunAgainInput; };

export type RejectInput = {
  message?: string | null | undefined;
};

export type RunAgainInput = {
  confirm: boolean;
};

export type RunStatus =
  | 'CANCELLED'
  | 'COMPLETED'
  | 'FAILED'
  | 'PAUSED'
  | 'RUNNING';

export type SnapshotReason =
  | 'INITIAL'
  | 'RESYNC';

export type ToolCallStatus =
  | 'CANCELLED'
  | 'EXPIRED'
  | 'FAILED'
  | 'REJECTED'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'UNKNOWN'
  | 'WAITING';

export type StartRunMutationVariables = Exact<{
  message: string;
}>;


export type StartRunMutation = { startRun:
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IdempotencyConflictError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'StartRunSuccess', run: { id: string, status: RunStatus } }
   };

export type ResolveApprovalMutationVariables = Exact<{
  approvalId: string | number;
  fingerprint: string;
  decision: DecisionInput;
  note?: string | null | undefined;
}>;


export type ResolveApprovalMutation = { resolveApproval:
    | { __typename: 'ApprovalConflictError', message: string, approval: { status: ApprovalStatus, resolution: { note: string | null, resolvedBy: { name: string | null } | null } | null } }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'ResolveApprovalSuccess', approval: { status: ApprovalStatus } }
   };

export type WatchPendingApprovalsSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type WatchPendingApprovalsSubscription = { pendingApprovals:
    | { __typename: 'PendingApprovalAdded', approval: { id: string, toolName: string, arguments: Record<string, unknown>, fingerprint: string, run: { id: string }, requestedBy: { name: string | null } } }
    | { __typename: 'PendingApprovalChanged' }
    | { __typename: 'PendingApprovalRemoved', approval: { id: string, status: ApprovalStatus } }
    | { __typename: 'PendingApprovalsSnapshot', reason: SnapshotReason, approvals: Array<{ id: string, toolName: string, arguments: Record<string, unknown>, fingerprint: string, run: { id: string }, requestedBy: { name: string | null } }> }
   };

export type AskedFragment = { id: string, toolName: string, arguments: Record<string, unknown>, fingerprint: string, run: { id: string }, requestedBy: { name: string | null } };

export type WatchRunSubscriptionVariables = Exact<{
  runId: string | number;
}>;


export type WatchRunSubscription = { runEvents:
    | { __typename: 'ChildRunStarted' }
    | { __typename: 'ModelResponded' }
    | { __typename: 'RunAnswered' }
    | { __typename: 'RunCancelled' }
    | { __typename: 'RunCompleted', output: string }
    | { __typename: 'RunFailed', error: { code: string, message: string } }
    | { __typename: 'RunPaused' }
    | { __typename: 'RunResumed' }
    | { __typename: 'RunStarted' }
    | { __typename: 'TextDelta' }
    | { __typename: 'ToolCallFinished', toolCall: { toolName: string, status: ToolCallStatus, result: unknown, error: string | null } }
    | { __typename: 'ToolCallStarted', toolCall: { toolName: string } }
    | { __typename: 'ToolCallsProposed' }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const AskedFragmentDoc = new TypedDocumentString(`
    fragment Asked on Approval {
  id
  toolName
  arguments
  fingerprint
  run {
    id
  }
  requestedBy {
    name
  }
}
    `, {"fragmentName":"Asked"}) as unknown as TypedDocumentString<AskedFragment, unknown>;
export const StartRunDocument = new TypedDocumentString(`
    mutation StartRun($message: String!) {
  startRun(input: {agentName: "support", message: $message}) {
    __typename
    ... on StartRunSuccess {
      run {
        id
        status
      }
    }
    ... on UserError {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<StartRunMutation, StartRunMutationVariables>;
export const ResolveApprovalDocument = new TypedDocumentString(`
    mutation ResolveApproval($approvalId: ID!, $fingerprint: String!, $decision: DecisionInput!, $note: String) {
  resolveApproval(
    input: {approvalId: $approvalId, expectedFingerprint: $fingerprint, decision: $decision, note: $note}
  ) {
    __typename
    ... on ResolveApprovalSuccess {
      approval {
        status
      }
    }
    ... on ApprovalConflictError {
      message
      approval {
        status
        resolution {
          resolvedBy {
            name
          }
          note
        }
      }
    }
    ... on UserError {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<ResolveApprovalMutation, ResolveApprovalMutationVariables>;
export const WatchPendingApprovalsDocument = new TypedDocumentString(`
    subscription WatchPendingApprovals {
  pendingApprovals {
    __typename
    ... on PendingApprovalsSnapshot {
      reason
      approvals {
        ...Asked
      }
    }
    ... on PendingApprovalAdded {
      approval {
        ...Asked
      }
    }
    ... on PendingApprovalRemoved {
      approval {
        id
        status
      }
    }
  }
}
    fragment Asked on Approval {
  id
  toolName
  arguments
  fingerprint
  run {
    id
  }
  requestedBy {
    name
  }
}`) as unknown as TypedDocumentString<WatchPendingApprovalsSubscription, WatchPendingApprovalsSubscriptionVariables>;
export const WatchRunDocument = new TypedDocumentString(`
    subscription WatchRun($runId: ID!) {
  runEvents(runId: $runId) {
    __typename
    ... on ToolCallStarted {
      toolCall {
        toolName
      }
    }
    ... on ToolCallFinished {
      toolCall {
        toolName
        status
        result
        error
      }
    }
    ... on RunCompleted {
      output
    }
    ... on RunFailed {
      error {
        code
        message
      }
    }
  }
}
    `) as unknown as TypedDocumentString<WatchRunSubscription, WatchRunSubscriptionVariables>;