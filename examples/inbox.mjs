// An approver's inbox in the terminal. Beside `npm start`: npm run example:inbox
// (COUNTERSIGN_URL and COUNTERSIGN_TOKEN name another server and an API key). Then `y 1` approves the first, `n 1 why` rejects it.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-ws'

const { COUNTERSIGN_URL: url = 'http://127.0.0.1:4000/graphql', COUNTERSIGN_TOKEN: token } = process.env
const authorization = token && `Bearer ${token}`

/** What is pending, by id; a card keeps its number. */
const cards = new Map()
let number = 0

const put = (approval) => cards.set(approval.id, { number: cards.get(approval.id)?.number ?? ++number, ...approval })

const inbox = `
  subscription Inbox {
    pendingApprovals(first: 100) {
      __typename
      ... on PendingApprovalsSnapshot { approvals { ...Card } }
      ... on PendingApprovalAdded { approval { ...Card } }
      ... on PendingApprovalChanged { approval { ...Card } }
      ... on PendingApprovalRemoved { approval { id } }
    }
  }
  fragment Card on Approval { id fingerprint agentName toolName arguments expiresAt requestedBy { name } }`

function apply(event) {
  // A snapshot replaces everything: it comes first, after each new connection, and when this client could not keep up.
  if (event.__typename === 'PendingApprovalsSnapshot') {
    const ids = event.approvals.map(({ id }) => id)
    for (const id of cards.keys()) if (!ids.includes(id)) cards.delete(id)
    event.approvals.forEach(put)
  } else if (event.__typename === 'PendingApprovalRemoved') cards.delete(event.approval.id)
  else put(event.approval)
  show()
}

function show() {
  console.log(cards.size === 0 ? '\nNothing waits.' : '')
  for (const { number, agentName, toolName, arguments: input, requestedBy, expiresAt } of cards.values()) {
    const until = expiresAt ? `, until ${expiresAt}` : ''
    console.log(
      `${number}  ${toolName} ${JSON.stringify(input)}  (${agentName}, for ${JSON.stringify(requestedBy.name ?? 'somebody')}${until})`,
    )
  }
}

const resolve = `
  mutation Decide($input: ResolveApprovalInput!) {
    resolveApproval(input: $input) {
      ... on ResolveApprovalSuccess { approval { id status } }
      ... on UserError { message }
    }
  }`

/** Once, on exactly the call that was shown: the fingerprint is that of what stood on the card. */
async function decide({ id, fingerprint }, decision) {
  const input = { approvalId: id, expectedFingerprint: fingerprint, idempotencyKey: randomUUID(), decision }
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify({ query: resolve, variables: { input } }),
  })
  const { data, errors } = await response.json()
  const { approval, message } = data?.resolveApproval ?? { message: errors?.[0]?.message }
  console.log(approval ? `${approval.id} is ${approval.status}` : message)
}

const client = createClient({
  url: url.replace(/^http/, 'ws'),
  connectionParams: authorization ? { authorization } : {},
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: () => true,
})
client.subscribe(
  { query: inbox },
  { next: ({ data }) => apply(data.pendingApprovals), error: console.error, complete() {} },
)

for await (const line of createInterface(process.stdin)) {
  const [, verb, which, reason] = /^([yn]) *(\d+) *(.*)$/.exec(line.trim()) ?? []
  const card = [...cards.values()].find(({ number }) => number === Number(which))
  if (!card) console.log('y 1 approves the first, n 1 why rejects it.')
  else await decide(card, verb === 'y' ? { approve: {} } : { reject: { message: reason || null } }).catch(console.error)
}
await client.dispose()
