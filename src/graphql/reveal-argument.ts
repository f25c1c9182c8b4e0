import { revealArgument } from '../approvals/reveal.ts'
import type { RevealArgumentResult } from '../results.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { perform } from './perform.ts'
import { Approval } from './refs.ts'
import { ForbiddenError, InvalidInputError, NotFoundError } from './user-errors.ts'

const RevealArgumentInput = builder.inputType('RevealArgumentInput', {
  description: 'Which hidden argument is looked at.',
  fields: (t) => ({
    approvalId: t.id({ required: true, description: 'The approval.' }),
    path: t.stringList({
      required: true,
      description:
        'Where it stands in the arguments, from the outside in: `["card", "number"]`; an element of a list by its index.',
    }),
    proposed: t.boolean({
      required: true,
      defaultValue: false,
      description: 'As it was proposed, also after somebody edited it.',
    }),
  }),
})

const RevealArgumentSuccess = builder
  .objectRef<Extract<RevealArgumentResult, { __typename: 'RevealArgumentSuccess' }>>('RevealArgumentSuccess')
  .implement({
    extensions: isPublic,
    description: 'What was hidden. That you looked is in the history.',
    fields: (t) => ({
      value: t.expose('value', { type: 'JSON', nullable: true, description: 'The value; null when it is null.' }),
      approval: t.expose('approval', {
        type: Approval,
        description: 'The approval, with your look in its history, and so of another revision.',
      }),
    }),
  })

const RevealArgumentResultUnion = builder.unionType('RevealArgumentResult', {
  description: 'What `revealArgument` answers.',
  types: [RevealArgumentSuccess, NotFoundError, ForbiddenError, InvalidInputError],
  resolveType: (result: RevealArgumentResult) => result.__typename,
})

builder.mutationField('revealArgument', (t) =>
  t.field({
    authScopes: { signedIn: true },
    type: RevealArgumentResultUnion,
    description:
      'Shows an argument that is hidden to who may resolve the approval, or could if it were pending. First who looked, and where, is written into the history.',
    args: { input: t.arg({ type: RevealArgumentInput, required: true, description: 'What is looked at.' }) },
    resolve: (_root, { input }, context, info) => perform('revealArgument', revealArgument, input, context, info),
  }),
)
