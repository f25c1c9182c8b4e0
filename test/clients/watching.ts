import type { AnyData } from '../support/client.ts'
import type { PeopleClient } from './people-client.ts'

const pendingDocument = /* GraphQL */ `
  subscription {
    pendingApprovals {
      __typename
      ... on PendingApprovalsSnapshot { approvals { id revision status } }
      ... on PendingApprovalAdded { approval { id revision status } }
      ... on PendingApprovalChanged { approval { id revision status } }
      ... on PendingApprovalRemoved { approval { id revision status } }
    }
  }
`
const eventsDocument = /* GraphQL */ `
  subscription ($runId: ID!, $after: Int) {
    runEvents(runId: $runId, after: $after) {
      __typename
      run { id status output }
      ... on RunStarted { seq }
      ... on ModelResponded { seq }
      ... on ToolCallsProposed { seq }
      ... on RunPaused { seq }
      ... on ToolCallsDecided { seq }
      ... on RunResumed { seq }
      ... on ToolCallStarted { seq }
      ... on ToolCallFinished { seq }
      ... on RunCompleted { seq }
    }
  }
`

/** What waits, as a console keeps it: each snapshot is all there is. When the subscription is complete it subscribes anew, as the server stops then. */
export function watchInbox(client: PeopleClient) {
  const pending = new Map<string, number>()
  const seen = { snapshots: 0, completions: 0 }
  const next = ({ pendingApprovals: { __typename, approvals, approval } }: AnyData) => {
    if (__typename === 'PendingApprovalsSnapshot') {
      seen.snapshots += 1
      pending.clear()
      for (const { id, revision } of approvals) pending.set(id, revision)
    } else if (__typename === 'PendingApprovalRemoved') pending.delete(approval.id)
    else pending.set(approval.id, approval.revision)
  }
  const watch = () =>
    client.subscribe(pendingDocument, {}, next, () => {
      seen.completions += 1
      watch()
    })
  watch()
  return { pending: () => Object.fromEntries(pending), seen }
}

/**
 * A run's journal to its end. A client that connects again by itself asks for what it asked at first: what is known already is passed over. One that
 * is complete too early subscribes anew, after what it knows.
 */
export function watchRun(client: PeopleClient, runId: string) {
  const seqs: number[] = []
  let last = ''
  const next = ({ runEvents: { __typename, seq } }: AnyData) => {
    if (seq === undefined || seq <= (seqs.at(-1) ?? 0)) return
    seqs.push(seq)
    last = __typename
  }
  const over = new Promise<void>((resolve) => {
    const watch = () =>
      client.subscribe(eventsDocument, { runId, after: seqs.at(-1) ?? null }, next, () =>
        last === 'RunCompleted' ? resolve() : watch(),
      )
    watch()
  })
  return { seqs, over }
}
