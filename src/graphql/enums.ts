import { builder } from './builder.ts'

export const Role = builder.enumType('Role', {
  description: 'What somebody may do in their tenant. One may have several.',
  values: {
    REQUESTER: { description: 'Starts runs, continues, cancels and sees their own, and sees the approvals of these.' },
    APPROVER: { description: "Sees and resolves the tenant's approvals, and sees their runs." },
    AUDITOR: { description: 'Sees everything of the tenant, and changes nothing.' },
    ADMIN: { description: 'Does everything in the tenant, deciding included.' },
  },
})

export const PauseKind = builder.enumType('PauseKind', {
  description: 'What a person is asked for before a call goes on.',
  values: {
    CONFIRMATION: { description: 'A yes or no; a yes may change the arguments.' },
    USER_INPUT: { description: 'Values for the input fields that only a person fills.' },
    EXTERNAL_EXECUTION: { description: 'The outcome: the call is made elsewhere, and nothing runs here.' },
    RECONCILIATION: { description: 'Whether an interrupted call happened: nobody here can know.' },
  },
})

export const ApprovalType = builder.enumType('ApprovalType', {
  description: 'What an approval record is for.',
  values: {
    REQUIRED: { description: 'An approver must agree before the call runs, and nobody else can.' },
    AUDIT: { description: 'Who requested the run, or an ADMIN, decided; the record says so. Never pending.' },
  },
})

export const Decider = builder.enumType('Decider', {
  description: 'Who decides what a run waits for.',
  values: {
    REQUESTER: { description: 'Who requested the run, or an ADMIN, with `continueRun(answers)`.' },
    APPROVER: { description: 'An approver, with `resolveApproval`.' },
  },
})

export const RunStatus = builder.enumType('RunStatus', {
  description: 'How far a run is.',
  values: {
    RUNNING: { description: 'Under way, or about to be.' },
    PAUSED: { description: 'Waits for people: see `requirements`. It may wait for as long as it takes.' },
    COMPLETED: { description: 'Over: the model said its last word, in `output`.' },
    FAILED: { description: 'Over, by an error. After MODEL_ERROR or STORE_ERROR it can be continued.' },
    CANCELLED: { description: 'Over, because somebody said so.' },
  },
})

export const ResumeMode = builder.enumType('ResumeMode', {
  description: 'When a paused run goes on.',
  values: {
    AUTOMATIC: { description: 'As soon as its last open call is decided.' },
    MANUAL: { description: 'When its last open call is decided and `continueRun` says so.' },
  },
})

export const RunOrder = builder.enumType('RunOrder', {
  description: 'The order of a list of runs, by when they were created.',
  values: {
    NEWEST_FIRST: { description: 'The latest created first.' },
    OLDEST_FIRST: { description: 'The earliest created first.' },
  },
})

export const ToolCallStatus = builder.enumType('ToolCallStatus', {
  description: 'How far a tool call is.',
  values: {
    WAITING: { description: 'Not made yet: it waits for a decision, or for its turn.' },
    RUNNING: { description: 'Being made.' },
    SUCCEEDED: { description: 'Made; `result` is what it gave.' },
    FAILED: { description: 'Made or tried; `error` says what went wrong.' },
    REJECTED: { description: 'Not made: it was decided against.' },
    EXPIRED: { description: 'Not made: nobody decided in time.' },
    CANCELLED: { description: 'Not made: the run ended first.' },
    UNKNOWN: { description: 'Started, and its end is not on record: nobody here knows whether it happened.' },
  },
})

export const ApprovalStatus = builder.enumType('ApprovalStatus', {
  description: 'How an approval stands. Once it is not PENDING it never changes again.',
  values: {
    PENDING: { description: 'Waits for a decision.' },
    APPROVED: {
      description:
        'Approved: the call may run, once. Of kind RECONCILIATION: somebody said what became of the call, see `reconciled`.',
    },
    REJECTED: { description: 'Rejected: the call never runs.' },
    EXPIRED: { description: 'Nobody decided before `expiresAt`: the call never runs.' },
    CANCELLED: { description: 'The run ended first: the call never runs.' },
  },
})

export const ApprovalOrder = builder.enumType('ApprovalOrder', {
  description: 'The order of a list of approvals.',
  values: {
    OLDEST_FIRST: { description: 'The earliest created first.' },
    NEWEST_FIRST: { description: 'The latest created first.' },
    EXPIRES_SOONEST: { description: 'The next deadline first; those without one last.' },
    RECENTLY_RESOLVED: { description: 'The latest resolved first; those that are pending last.' },
  },
})

export const CannotResolveReason = builder.enumType('CannotResolveReason', {
  description: 'Why the viewer cannot resolve an approval.',
  values: {
    NOT_PENDING: { description: 'It is resolved, or past its deadline.' },
    NOT_AN_APPROVER: { description: 'The viewer has neither of the roles APPROVER and ADMIN.' },
    OWN_REQUEST: { description: 'The viewer requested the run, and nobody approves their own.' },
  },
})

export const ResolutionCause = builder.enumType('ResolutionCause', {
  description: 'What resolved an approval.',
  values: {
    DECISION: { description: 'A person.' },
    DEADLINE: { description: '`expiresAt` came.' },
    CANCELLATION: { description: 'The run ended.' },
  },
})

export const Reconciled = builder.enumType('Reconciled', {
  description: 'What was said of an interrupted call.',
  values: {
    HAPPENED: { description: 'It happened, with `result` or `error`: it was not made again.' },
    RUN_AGAIN: { description: 'It was to be made again, perhaps for the second time.' },
  },
})

export const ApprovalAction = builder.enumType('ApprovalAction', {
  description: 'What happened to an approval.',
  values: {
    PROPOSED: { description: 'The model asked for the call.' },
    REMINDED: { description: 'Its deadline is near, and nobody had decided.' },
    REVEALED: { description: 'Somebody looked at a hidden argument; `note` has its path.' },
    APPROVED: { description: 'It was approved.' },
    REJECTED: { description: 'It was rejected.' },
    EXPIRED: { description: 'Its deadline came.' },
    CANCELLED: { description: 'Its run ended.' },
  },
})

export const CountPrecision = builder.enumType('CountPrecision', {
  description: 'How a count is meant.',
  values: {
    EXACT: { description: 'So many, and no more.' },
    AT_LEAST: { description: 'More than so many: counting stopped there.' },
  },
})

export const SnapshotReason = builder.enumType('SnapshotReason', {
  description: 'Why a snapshot was sent.',
  values: {
    INITIAL: { description: 'The subscription begins.' },
    RESYNC: { description: 'Changes may have been missed: it replaces all that was sent before.' },
  },
})
