import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { demoAgents } from '../../src/demo/agents.ts'
import { openDemoDatabase } from '../../src/demo/database.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'

const runFields =
  'id status output error { code message } requirements { callId decider toolCall { toolName } approval { id } }'

test('one request, two deciders: the email is confirmed by who asked, which is recorded, the refund is approved, and both really happen', async () => {
  using folder = temporaryDirectory()
  const database = join(folder.path, 'demo.db')
  using demo = demoAgents({ database, env: {} })
  await using api = await testServer({ agents: demo.agents })

  const message = 'Refund order o_1001 because it broke and email u_1: the money is on its way'
  const { startRun } = await api.data(
    `mutation ($message: String!) { startRun(input: { agentName: "support", message: $message, waitMs: 10000 }) { ... on StartRunSuccess { run { ${runFields} } } } }`,
    { message },
  )
  const { run } = startRun
  expect(run).toMatchObject({
    status: 'PAUSED',
    requirements: [
      { decider: 'APPROVER', toolCall: { toolName: 'refund_order' }, approval: { id: expect.any(String) } },
      { decider: 'REQUESTER', toolCall: { toolName: 'send_email' }, approval: null },
    ],
  })

  const [refund, email] = run.requirements
  await api.data(
    'mutation ($id: ID!) { resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { __typename } }',
    { id: refund.approval.id },
    'approver-1',
  )
  const { continueRun } = await api.data(
    `mutation ($runId: ID!, $callId: ID!) {
      continueRun(input: { runId: $runId, answers: [{ callId: $callId, decision: { approve: {} } }], waitMs: 10000 }) {
        ... on ContinueRunSuccess { run { ${runFields} } }
        ... on UserError { message }
      }
    }`,
    { runId: run.id, callId: email.callId },
  )
  expect(continueRun.run).toMatchObject({
    status: 'COMPLETED',
    output:
      'Done: order o_1001 is refunded, 54.50 to u_1. Done: the email to u_1 (mina.alder@example.com) is in the outbox. (scripted demo model)',
  })

  const { approvals } = await api.data(
    '{ approvals(filter: { type: [AUDIT] }) { edges { node { toolName status resolution { resolvedBy { id } } } } } }',
    {},
    'approver-1',
  )
  expect(approvals.edges).toEqual([
    { node: { toolName: 'send_email', status: 'APPROVED', resolution: { resolvedBy: { id: 'prn_requester-1' } } } },
  ])

  using shop = openDemoDatabase(database)
  expect(shop.prepare('SELECT body FROM outbox').all()).toMatchObject([{ body: 'the money is on its way' }])
  expect(shop.prepare('SELECT id FROM orders WHERE refunded_by IS NOT NULL').all()).toMatchObject([{ id: 'o_1001' }])
})

test('a voucher is worth what its approver fills in', async () => {
  using folder = temporaryDirectory()
  const database = join(folder.path, 'demo.db')
  using demo = demoAgents({ database, env: {} })
  await using api = await testServer({ agents: demo.agents })
  const { startRun } = await api.data(
    `mutation { startRun(input: { agentName: "support", message: "Create a voucher for u_9 because the parcel was late", waitMs: 10000 }) {
      ... on StartRunSuccess { run { id requirements { kind answerSchema toolCall { arguments } approval { id } } } } } }`,
  )
  const [asked] = startRun.run.requirements
  expect(asked).toMatchObject({
    kind: 'USER_INPUT',
    toolCall: { arguments: { userId: 'u_9', reason: 'the parcel was late' } },
    answerSchema: { properties: { cents: { minimum: 100 }, validDays: { default: 365 } } },
  })
  const resolve = (values: object) =>
    api.data(
      'mutation ($id: ID!, $values: JSONObject!) { resolveApproval(input: { approvalId: $id, decision: { approve: { values: $values } } }) { __typename } }',
      { id: asked.approval.id, values },
      'approver-1',
    )
  expect(await resolve({ cents: 1 })).toEqual({ resolveApproval: { __typename: 'InvalidInputError' } })
  expect(await resolve({ cents: 2_000 })).toEqual({ resolveApproval: { __typename: 'ResolveApprovalSuccess' } })
  await vi.waitFor(async () => {
    const { run } = await api.data('query ($id: ID!) { run(id: $id) { status output } }', { id: startRun.run.id })
    expect(run).toEqual({
      status: 'COMPLETED',
      output: expect.stringMatching(/^Done: voucher V-\w+ over 20.00 for u_9, valid for 365 days\./),
    })
  })
  using shop = openDemoDatabase(database)
  expect(shop.prepare('SELECT user_id, cents, valid_days FROM vouchers').all()).toMatchObject([
    { user_id: 'u_9', cents: 2_000, valid_days: 365 },
  ])
})
