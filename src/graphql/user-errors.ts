import type { InputIssue as InputIssueShape } from '../agents/input-schema.ts'
import type * as Results from '../results.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { Approval, Requirement, Run } from './refs.ts'

// What a caller can cause and handle: members of the mutations' answers.

export const UserError = builder
  .interfaceRef<{ readonly __typename: string; readonly message: string }>('UserError')
  .implement({
    description: 'Something that the caller can cause and handle. Nothing was changed.',
    resolveType: ({ __typename }) => __typename,
    fields: (t) => ({
      message: t.exposeString('message', { description: 'What is wrong and what to do, for people.' }),
    }),
  })

export const NotFoundError = builder.objectRef<Results.NotFoundError>('NotFoundError').implement({
  extensions: isPublic,
  description: 'There is no such thing, or the viewer may not see it: the two are not told apart.',
  interfaces: [UserError],
})

export const ForbiddenError = builder.objectRef<Results.ForbiddenError>('ForbiddenError').implement({
  extensions: isPublic,
  description: "The viewer sees it, and may not do this: it takes another role, or it is the viewer's own request.",
  interfaces: [UserError],
})

const InputIssue = builder.objectRef<InputIssueShape>('InputIssue').implement({
  extensions: isPublic,
  description: 'One thing that is wrong with an input.',
  fields: (t) => ({
    path: t.stringList({
      description: 'Where in the input, from the outside in; empty: all of it.',
      resolve: ({ path }) => path,
    }),
    message: t.exposeString('message', { description: 'What is wrong there, for people.' }),
  }),
})

export const InvalidInputError = builder.objectRef<Results.InvalidInputError>('InvalidInputError').implement({
  extensions: isPublic,
  description: 'The input is well-formed, and does not fit what it is for. Nothing of it was applied.',
  interfaces: [UserError],
  fields: (t) => ({
    issues: t.expose('issues', {
      type: [InputIssue],
      description: 'All that is wrong with it; of very much, the first of it.',
    }),
  }),
})

export const IdempotencyConflictError = builder
  .objectRef<Results.IdempotencyConflictError>('IdempotencyConflictError')
  .implement({
    extensions: isPublic,
    description: 'This idempotency key was used before, with another input.',
    interfaces: [UserError],
    fields: (t) => ({ run: t.expose('run', { type: Run, description: 'What the key stands for.' }) }),
  })

export const RunStateError = builder.objectRef<Results.RunStateError>('RunStateError').implement({
  extensions: isPublic,
  description: 'The run is not in a state that allows this.',
  interfaces: [UserError],
  fields: (t) => ({ run: t.expose('run', { type: Run, description: 'The run as it stands.' }) }),
})

export const ApprovalPendingError = builder.objectRef<Results.ApprovalPendingError>('ApprovalPendingError').implement({
  extensions: isPublic,
  description: 'The run waits for approvers, and the requester cannot speak for them.',
  interfaces: [UserError],
  fields: (t) => ({
    run: t.expose('run', { type: Run, description: 'The run as it stands.' }),
    pending: t.expose('pending', { type: [Approval], description: 'What approvers have to decide.' }),
    missing: t.idList({
      description:
        'Calls that an approver must decide and whose approval record is gone from the database. They do not run.',
      resolve: ({ missing }) => missing,
    }),
  }),
})

export const AnswerRequiredError = builder.objectRef<Results.AnswerRequiredError>('AnswerRequiredError').implement({
  extensions: isPublic,
  description: 'The run waits for its requester, and no answer was given.',
  interfaces: [UserError],
  fields: (t) => ({
    run: t.expose('run', { type: Run, description: 'The run as it stands.' }),
    requirements: t.expose('requirements', { type: [Requirement], description: 'What has to be answered.' }),
  }),
})

export const ApprovalConflictError = builder
  .objectRef<Results.ApprovalConflictError>('ApprovalConflictError')
  .implement({
    extensions: isPublic,
    description:
      'The approval is not as it was expected to be: somebody else was first, or it changed. Nothing was overwritten.',
    interfaces: [UserError],
    fields: (t) => ({ approval: t.expose('approval', { type: Approval, description: 'What stands.' }) }),
  })
