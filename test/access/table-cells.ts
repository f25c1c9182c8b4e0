import type { Answer, AnyData } from '../support/client.ts'

/** Asks something as somebody, by one way of transport, and gives the first answer. */
export type Ask = (document: string, variables?: Record<string, unknown>) => Promise<Answer>

/** What a cell is about: a run, perhaps with its approval. */
export type Target = { readonly runId: string; readonly approvalId: string }

const data = ({ data, errors }: Answer): AnyData => {
  if (errors || !data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
  return data
}
const isThere = (found: unknown) => (found ? 'yes' : '-')
const isIn = (id: string, nodes: readonly AnyData[]) => isThere(nodes.some((node) => node?.id === id))
const nodesOf = ({ edges }: AnyData) => edges.map(({ node }: AnyData) => node)
const byType = ({ __typename }: AnyData) =>
  __typename === 'ForbiddenError' ? 'no' : __typename === 'NotFoundError' ? '-' : 'yes'
/** The first event, or the error that there is no such thing. */
const isLive = (answer: Answer) => (answer.errors?.[0]?.extensions.code === 'NOT_FOUND' ? '-' : isThere(data(answer)))

type Cells<Asked extends unknown[]> = Readonly<Record<string, (ask: Ask, ...asked: Asked) => Promise<string>>>

const onNothing: Cells<[]> = {
  viewer: async (ask) => isThere(data(await ask('{ viewer { tenant } }')).viewer),
  agents: async (ask) => isThere(data(await ask('{ agents { name } }')).agents.length),
  agent: async (ask) => isThere(data(await ask('{ agent(name: "agent") { name } }')).agent),
  startRun: async (ask) => {
    const input = { agentName: 'agent', message: 'plain' }
    const document = 'mutation ($input: StartRunInput!) { startRun(input: $input) { __typename } }'
    return byType(data(await ask(document, { input })).startRun)
  },
}

const onId: Cells<[id: string]> = {
  node: async (ask, id) => isThere(data(await ask('query ($id: ID!) { node(id: $id) { id } }', { id })).node),
  nodes: async (ask, id) => isIn(id, data(await ask('query ($id: ID!) { nodes(ids: [$id]) { id } }', { id })).nodes),
}

const onRun: Cells<[id: string]> = {
  ...onId,
  run: async (ask, id) => isThere(data(await ask('query ($id: ID!) { run(id: $id) { id } }', { id })).run),
  runs: async (ask, id) => isIn(id, nodesOf(data(await ask('{ runs(first: 100) { edges { node { id } } } }')).runs)),
  'runEvents (live)': async (ask, id) =>
    isLive(await ask('subscription ($id: ID!) { runEvents(runId: $id) { __typename } }', { id })),
  continueRun: async (ask, runId) => {
    const document = 'mutation ($runId: ID!) { continueRun(input: { runId: $runId }) { __typename } }'
    return byType(data(await ask(document, { runId })).continueRun)
  },
  cancelRun: async (ask, runId) => {
    const document = 'mutation ($runId: ID!) { cancelRun(input: { runId: $runId }) { __typename } }'
    return byType(data(await ask(document, { runId })).cancelRun)
  },
}

const onApproval: Cells<[id: string]> = {
  ...onId,
  approval: async (ask, id) =>
    isThere(data(await ask('query ($id: ID!) { approval(id: $id) { id } }', { id })).approval),
  approvals: async (ask, id) =>
    isIn(id, nodesOf(data(await ask('{ approvals(first: 100) { edges { node { id } } } }')).approvals)),
  'approval (live)': async (ask, id) =>
    isLive(await ask('subscription ($id: ID!) { approval(id: $id) { id } }', { id })),
  'pendingApprovals (live)': async (ask, id) => {
    const document = 'subscription { pendingApprovals { ... on PendingApprovalsSnapshot { approvals { id } } } }'
    return isIn(id, data(await ask(document)).pendingApprovals.approvals)
  },
  // Nothing is hidden there, which only they are told who may look.
  revealArgument: async (ask, id) => {
    const document = `mutation ($id: ID!) { revealArgument(input: { approvalId: $id, path: ["id"] }) { __typename } }`
    return byType(data(await ask(document, { id })).revealArgument)
  },
  /** Whether it could be resolved was told beforehand, or this is no answer. */
  resolveApproval: async (ask, id) => {
    const rights = 'query ($id: ID!) { approval(id: $id) { viewerCanResolve viewerCannotResolveReasons } }'
    const { approval } = data(await ask(rights, { id }))
    const resolve = `mutation ($id: ID!) {
      resolveApproval(input: { approvalId: $id, decision: { reject: {} } }) { __typename } }`
    const answered = data(await ask(resolve, { id })).resolveApproval
    const told = approval && (approval.viewerCanResolve ? 'ResolveApprovalSuccess' : 'ForbiddenError')
    if (answered.__typename !== (told ?? 'NotFoundError')) return `${answered.__typename}, and was told ${told}`
    const isConsistent =
      approval === null || approval.viewerCanResolve === (approval.viewerCannotResolveReasons.length === 0)
    return isConsistent ? byType(answered) : JSON.stringify(approval)
  },
}

/** What asks for a cell of this row. */
export function cellOf(operation: string, on: string): (ask: Ask, target: Target) => Promise<string> {
  const isOnApproval = on.startsWith('approval of ')
  const cell = on === '' ? onNothing[operation] : isOnApproval ? onApproval[operation] : onRun[operation]
  if (!cell) throw new Error(`Nothing is known of ${operation} on ${on || 'nothing'}`)
  return (ask, { runId, approvalId }) => cell(ask, isOnApproval ? approvalId : runId)
}
