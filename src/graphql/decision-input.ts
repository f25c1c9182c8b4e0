import { builder } from './builder.ts'

const CallSuccessInput = builder.inputType('CallSuccessInput', {
  description: 'The call was made elsewhere and succeeded.',
  fields: (t) => ({ result: t.field({ type: 'JSON', description: 'What it gave; null when nothing.' }) }),
})

const CallFailureInput = builder.inputType('CallFailureInput', {
  description: 'The call was made elsewhere and failed.',
  fields: (t) => ({ message: t.string({ required: true, description: 'What went wrong, as the model is told.' }) }),
})

const CallOutcomeInput = builder.inputType('CallOutcomeInput', {
  description: 'How a call ended that was made elsewhere: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    success: t.field({ type: CallSuccessInput, description: 'It succeeded.' }),
    failure: t.field({ type: CallFailureInput, description: 'It failed.' }),
  }),
})

const RunAgainInput = builder.inputType('RunAgainInput', {
  description: 'An interrupted call is made again.',
  fields: (t) => ({
    confirm: t.boolean({ required: true, description: 'Must be true: it may then have happened twice.' }),
  }),
})

const ReconcileInput = builder.inputType('ReconcileInput', {
  description: 'What became of an interrupted call: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    happened: t.field({
      type: CallOutcomeInput,
      description: 'It happened, with this outcome, and is not made again.',
    }),
    runAgain: t.field({ type: RunAgainInput, description: 'It did not happen, or may happen again.' }),
  }),
})

const ApproveInput = builder.inputType('ApproveInput', {
  description: 'The call goes on.',
  fields: (t) => ({
    arguments: t.field({
      type: 'JSONObject',
      description:
        "The call's arguments as edited, all of them; as proposed when left out. The model is told that they were edited.",
    }),
    values: t.field({
      type: 'JSONObject',
      description: 'For USER_INPUT, and required there: the fields that a person fills.',
    }),
    outcome: t.field({
      type: CallOutcomeInput,
      description: 'For EXTERNAL_EXECUTION, and required there: how the call ended elsewhere.',
    }),
  }),
})

const RejectInput = builder.inputType('RejectInput', {
  description: 'The call never runs.',
  fields: (t) => ({
    message: t.string({ description: 'Why, as the model is told. What is for people only goes into the note.' }),
  }),
})

export const DecisionInput = builder.inputType('DecisionInput', {
  description: 'What is decided on a call: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    approve: t.field({ type: ApproveInput, description: 'It goes on.' }),
    reject: t.field({ type: RejectInput, description: 'It never runs.' }),
    reconcile: t.field({
      type: ReconcileInput,
      description: 'For RECONCILIATION, and the only decision there: what became of it.',
    }),
  }),
})
