import type { AnyData, Client, Events } from '../../support/client.ts'

/** What a console keeps of `pendingApprovals`, and what it was promised: it throws where a promise is broken. */
export type PendingClient = {
  /** Applies events until the subscription is over. */
  readonly following: Promise<void>
  /** The pending approvals it knows, with their revisions. */
  known(): Record<string, number>
  /** Reads what is beyond the snapshot's window, as a console does: what it has heard since stands. */
  readRest(api: Client): Promise<void>
  readonly snapshots: readonly string[]
  readonly events: readonly string[]
  /** Resolves once this approval was told of as pending no more. */
  untilRemoved(id: string): Promise<void>
}

export const pendingDocument = /* GraphQL */ `
  subscription ($filter: PendingApprovalFilter, $first: Int! = 200) {
    pendingApprovals(filter: $filter, first: $first) {
      __typename
      ... on PendingApprovalsSnapshot { reason approvals { ...Told } pageInfo { hasNextPage endCursor } totalCount { count } }
      ... on PendingApprovalAdded { approval { ...Told } }
      ... on PendingApprovalChanged { approval { ...Told } }
      ... on PendingApprovalRemoved { approval { ...Told } }
    }
  }
  fragment Told on Approval { id revision status resolution { status } }
`
const pageDocument = /* GraphQL */ `
  query ($after: String) {
    approvals(filter: { status: [PENDING] }, first: 100, after: $after) {
      edges { node { id revision } }
      pageInfo { hasNextPage endCursor }
    }
  }
`

/** All that is pending, read page by page. */
export async function allPending(api: Client, after: string | null = null): Promise<Record<string, number>> {
  const { approvals } = await api.data(pageDocument, { after }, 'approver-1')
  const page = approvals.edges.map(({ node }: AnyData) => [node.id, node.revision])
  const rest = approvals.pageInfo.hasNextPage ? await allPending(api, approvals.pageInfo.endCursor) : {}
  return { ...Object.fromEntries(page), ...rest }
}

export function followPending(events: Events<AnyData>): PendingClient {
  const known = new Map<string, number>()
  const highest = new Map<string, number>()
  const removed = new Set<string>()
  const waiting = new Map<string, () => void>()
  const snapshots: string[] = []
  const names: string[] = []
  let endCursor: string | null = null

  const claim = (holds: boolean, what: string, about: AnyData) => {
    if (!holds) throw new Error(`${what}: ${JSON.stringify(about)}`)
  }

  function apply(event: AnyData) {
    names.push(event.__typename)
    if (event.__typename === 'PendingApprovalsSnapshot') {
      claim(event.reason === (snapshots.length === 0 ? 'INITIAL' : 'RESYNC'), 'The reason is wrong', event)
      snapshots.push(event.reason)
      endCursor = event.pageInfo.hasNextPage ? event.pageInfo.endCursor : null
      known.clear()
      for (const { id, revision, status } of event.approvals) {
        claim(status === 'PENDING' && !removed.has(id), 'A snapshot has what is not pending', id)
        known.set(id, revision)
        highest.set(id, Math.max(revision, highest.get(id) ?? 0))
      }
      return
    }
    const { id, revision, status, resolution } = event.approval
    claim(!removed.has(id), 'What was removed comes back', event)
    claim(revision > (highest.get(id) ?? 0), 'A revision does not rise', event)
    highest.set(id, revision)
    if (event.__typename === 'PendingApprovalRemoved') {
      claim(status !== 'PENDING' && resolution?.status === status, 'What is removed is not resolved', event)
      removed.add(id)
      known.delete(id)
      waiting.get(id)?.()
      return
    }
    claim(status === 'PENDING', 'What is told of as pending is not', event)
    claim(
      known.has(id) === (event.__typename === 'PendingApprovalChanged'),
      'Added is new, and changed is known',
      event,
    )
    known.set(id, revision)
  }

  async function follow() {
    for await (const { data, errors } of events) {
      if (!data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
      apply(data.pendingApprovals)
    }
  }
  const following = follow()
  following.catch(() => {})

  return {
    following,
    known: () => Object.fromEntries(known),
    async readRest(api) {
      if (endCursor === null) return
      for (const [id, revision] of Object.entries(await allPending(api, endCursor))) {
        if (!removed.has(id) && revision >= (known.get(id) ?? 0)) known.set(id, revision)
      }
    },
    snapshots,
    events: names,
    untilRemoved: (id) =>
      Promise.race([
        following,
        new Promise<void>((resolve) => {
          waiting.set(id, resolve)
          if (removed.has(id)) resolve()
        }),
      ]),
  }
}
