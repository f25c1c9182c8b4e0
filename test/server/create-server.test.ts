import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testPrincipals } from '../support/principals.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const logger = createLog('silent')

const jwt = { jwksUrl: 'https://idp.example/jwks.json', issuer: 'https://idp.example/', audience: 'countersign' }

const named = (name: string) => defineAgent({ name, model: scriptedModel([]) })

test.each([
  ['two agents of one name', { agents: [named('a'), named('a')] }, 'INVALID_DEFINITION', /'a'/],
  ['a database that is none', { agents, database: 'postgres://user:secret@host/db' }, 'INVALID_CONFIGURATION', /file:/],
  [
    'a MongoDB without a database',
    { agents, database: 'mongodb://user:secret@host' },
    'INVALID_CONFIGURATION',
    /no database/,
  ],
  [
    'a MongoDB URL that is none',
    { agents, database: { url: 'mongodb://user:se/cret@host/db', prefix: 'a_' } },
    'INVALID_CONFIGURATION',
    /cannot be read/,
  ],
  ['a misspelt prefix', { agents, database: { url: 'file:./none.db', prefx: 'a_' } }, 'INVALID_CONFIGURATION', /prefx/],
  ['a lease of a month', { agents, leaseMs: 30 * 86_400_000 }, 'INVALID_CONFIGURATION', /leaseMs/],
  ['a grace of a month', { agents, graceMs: 30 * 86_400_000 }, 'INVALID_CONFIGURATION', /graceMs/],
  ['a lease of 0 ms', { agents, leaseMs: 0 }, 'INVALID_CONFIGURATION', /leaseMs/],
  ['an authenticate and JWTs', { agents, authenticate: testPrincipals, jwt }, 'INVALID_CONFIGURATION', /'jwt'/],
  [
    'an authenticate and keys',
    { agents, authenticate: testPrincipals, apiKeys: true },
    'INVALID_CONFIGURATION',
    /'apiKeys'/,
  ],
  ['a key set over http', { agents, jwt: { ...jwt, jwksUrl: 'http://a.example' } }, 'INVALID_CONFIGURATION', /https/],
  ['a file as key set', { agents, jwt: { ...jwt, jwksUrl: 'file:///keys' } }, 'INVALID_CONFIGURATION', /https/],
  ['JWTs of anybody', { agents, jwt: { ...jwt, issuer: '' } }, 'INVALID_CONFIGURATION', /jwt\.issuer/],
  ['JWTs for nobody', { agents, jwt: { ...jwt, audience: [] } }, 'INVALID_CONFIGURATION', /jwt\.audience/],
  [
    'a shared secret’s signature',
    { agents, jwt: { ...jwt, algorithms: ['HS256' as 'RS256'] } },
    'INVALID_CONFIGURATION',
    /jwt\.algorithms/,
  ],
  ['an option that there is not', { agents, authenticat: testPrincipals }, 'INVALID_CONFIGURATION', /"authenticat"/],
  [
    'self-approval by a word',
    { agents, allowSelfApproval: 'yes' as unknown as boolean },
    'INVALID_CONFIGURATION',
    /allowSelfApproval/,
  ],
  [
    'agents that are no list',
    { agents: { a: named('a') } as unknown as Agent[] },
    'INVALID_CONFIGURATION',
    /must be a list of agents/,
  ],
  ['a limit that is none', { agents, limits: { message: -1 } }, 'INVALID_CONFIGURATION', /limits\.message/],
])('D6, and the same for options: %s throws when the server is created', (_, options, code, message) => {
  const create = () => createServer({ logger, ...options })
  expect(create).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  expect(create).not.toThrow(/se\/?cret/)
})

test('a server without agents is refused, and told what is missing', () => {
  const without = createServer as () => unknown
  expect(without).toThrow(
    expect.objectContaining({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringMatching(/list of agents .*\s+→ at agents/),
    }),
  )
})

test.each(['mongodb://user:secret@db1:27017,db2/app?replicaSet=rs0', 'mongodb+srv://cluster.example/app'])(
  '%s is a database',
  (database) => {
    createServer({ logger, agents, database })
  },
)

test('nothing is opened before listen or start', () => {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'test.db')
  createServer({ logger, agents, database: `file:${file}` })
  expect(existsSync(file)).toBe(false)
})

test('a database that another server holds is refused, and the server can start once it is free', async () => {
  using directory = temporaryDirectory()
  const database = `file:${join(directory.path, 'test.db')}`
  const first = createServer({ logger, agents, database })
  await first.start()
  await using second = createServer({ logger, agents, database })
  await expect(second.start()).rejects.toMatchObject({ code: 'STORE_IN_USE' })
  await first.close()
  await second.start()
})

test('a grace of an odd number of ms ends as any', async () => {
  const server = createServer({ logger, agents, database: ':memory:', graceMs: 1 })
  const { url } = await server.listen({ port: 0 })
  await server.close()
  await expect(fetch(`${url}/ready`)).rejects.toThrow()
})

test('the operations without HTTP are given a principal each', async () => {
  await using server = createServer({ logger, agents, database: ':memory:' })
  await server.start()
  const requester = { id: 'r', roles: ['REQUESTER'] } as const
  const started = await server.runs.start(requester, { agentName: 'gated', message: 'Hello', waitMs: 10_000 })
  if (started.__typename !== 'StartRunSuccess') throw new Error(started.__typename)
  expect(await server.runs.get(requester, started.run.id)).toMatchObject({ status: 'PAUSED', requestedBy: 'prn_r' })
  expect(await server.runs.get({ id: 'x', roles: ['ADMIN'], tenant: 'other' }, started.run.id)).toBeNull()
  const approver = { id: 'a', roles: ['APPROVER'] } as const
  const { edges } = await server.approvals.list(approver, { filter: { status: ['PENDING'] } })
  const approvalId = edges[0]?.node.id ?? ''
  expect(await server.approvals.resolve(requester, { approvalId, decision: { approve: {} } })).toMatchObject({
    __typename: 'ForbiddenError',
  })
  expect(await server.approvals.resolve(approver, { approvalId, decision: { approve: {} } })).toMatchObject({
    __typename: 'ResolveApprovalSuccess',
  })
  // @ts-expect-error a role that is none
  await expect(server.runs.list({ id: 'r', roles: ['KING'] })).rejects.toMatchObject({ code: 'INVALID_PRINCIPAL' })
  const misspelt = { id: 'r', roles: ['REQUESTER'], tenantId: 'acme' } as const
  await expect(server.runs.list(misspelt)).rejects.toMatchObject({
    ...{ code: 'INVALID_PRINCIPAL', message: expect.stringContaining('tenantId') },
  })
})

test('an operation without HTTP refuses a name that it does not know, and says which one is missing', async () => {
  await using server = createServer({ logger, agents, database: ':memory:' })
  await server.start()
  const admin = { id: 'a', roles: ['ADMIN'] } as const
  const list = server.approvals.list as (by: typeof admin, input: object) => Promise<unknown>
  const listRuns = server.runs.list as typeof list
  const start = server.runs.start as typeof list
  const resolve = server.approvals.resolve as typeof list
  const decision = { approvalId: 'apr_1', decision: { approve: {} } }
  for (const [asked, says] of [
    [list(admin, { filtr: {} }), '`filtr` is unknown to approvals'],
    [list(admin, { filter: { statuss: [] } }), '`statuss` is unknown to the filter of approvals'],
    [listRuns(admin, { filter: { runId: 'run_1' } }), '`runId` is unknown to the filter of runs'],
    [start(admin, { agent: 'echo', message: 'Hello' }), '`agent` is unknown to startRun: it takes agentName, '],
    [start(admin, { message: 'Hello' }), '`agentName` is missing'],
    [resolve(admin, { ...decision, expectedFingerprnt: 'f' }), '`expectedFingerprnt` is unknown to resolveApproval'],
  ] as const)
    await expect(asked).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining(says) })
  expect((await server.approvals.list(admin, { filter: { status: [] }, first: 1 })).edges).toEqual([])
})
