/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** How an approval stands. Once it is not PENDING it never changes again. */
export type ApprovalStatus =
  /** Approved: the call may run, once. Of kind RECONCILIATION: somebody said what became of the call, see `reconciled`. */
  | 'APPROVED'
  /** The run ended first: the call never runs. */
  | 'CANCELLED'
  /** Nobody decided before `expiresAt`: the call never runs. */
  | 'EXPIRED'
  /** Waits for a decision. */
  | 'PENDING'
  /** Rejected: the call never runs. */
  | 'REJECTED';

/** The call goes on. */
export type ApproveInput = {
  /** The call's arguments as edited, all of them; as proposed when left out. The model is told that they were edited. */
  arguments?: Record<string, unknown> | null | undefined;
  /** For EXTERNAL_EXECUTION, and required there: how the call ended elsewhere. */
  outcome?: CallOutcomeInput | null | undefined;
  /** For USER_INPUT, and required there: the fields that a person fills. */
  values?: Record<string, unknown> | null | undefined;
};

/** The call was made elsewhere and failed. */
export type CallFailureInput = {
  /** What went wrong, as the model is told. */
  message: string;
};

/** How a call ended that was made elsewhere: exactly one of these. */
export type CallOutcomeInput =
  {   /** It failed. */
  failure: CallFailureInput; success?: never; }
  |  { failure?: never;   /** It succeeded. */
  success: CallSuccessInput; };

/** The call was made elsewhere and succeeded. */
export type CallSuccessInput = {
  /** What it gave; null when nothing. */
  result?: unknown;
};

/** What is decided on a call: exactly one of these. */
export type DecisionInput =
  {   /** It goes on. */
  approve: ApproveInput; reconcile?: never; reject?: never; }
  |  { approve?: never;   /** For RECONCILIATION, and the only decision there: what became of it. */
  reconcile: ReconcileInput; reject?: never; }
  |  { approve?: never; reconcile?: never;   /** It never runs. */
  reject: RejectInput; };

/** What became of an interrupted call: exactly one of these. */
export type ReconcileInput =
  {   /** It happened, with this outcome, and is not made again. */
  happened: CallOutcomeInput; runAgain?: never; }
  |  { happened?: never;   /** It did not happen, or may happen again. */
  runAgain: RunAgainInput; };

/** The call never runs. */
export type RejectInput = {
  /** Why, as the model is told. What is for people only goes into the note. */
  message?: string | null | undefined;
};

/** An interrupted call is made again. */
export type RunAgainInput = {
  /** Must be true: it may then have happened twice. */
  confirm: boolean;
};

/** How far a run is. */
export type RunStatus =
  /** Over, because somebody said so. */
  | 'CANCELLED'
  /** Over: the model said its last word, in `output`. */
  | 'COMPLETED'
  /** Over, by an error. After MODEL_ERROR or STORE_ERROR it can be continued. */
  | 'FAILED'
  /** Waits for people: see `requirements`. It may wait for as long as it takes. */
  | 'PAUSED'
  /** Under way, or about to be. */
  | 'RUNNING';

/** Why a snapshot was sent. */
export type SnapshotReason =
  /** The subscription begins. */
  | 'INITIAL'
  /** Changes may have been missed: it replaces all that was sent before. */
  | 'RESYNC';

/** How far a tool call is. */
export type ToolCallStatus =
  /** Not made: the run ended first. */
  | 'CANCELLED'
  /** Not made: nobody decided in time. */
  | 'EXPIRED'
  /** Made or tried; `error` says what went wrong. */
  | 'FAILED'
  /** Not made: it was decided against. */
  | 'REJECTED'
  /** Being made. */
  | 'RUNNING'
  /** Made; `result` is what it gave. */
  | 'SUCCEEDED'
  /** Started, and its end is not on record: nobody here knows whether it happened. */
  | 'UNKNOWN'
  /** Not made yet: it waits for a decision, or for its turn. */
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
    | { __typename: 'ToolCallInterrupted' }
    | { __typename: 'ToolCallStarted', toolCall: { toolName: string } }
    | { __typename: 'ToolCallsDecided' }
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