import type { Agent } from '../agents/agent.ts'
import { openDemoDatabase } from '../demo/database.ts'
import { approvalIdOf, callId, principalId, runIdForKey } from '../ids.ts'

export type FirstStep = { readonly what: string; readonly operation: string }

const brief = '{ ... on StartRunSuccess { run { id status output } } ... on UserError { message } }'
const pending = `{ approvals(filter: { status: [PENDING] }) { edges { node { id toolName arguments requestedBy { name } } } } }`

/**
 * Three operations that work as they stand where nobody has to sign in, once for each start: `key` makes the run's id, and with it the approval's. That one follows
 * from the journal of the scripted model; of a language model nobody knows how often it will speak before it proposes.
 */
export function firstStepsOfDemo(
  demoDatabase: string,
  key: string,
  { scripted, open }: { scripted: boolean; open: boolean },
): readonly FirstStep[] {
  const runId = runIdForKey('default', principalId('local'), key)
  const input = `{ agentName: "support", message: "Delete all data for user ${userToDelete(demoDatabase)}", waitMs: 10000, idempotencyKey: "${key}" }`
  const approvalId = approvalIdOf(callId(runId, placeOfDeletion, 0))
  return [
    { what: 'A user triggers', operation: `mutation { startRun(input: ${input}) ${brief} }` },
    { what: 'What waits for an admin', operation: pending },
    last(),
  ]

  function last(): FirstStep {
    // The run's id follows from who starts it as well: who that is, nobody knows where one has to sign in.
    if (!open) return authorize
    return scripted
      ? { what: 'An admin authorizes (then paste 1 again: the run is COMPLETED)', operation: resolve(approvalId) }
      : {
          what: 'What happens in the run (resolveApproval takes the id of the approval above)',
          operation: watch(runId),
        }
  }
}

export const firstStepsOf = (agent: Agent, key: string): readonly FirstStep[] => [
  { what: 'Which agents there are', operation: '{ agents { name tools { name pauseKind approvalType } } }' },
  {
    what: 'A user triggers',
    operation: `mutation { startRun(input: { agentName: "${agent.name}", message: "Hello", waitMs: 10000, idempotencyKey: "${key}" }) ${brief} }`,
  },
  { what: 'What waits for an admin', operation: pending },
  authorize,
]

/** Started, answered, lookup proposed, called, finished, answered, deletion proposed: its `proposed` entry is the seventh. */
const placeOfDeletion = 7

const resolve = (approvalId: string) =>
  `mutation { resolveApproval(input: { approvalId: "${approvalId}", decision: { approve: {} } }) { ... on ResolveApprovalSuccess { approval { status resolution { resolvedBy { name } } } } ... on UserError { message } } }`

const authorize: FirstStep = { what: 'An admin authorizes, by the id from there', operation: resolve('apr_…') }

const watch = (runId: string) => `subscription { runEvents(runId: "${runId}") { __typename at } }`

/** u_42, or, when an earlier start has deleted them, somebody who is still there. */
function userToDelete(demoDatabase: string): string {
  const database = openDemoDatabase(demoDatabase)
  try {
    const user = database.prepare(`SELECT id FROM users ORDER BY id = 'u_42' DESC, rowid LIMIT 1`).get()
    return String(user?.id ?? 'u_42')
  } finally {
    database.close()
  }
}
