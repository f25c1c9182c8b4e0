import type { CancelRunResult, ContinueRunResult, StartRunResult } from '../results.ts'
import { cancelRun } from '../runs/cancel.ts'
import { continueRun } from '../runs/continue.ts'
import { startRun } from '../runs/start.ts'
import type { RunRecord } from '../store/records.ts'
import { builder } from './builder.ts'
import { DecisionInput } from './decision-input.ts'
import { isPublic } from './default-deny.ts'
import { ResumeMode } from './enums.ts'
import { perform } from './perform.ts'
import { Run } from './refs.ts'
import {
  AnswerRequiredError,
  ApprovalPendingError,
  ForbiddenError,
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  RunStateError,
} from './user-errors.ts'

const waitMs =
  'How long to wait for the run to be paused or over, in ms: 0 to 30,000. The answer comes as soon as it is, or when the wait is up.'

const success = <Name extends string>(name: Name, description: string, run: string) =>
  builder.objectRef<{ readonly __typename: Name; readonly run: RunRecord }>(name).implement({
    extensions: isPublic,
    description,
    fields: (t) => ({ run: t.field({ type: Run, description: run, resolve: (answer) => answer.run }) }),
  })

const StartRunSuccess = success(
  'StartRunSuccess',
  'The run is started.',
  'The run; with an idempotency key used before, the first one.',
)
const ContinueRunSuccess = success(
  'ContinueRunSuccess',
  'The answers were taken. The run goes on, or still waits for others.',
  'The run as it stands.',
)
const CancelRunSuccess = success(
  'CancelRunSuccess',
  'The run is cancelled, or is about to be: calls that are being made are told to stop, and how they ended is recorded first.',
  'The run as it stands.',
)

const StartRunInput = builder.inputType('StartRunInput', {
  description: 'What to ask of whom.',
  fields: (t) => ({
    agentName: t.string({ required: true, description: 'The agent to ask; see `agents`.' }),
    message: t.string({
      required: true,
      description: 'What to ask. Not empty; at most 1 MB unless the server says otherwise.',
    }),
    sessionId: t.id({
      description:
        'The conversation it belongs to: what was said in its earlier runs is known to the agent. A new id begins a session, which is yours.',
    }),
    metadata: t.field({
      type: 'JSONObject',
      description: 'Kept with the run, for your own use; the model does not see it.',
    }),
    resumeMode: t.field({
      type: ResumeMode,
      required: true,
      defaultValue: 'AUTOMATIC',
      description: 'When the run goes on after a pause.',
    }),
    idempotencyKey: t.string({
      description:
        'The same key and input again give the first run, so that a request may be repeated after a lost answer.',
    }),
    waitMs: t.int({ required: true, defaultValue: 0, description: waitMs }),
  }),
})

const AnswerInput = builder.inputType('AnswerInput', {
  description: 'An answer to a call that the requester or an ADMIN decides: a plain pause, or one of type AUDIT.',
  fields: (t) => ({
    callId: t.id({ required: true, description: 'The call; see `requirements`.' }),
    decision: t.field({ type: DecisionInput, required: true, description: 'What is decided.' }),
    note: t.string({ description: 'For people; the model is not told.' }),
  }),
})

const ContinueRunInput = builder.inputType('ContinueRunInput', {
  description: 'Which run goes on, and with which answers.',
  fields: (t) => ({
    runId: t.id({ required: true, description: 'The run.' }),
    answers: t.field({
      type: [AnswerInput],
      description: 'Answers to some or all of what the requester or an ADMIN decides; all of them are applied or none.',
    }),
    waitMs: t.int({ required: true, defaultValue: 0, description: waitMs }),
  }),
})

const CancelRunInput = builder.inputType('CancelRunInput', {
  description: 'Which run ends.',
  fields: (t) => ({
    runId: t.id({ required: true, description: 'The run.' }),
    reason: t.string({ description: "Why; it stands in the run's journal." }),
  }),
})

const StartRunResultUnion = builder.unionType('StartRunResult', {
  description: 'What `startRun` answers.',
  types: [StartRunSuccess, IdempotencyConflictError, NotFoundError, ForbiddenError, InvalidInputError],
  resolveType: (result: StartRunResult) => result.__typename,
})
const ContinueRunResultUnion = builder.unionType('ContinueRunResult', {
  description: 'What `continueRun` answers.',
  types: [
    ContinueRunSuccess,
    ApprovalPendingError,
    AnswerRequiredError,
    RunStateError,
    NotFoundError,
    ForbiddenError,
    InvalidInputError,
  ],
  resolveType: (result: ContinueRunResult) => result.__typename,
})
const CancelRunResultUnion = builder.unionType('CancelRunResult', {
  description: 'What `cancelRun` answers.',
  types: [CancelRunSuccess, RunStateError, NotFoundError, ForbiddenError, InvalidInputError],
  resolveType: (result: CancelRunResult) => result.__typename,
})

builder.mutationFields((t) => ({
  startRun: t.field({
    authScopes: { signedIn: true },
    type: StartRunResultUnion,
    description:
      'Starts a run. Answers at once, or, with `waitMs`, as soon as the run is paused or over, or the wait is up.',
    args: { input: t.arg({ type: StartRunInput, required: true, description: 'What to ask of whom.' }) },
    resolve(_root, { input }, context, info) {
      const start: typeof startRun = (engine, principal, asked) => {
        context.countStart(principal)
        return startRun(engine, principal, asked)
      }
      return perform('startRun', start, input, context, info)
    },
  }),
  continueRun: t.field({
    authScopes: { signedIn: true },
    type: ContinueRunResultUnion,
    description:
      'Continues a paused run, with answers where the requester or an ADMIN decides. What an approver must decide is never taken from here. Also continues a run that failed with MODEL_ERROR or STORE_ERROR.',
    args: {
      input: t.arg({ type: ContinueRunInput, required: true, description: 'Which run, and with which answers.' }),
    },
    resolve: (_root, { input }, context, info) => perform('continueRun', continueRun, input, context, info),
  }),
  cancelRun: t.field({
    authScopes: { signedIn: true },
    type: CancelRunResultUnion,
    description: 'Ends a run. Its pending approvals are cancelled, and none of its calls that has not begun is made.',
    args: { input: t.arg({ type: CancelRunInput, required: true, description: 'Which run, and why.' }) },
    resolve: (_root, { input }, context, info) => perform('cancelRun', cancelRun, input, context, info),
  }),
}))
