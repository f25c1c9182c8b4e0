import { audited } from '../access/audited.ts'
import { approvalCursor, countApprovals, type PendingApprovalListFilter } from '../approvals/read.ts'
import type { PageInfo } from '../connection.ts'
import { watchApproval } from '../live/approval-changes.ts'
import { type PendingEvent, watchPendingApprovals } from '../live/pending-approvals.ts'
import { PendingApprovalFilter } from './approvals.ts'
import { builder } from './builder.ts'
import { Count } from './count.ts'
import { isPublic } from './default-deny.ts'
import { eachEvent } from './each-event.ts'
import { SnapshotReason } from './enums.ts'
import { Approval } from './refs.ts'

type Snapshot = Extract<PendingEvent, { __typename: 'PendingApprovalsSnapshot' }> & {
  readonly filter: PendingApprovalListFilter
}
type Change = Exclude<PendingEvent, { __typename: 'PendingApprovalsSnapshot' }>

const PendingApprovalsEvent = builder.interfaceRef<PendingEvent>('PendingApprovalsEvent').implement({
  description: 'What `pendingApprovals` tells of: a snapshot, or one change.',
  resolveType: ({ __typename }) => __typename,
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When the snapshot was read, or when the approval changed.' }),
  }),
})

builder.objectRef<Snapshot>('PendingApprovalsSnapshot').implement({
  extensions: isPublic,
  description: 'What is pending now. It begins the subscription, and replaces all that was sent before.',
  interfaces: [PendingApprovalsEvent],
  fields: (t) => ({
    reason: t.expose('reason', { type: SnapshotReason, description: 'Why it was sent.' }),
    approvals: t.field({
      type: [Approval],
      description: 'The oldest ones, up to `first`. Changes are told of the others too.',
      complexity: { field: 1, multiplier: 200 },
      resolve: ({ approvals }) => approvals,
    }),
    pageInfo: t.field({
      type: builder.pageInfoRef(),
      description:
        'The rest is read with `approvals(filter: {status: [PENDING], …}, orderBy: OLDEST_FIRST, after: endCursor)`.',
      resolve: ({ approvals, hasNextPage }): PageInfo => {
        const cursorOf = (index: number) => {
          const approval = approvals.at(index)
          return approval ? approvalCursor(approval, 'OLDEST_FIRST') : null
        }
        return { hasNextPage, hasPreviousPage: false, startCursor: cursorOf(0), endCursor: cursorOf(-1) }
      },
    }),
    totalCount: t.field({
      type: Count,
      description: 'How many are pending, those beyond the snapshot included. Counted only when asked for.',
      resolve: ({ filter }, _args, { engine, principal }) =>
        countApprovals(engine, principal, { ...filter, status: ['PENDING'] }),
    }),
  }),
})

const change = (name: Change['__typename'], description: string, approval: string) =>
  builder.objectRef<Change>(name).implement({
    extensions: isPublic,
    description,
    interfaces: [PendingApprovalsEvent],
    fields: (t) => ({ approval: t.expose('approval', { type: Approval, description: approval }) }),
  })

change('PendingApprovalAdded', 'An approval is pending that was not told of since the last snapshot.', 'The approval.')
change('PendingApprovalChanged', 'A pending approval changed, and is still pending.', 'The approval as it is now.')
change(
  'PendingApprovalRemoved',
  'An approval is pending no more. It may be one that was not told of before.',
  'The approval, with how it was resolved.',
)

builder.subscriptionFields((t) => ({
  pendingApprovals: t.field({
    authScopes: { signedIn: true },
    type: PendingApprovalsEvent,
    description:
      "First a snapshot, then every change of every match, also of those beyond the snapshot's window. An approval's revisions rise, and the newest always arrives; some in between may be left out.",
    args: {
      filter: t.arg({
        type: PendingApprovalFilter,
        description: 'Which ones; all that the viewer may see when left out.',
      }),
      first: t.arg.int({
        required: true,
        defaultValue: 200,
        description: 'How many the snapshot has at most, oldest first: 1 to 1,000 (else BAD_USER_INPUT).',
      }),
    },
    subscribe: (_root, args, context) =>
      eachEvent(watchPendingApprovals(context.engine, context.principal, args), context),
    resolve: ({ event }, { filter }) =>
      event.__typename === 'PendingApprovalsSnapshot' ? { ...event, filter: filter ?? {} } : event,
  }),
  approval: t.field({
    authScopes: { signedIn: true },
    type: Approval,
    description:
      'The approval as it is now, then after each change of it or of its call; completes when its call is settled. NOT_FOUND for one that the viewer may not see.',
    args: { id: t.arg.id({ required: true, description: 'Its id: `apr_…`.' }) },
    async subscribe(_root, args, context) {
      const { engine, principal, requestId } = context
      const asked = { operation: 'approval', principal, requestId, input: args }
      return eachEvent(await audited(engine.log, asked, () => watchApproval(engine, principal, args.id)), context)
    },
    resolve: ({ event }) => event,
  }),
}))
