import { expect, test } from 'vitest'
import { approvalsOf, continueRun, decide, finished, person, resolve, start } from '../behaviours/support/api.ts'
import * as documents from '../behaviours/support/documents.ts'
import { agents, canary, ssn } from '../behaviours/support/sensitive-agents.ts'
import { logLines } from '../support/log-lines.ts'
import { testServer } from '../support/test-server.ts'

async function logged() {
  const log = logLines()
  const api = await testServer({ agents, logger: log.logger })
  /** What an audit finds of this, without what every line has. */
  const lines = (...messages: string[]) =>
    log
      .lines()
      .flatMap(({ pid: _, hostname: __, time: ___, ...line }) => (messages.includes(String(line.msg)) ? [line] : []))
  return { api, log, lines, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

const refused = { level: 40, msg: 'operation refused' }
const id = expect.stringMatching(/^[\w.-]{1,128}$/)
const reveal = 'mutation ($input: RevealArgumentInput!) { revealArgument(input: $input) { __typename } }'

test('a refused operation is a line, over every way to ask', async () => {
  await using s = await logged()
  const run = await start(s.api, { message: 'gated' })
  const [{ id: approvalId }] = approvalsOf(run)
  const before = s.lines('operation refused').length
  const input = { approvalId, decision: { approve: {} } }
  const headers = { authorization: 'Bearer auditor-1', 'x-request-id': 'mine-1' }
  await s.api.post({ query: documents.resolveApproval, variables: { input } }, headers)
  await s.api.sse(documents.resolveApproval, { input }, 'auditor-1').data()
  await s.api.subscribe(documents.resolveApproval, { input }, 'auditor-1').data()
  await s.api.server.approvals.resolve(person('auditor-1'), input)
  const who = {
    operation: 'resolveApproval',
    principal: 'prn_auditor-1',
    tenant: 'default',
    reason: 'FORBIDDEN',
    approvalId,
  }
  expect(s.lines('operation refused').slice(before)).toEqual(
    ['mine-1', id, id, null].map((requestId) => ({ ...refused, ...who, requestId })),
  )
})

test('what one may not see, start or look at is refused on record; of the input only ids are in it', async () => {
  await using s = await logged()
  const run = await start(s.api, { message: 'gated' })
  const [{ id: approvalId }] = approvalsOf(run)
  const elsewhere = 'approver-1@two'
  await resolve(s.api, approvalId, { as: elsewhere, decision: { approve: { arguments: { ssn } } }, note: 'canary' })
  await resolve(s.api, 'canary', { as: elsewhere })
  await continueRun(s.api, run.id, {}, 'approver-1')
  await s.api.data(documents.startRun, { input: { agentName: 'agent', message: 'canary' } }, 'auditor-1')
  await s.api.data(reveal, { input: { approvalId, path: ['canary'] } }, 'requester-1')
  for (const [document, variables] of [
    [documents.runEvents, { runId: run.id }],
    [documents.approvalChanges, { id: approvalId }],
  ] as const) {
    expect((await s.api.subscribe(document, variables, elsewhere).next()).value.errors).toHaveLength(1)
    expect((await s.api.sse(document, variables, elsewhere).next()).value.errors).toHaveLength(1)
  }
  const who = (principal: string, tenant = 'default') => ({ principal: `prn_${principal}`, tenant, requestId: id })
  const stranger = { ...refused, ...who('approver-1', 'two'), reason: 'NOT_FOUND' }
  const events = { ...stranger, operation: 'runEvents', runId: run.id }
  const changes = { ...stranger, operation: 'approval', approvalId }
  expect(s.lines('operation refused')).toEqual([
    { ...stranger, operation: 'resolveApproval', approvalId },
    { ...stranger, operation: 'resolveApproval' },
    { ...refused, ...who('approver-1'), operation: 'continueRun', reason: 'FORBIDDEN', runId: run.id },
    { ...refused, ...who('auditor-1'), operation: 'startRun', reason: 'FORBIDDEN' },
    { ...refused, ...who('requester-1'), operation: 'revealArgument', reason: 'FORBIDDEN', approvalId },
    ...[events, events, changes, changes],
  ])
  expect(s.log.text()).not.toMatch(canary)
})

test('decisions, answers and looks are lines, without what was decided, answered or seen', async () => {
  await using s = await logged()
  const run = await start(s.api, { message: 'gated' })
  const [{ id: approvalId }] = approvalsOf(run)
  await s.api.data(reveal, { input: { approvalId, path: ['ssn'] } }, 'approver-1')
  await s.api.server.approvals.reveal(person('admin-1'), { approvalId, path: ['pin'] })
  await decide(s.api, approvalId, { decision: { reject: { message: 'canary' } }, note: 'canary' })
  await finished(s.api, run.id)
  const asked = await start(s.api, { message: 'fill' })
  const [{ callId }] = asked.requirements
  await continueRun(s.api, asked.id, {
    answers: [{ callId, decision: { approve: { values: { ssn } } }, note: 'canary' }],
  })
  const who = (principal: string, operation: string) => ({
    level: 30,
    principal: `prn_${principal}`,
    tenant: 'default',
    operation,
  })
  const looked = { msg: 'argument revealed', approvalId, runId: run.id }
  expect(s.lines('argument revealed', 'approval resolved', 'calls answered')).toEqual([
    { ...who('approver-1', 'revealArgument'), ...looked, requestId: id, revision: 2 },
    { ...who('admin-1', 'revealArgument'), ...looked, requestId: null, revision: 3 },
    {
      ...who('approver-1', 'resolveApproval'),
      ...looked,
      requestId: id,
      msg: 'approval resolved',
      status: 'REJECTED',
      revision: 4,
    },
    { ...who('requester-1', 'continueRun'), requestId: id, msg: 'calls answered', runId: asked.id, callIds: [callId] },
  ])
  expect(s.log.text()).not.toMatch(canary)
})

test('an error is logged by what it is and says, without its other fields and without a piece of JSON', async () => {
  const log = logLines()
  await using api = await testServer({
    agents,
    logger: log.logger,
    authenticate() {
      const cause = (() => {
        try {
          return JSON.parse('{"ssn":"canary",}')
        } catch (error) {
          return error
        }
      })()
      throw Object.assign(new Error('The directory does not answer', { cause }), {
        requestBodyValues: { prompt: 'canary' },
        code: 'E_DIR',
      })
    },
  })
  expect((await api.graphql('{ viewer { tenant } }')).errors).toHaveLength(1)
  const [line] = log.lines().filter(({ err }) => err)
  expect(line).toMatchObject({
    err: {
      type: 'Error',
      code: 'E_DIR',
      message: expect.stringMatching(/^The directory does not answer: /),
      stack: expect.stringContaining('audit-lines.test'),
    },
  })
  expect(log.text()).not.toMatch(canary)
})
