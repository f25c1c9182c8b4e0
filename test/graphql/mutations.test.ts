import { describe, expect, test } from 'vitest'
import { approver, openHarness, principal, requester } from './harness.ts'

const startRun = /* GraphQL */ `
  mutation ($input: StartRunInput!) {
    startRun(input: $input) {
      __typename
      ... on StartRunSuccess { run { id status metadata resumeMode } }
      ... on IdempotencyConflictError { run { id } }
      ... on InvalidInputError { issues { path message } }
      ... on UserError { message }
    }
  }
`
const resolveApproval = /* GraphQL */ `
  mutation ($input: ResolveApprovalInput!) {
    resolveApproval(input: $input) {
      __typename
      ... on ResolveApprovalSuccess { approval { status revision run { id } toolCall { id } } run { id } }
      ... on ApprovalConflictError { approval { status } }
      ... on InvalidInputError { issues { path message } }
      ... on UserError { message }
    }
  }
`
const continueRun = /* GraphQL */ `
  mutation ($input: ContinueRunInput!) {
    continueRun(input: $input) {
      __typename
      ... on ApprovalPendingError { run { id } pending { id } missing }
      ... on RunStateError { run { status } }
      ... on UserError { message }
    }
  }
`

describe('a mutation', () => {
  test('answers with a member of its union', async () => {
    await using harness = await openHarness()
    const start = async (input: object, as = requester) => (await harness.data(startRun, { input }, as)).startRun
    const first = await start({ agentName: 'support', message: 'Hi', metadata: { a: 1 }, idempotencyKey: 'k' })
    expect(first).toMatchObject({ __typename: 'StartRunSuccess', run: { metadata: { a: 1 }, resumeMode: 'AUTOMATIC' } })
    expect(await start({ agentName: 'support', message: 'Ho', idempotencyKey: 'k' })).toMatchObject({
      __typename: 'IdempotencyConflictError',
      run: { id: first.run.id },
    })
    expect(await start({ agentName: 'nobody', message: 'Hi' })).toMatchObject({ __typename: 'NotFoundError' })
    expect(await start({ agentName: 'support', message: '' })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: expect.any(Array), message: expect.any(String) }],
    })
    expect(await start({ agentName: 'support', message: 'Hi', waitMs: 30_001 })).toMatchObject({
      __typename: 'InvalidInputError',
    })
    expect(await start({ agentName: 'support', message: 'Hi' }, approver)).toMatchObject({
      __typename: 'ForbiddenError',
    })
    expect(await start({ agentName: 'support', message: 'Hi' }, principal('nobody'))).toMatchObject({
      __typename: 'ForbiddenError',
    })
  })

  test('with a malformed id answers NotFoundError and does not null the others', async () => {
    await using harness = await openHarness()
    const document = /* GraphQL */ `mutation {
      a: resolveApproval(input: { approvalId: "nonsense", decision: { approve: {} } }) { __typename }
      b: continueRun(input: { runId: "UnVuOjE=" }) { __typename }
      c: cancelRun(input: { runId: "" }) { __typename }
    }`
    const notFound = { __typename: 'NotFoundError' }
    expect(await harness.data(document)).toEqual({ a: notFound, b: notFound, c: notFound })
  })

  test('decides once, and the loser is told what stands', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const [pending, other] = await run.propose(2)
    const input = { approvalId: pending?.id, decision: { reject: { message: 'No.' } } }
    expect(await harness.data(resolveApproval, { input }, approver)).toMatchObject({
      resolveApproval: {
        __typename: 'ResolveApprovalSuccess',
        approval: { status: 'REJECTED', revision: 2, run: { id: run.id }, toolCall: { id: pending?.callId } },
        run: { id: run.id },
      },
    })
    expect(
      await harness.data(resolveApproval, { input: { ...input, decision: { approve: {} } } }, approver),
    ).toMatchObject({
      resolveApproval: { __typename: 'ApprovalConflictError', approval: { status: 'REJECTED' } },
    })
    expect(await harness.data(continueRun, { input: { runId: run.id } }, requester)).toMatchObject({
      continueRun: {
        __typename: 'ApprovalPendingError',
        run: { id: run.id },
        pending: [{ id: other?.id }],
        missing: [],
      },
    })
  })

  test('reads anew in each field of one document', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const [first, second] = await run.propose(2)
    const document = /* GraphQL */ `mutation ($first: ID!, $second: ID!) {
      a: resolveApproval(input: { approvalId: $first, decision: { reject: {} } }) { ...Both }
      b: resolveApproval(input: { approvalId: $second, decision: { reject: {} } }) { ...Both }
    }
    fragment Both on ResolveApprovalResult { ... on ResolveApprovalSuccess { run { toolCalls { edges { node { approval { status } } } } } } }`
    const { a, b } = await harness.data(document, { first: first?.id, second: second?.id }, approver)
    const statuses = (one: { run: { toolCalls: { edges: { node: { approval: { status: string } } }[] } } }) =>
      one.run.toolCalls.edges.map(({ node }) => node.approval.status)
    expect(statuses(a)).toEqual(['REJECTED', 'PENDING'])
    expect(statuses(b)).toEqual(['REJECTED', 'REJECTED'])
  })

  test.each([
    ['two decisions', '{ approve: {}, reject: {} }'],
    ['no decision', '{}'],
    ['a null one', '{ approve: null }'],
    ['arguments that are no object', '{ approve: { arguments: [1] } }'],
    ['arguments as text', '{ approve: { arguments: "{}" } }'],
    ['an integer beyond 2^53', '{ approve: { arguments: { id: 9007199254740993 } } }'],
    ['two outcomes', '{ approve: { outcome: { success: {}, failure: { message: "" } } } }'],
  ])('refuses %s before anything is done', async (_what, decision) => {
    await using harness = await openHarness()
    const [pending] = await (await harness.startRun()).propose(1)
    const { data, errors } = await harness.run(
      `mutation { resolveApproval(input: { approvalId: "${pending?.id}", decision: ${decision} }) { __typename } }`,
      {},
      approver,
    )
    expect(data ?? null).toBeNull()
    expect(errors).toHaveLength(1)
    expect((await harness.store.approvals.get(pending?.id as never))?.status).toBe('PENDING')
  })

  test('refuses the same in variables', async () => {
    await using harness = await openHarness()
    const [pending] = await (await harness.startRun()).propose(1)
    const tried = async (decision: object) =>
      harness.run(resolveApproval, { input: { approvalId: pending?.id, decision } }, approver)
    for (const decision of [
      {},
      { approve: {}, reject: {} },
      { approve: { arguments: [] } },
      { approve: { arguments: { id: 2 ** 53 } } },
    ]) {
      expect(await tried(decision)).toMatchObject({
        errors: [{ message: expect.stringMatching(/^Variable "\$input"/) }],
      })
    }
  })
})
