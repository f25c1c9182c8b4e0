import type { AnyData, Client } from '../../support/client.ts'

/** Starts a run and waits for nothing unless asked to; gives whatever startRun answers. */
export async function startAny(api: Client, input: object, as = 'requester-1'): Promise<AnyData> {
  const asked = { agentName: 'agent', message: 'Do it.', ...input }
  return (await api.data(startWithConflict, { input: asked }, as)).startRun
}
const startWithConflict = /* GraphQL */ `
  mutation ($input: StartRunInput!) {
    startRun(input: $input) {
      __typename
      ... on StartRunSuccess { run { id status lastSeq requestedBy { id } } }
      ... on IdempotencyConflictError { run { id } }
      ... on UserError { message }
    }
  }
`
