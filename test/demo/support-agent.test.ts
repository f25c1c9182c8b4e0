import { join } from 'node:path'
import { expect, test } from 'vitest'
import { demoAgents } from '../../src/demo/agents.ts'
import { openDemoDatabase } from '../../src/demo/database.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { testServer } from '../support/test-server.ts'

const runFields =
  'id status output error { code message } requirements { callId decider toolCall { toolName } approval { id } }'

test('one request, two deciders: the email is confirmed by who asked, the refund is approved, and both really happen', async () => {
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

  using shop = openDemoDatabase(database)
  expect(shop.prepare('SELECT body FROM outbox').all()).toMatchObject([{ body: 'the money is on its way' }])
  expect(shop.prepare('SELECT id FROM orders WHERE refunded_by IS NOT NULL').all()).toMatchObject([{ id: 'o_1001' }])
})
