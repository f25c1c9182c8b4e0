import { resolveApproval } from '../approvals/resolve.ts'
import type { ResolveApprovalResult } from '../results.ts'
import { builder } from './builder.ts'
import { DecisionInput } from './decision-input.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalStatus } from './enums.ts'
import { perform } from './perform.ts'
import { Approval, Run } from './refs.ts'
import { ApprovalConflictError, ForbiddenError, InvalidInputError, NotFoundError } from './user-errors.ts'

const ResolveApprovalInput = builder.inputType('ResolveApprovalInput', {
  description: 'Which approval is decided, how, and what must still hold for the decision to count.',
  fields: (t) => ({
    approvalId: t.id({ required: true, description: 'The approval.' }),
    expectedStatus: t.field({
      type: ApprovalStatus,
      required: true,
      defaultValue: 'PENDING',
      description: 'The status it must still have. Nothing but PENDING can be resolved.',
    }),
    expectedFingerprint: t.string({
      description: 'The fingerprint it must have. A console sends this: what was shown is what is decided.',
    }),
    expectedRevision: t.int({
      description: 'The revision it must still have. Stricter: nothing at all may have changed.',
    }),
    decision: t.field({ type: DecisionInput, required: true, description: 'What is decided.' }),
    note: t.string({ description: 'For people; the model is not told.' }),
    idempotencyKey: t.string({
      description: 'A retry with the same key, after a lost answer, gets the first answer again.',
    }),
  }),
})

const ResolveApprovalSuccess = builder
  .objectRef<Extract<ResolveApprovalResult, { __typename: 'ResolveApprovalSuccess' }>>('ResolveApprovalSuccess')
  .implement({
    extensions: isPublic,
    description: 'Your decision is recorded, and it is the one that counts.',
    fields: (t) => ({
      approval: t.expose('approval', { type: Approval, description: 'The approval, resolved.' }),
      run: t.expose('run', {
        type: Run,
        description:
          'Its run, which goes on by itself once its last open call is decided, unless its `resumeMode` is MANUAL.',
      }),
    }),
  })

const ResolveApprovalResultUnion = builder.unionType('ResolveApprovalResult', {
  description: 'What `resolveApproval` answers.',
  types: [ResolveApprovalSuccess, ApprovalConflictError, NotFoundError, ForbiddenError, InvalidInputError],
  resolveType: (result: ResolveApprovalResult) => result.__typename,
})

builder.mutationField('resolveApproval', (t) =>
  t.field({
    authScopes: { signedIn: true },
    type: ResolveApprovalResultUnion,
    description:
      'Decides on a call, once. It is one conditional write: it wins only while the approval still has the expected status, and the expected fingerprint and revision when given. Whoever loses is told what stands.',
    args: { input: t.arg({ type: ResolveApprovalInput, required: true, description: 'What is decided.' }) },
    resolve: (_root, { input }, context, info) => perform('resolveApproval', resolveApproval, input, context, info),
  }),
)
