import { getApproval, listApprovals } from '../approvals/read.ts'
import { builder } from './builder.ts'
import { ApprovalOrder, ApprovalStatus, ApprovalType, PauseKind } from './enums.ts'
import { Approval, ApprovalConnection } from './refs.ts'

const rule = 'What is left out or null does not restrict; an empty list matches nothing.'

const ApprovalFilter = builder.inputType('ApprovalFilter', {
  description: `Which approvals to list: those for which everything given holds. ${rule}`,
  fields: (t) => ({
    status: t.field({ type: [ApprovalStatus], description: 'Of one of these statuses.' }),
    type: t.field({ type: [ApprovalType], description: 'Of one of these types.' }),
    kind: t.field({ type: [PauseKind], description: 'That ask for one of these.' }),
    agentName: t.stringList({ description: 'Of runs of one of these agents.' }),
    toolName: t.stringList({ description: 'Of calls of one of these tools.' }),
    runId: t.id({ description: 'Of this run.' }),
    requestedBy: t.idList({ description: 'Of runs that one of these principals started.' }),
    resolvedBy: t.idList({ description: 'Decided by one of these principals.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created at this moment or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this moment.' }),
    resolvedAfter: t.field({
      type: 'DateTime',
      description: 'Resolved at this moment or later; pending ones do not match.',
    }),
    resolvedBefore: t.field({
      type: 'DateTime',
      description: 'Resolved before this moment; pending ones do not match.',
    }),
  }),
})

export const PendingApprovalFilter = builder.inputType('PendingApprovalFilter', {
  description: `Which pending approvals to watch: those for which everything given holds. ${rule} Records of type AUDIT are never pending.`,
  fields: (t) => ({
    type: t.field({ type: [ApprovalType], description: 'Of one of these types.' }),
    kind: t.field({ type: [PauseKind], description: 'That ask for one of these.' }),
    agentName: t.stringList({ description: 'Of runs of one of these agents.' }),
    toolName: t.stringList({ description: 'Of calls of one of these tools.' }),
    runId: t.id({ description: 'Of this run.' }),
    requestedBy: t.idList({ description: 'Of runs that one of these principals started.' }),
  }),
})

builder.queryFields((t) => ({
  approval: t.field({
    authScopes: { signedIn: true },
    type: Approval,
    nullable: true,
    description: 'One approval; null when there is none of this id, or the viewer may not see it.',
    args: { id: t.arg.id({ required: true, description: 'Its id: `apr_…`.' }) },
    resolve: (_root, { id }, { engine, principal }) => getApproval(engine, principal, id),
  }),
  approvals: t.connection(
    {
      authScopes: { signedIn: true },
      type: Approval,
      description: 'The approvals that the viewer may see.',
      args: {
        filter: t.arg({ type: ApprovalFilter, description: 'Which ones; all when left out.' }),
        orderBy: t.arg({
          type: ApprovalOrder,
          required: true,
          defaultValue: 'OLDEST_FIRST',
          description: 'In which order.',
        }),
      },
      resolve: (_root, args, { engine, principal }) => listApprovals(engine, principal, args),
    },
    ApprovalConnection,
  ),
}))
