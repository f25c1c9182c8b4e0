import { BSONRegExp, Code, type Db, MongoClient, ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PrincipalInput } from '../../src/access/principal.ts'
import { CountersignError } from '../../src/errors.ts'
import { openMongoStore } from '../../src/store/mongodb/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Variables } from '../support/client.ts'
import { agents } from '../support/echo-agents.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { principalOf } from '../support/principals.ts'
import { type TestServer, testServer } from '../support/test-server.ts'
import { aKey, anEntry, aResolution, aRun, aStep, lease } from './records.ts'

// What comes with a request is compared with, and never obeyed: it is refused, or looked for as it is and not found.

const opened = new AsyncDisposableStack()
let api: TestServer
let store: Store
let db: Db
let runId: string
let approvalId: string
let before: unknown
const key = aKey()

// biome-ignore lint/suspicious/noExplicitAny: what a program without types may pass.
type Anything = any

const contents = async () =>
  Promise.all(
    ['runs', 'journal', 'approvals', 'sessions', 'principals', 'keys'].map((name) =>
      db.collection(name).find().sort({ _id: 1 }).toArray(),
    ),
  )

beforeAll(async () => {
  if (mongodbIsOff()) return
  const { url } = opened.use(mongoDatabase())
  api = opened.use(await testServer({ agents, database: url }))
  store = opened.use(await openMongoStore({ url }))
  db = opened.use(new MongoClient(url)).db()
  await store.keys.put(key)
  const start = `mutation ($input: StartRunInput!) {
    startRun(input: $input) { ... on StartRunSuccess { run { id approvals { edges { node { id } } } } } }
  }`
  const input = { agentName: 'gated', message: 'Erase a.', sessionId: 's', idempotencyKey: 'k', waitMs: 20_000 }
  const { startRun } = await api.data(start, { input }, 'requester-1')
  runId = startRun.run.id
  approvalId = startRun.run.approvals.edges[0].node.id
  before = await contents()
})
afterAll(() => opened.disposeAsync())

/** Where a text belongs; `real` is one that is there. */
const hostile: readonly (readonly [string, (real: string) => Anything])[] = [
  ['$ne', () => ({ $ne: null })],
  ['$gt', () => ({ $gt: '' })],
  ['$in', (real) => ({ $in: [real] })],
  ['$regex', () => ({ $regex: '.*' })],
  ['$where', () => ({ $where: 'true' })],
  ['a list', (real) => [real]],
  ['a list of operators', () => [{ $ne: null }, { $ne: null }]],
  ['a pattern', () => /.*/s],
  ['a pattern of BSON', () => new BSONRegExp('.*', 's')],
  ['code', () => new Code('true')],
  ['an id of MongoDB', () => new ObjectId()],
  ['what says it is one', (real) => ({ _bsontype: 'ObjectId', id: real, toString: () => real })],
  [
    'what turns into a text',
    (real) => ({
      length: 9,
      toString: () => real,
      valueOf: () => real,
      isWellFormed: () => true,
      toWellFormed: () => real,
    }),
  ],
]

const aLook = { action: 'REVEALED', at: 1, by: 'prn_x' as never, note: null } as const

const nothing = (outcome: Anything) =>
  outcome === null ||
  outcome === false ||
  outcome === 0 ||
  outcome?.length === 0 ||
  outcome?.edges?.length === 0 ||
  (outcome?.won === false && (outcome.approval === null || outcome.approval.status === 'PENDING')) ||
  outcome?.outcome === 'session-taken' ||
  /^(NotFound|InvalidInput|ApprovalConflict)Error$/.test(outcome?.__typename)

/** Refused by an error that says so, or nothing was found, and nothing has changed. */
async function comesToNothing(what: string, ask: () => Promise<unknown>, isRefusal: (error: unknown) => boolean) {
  const outcome = await ask().catch((error: unknown) => {
    expect(isRefusal(error), `${what}: ${error}`).toBe(true)
    return null
  })
  expect(nothing(outcome), `${what}: ${JSON.stringify(outcome)}`).toBe(true)
}

const ofCaller = (error: unknown) =>
  error instanceof CountersignError && (error.code === 'BAD_USER_INPUT' || error.code === 'INVALID_PRINCIPAL')

describe.skipIf(mongodbIsOff())('is never obeyed:', () => {
  describe.each(hostile)('%s', (_, make) => {
    test('in the library', async () => {
      const { runs, approvals } = api.server
      const admin = principalOf('admin-1') as PrincipalInput
      const requester = principalOf('requester-1') as PrincipalInput
      const run = make(runId)
      const approval = make(approvalId)
      const decision = { approve: {} }
      const asks: Record<string, () => Promise<unknown>> = {
        'runs.get': () => runs.get(admin, run),
        'runs.continue': () => runs.continue(admin, { runId: run }),
        'runs.cancel': () => runs.cancel(admin, { runId: run }),
        'runs.cancel reason': () => runs.cancel(admin, { runId, reason: make('why') }),
        'approvals.get': () => approvals.get(admin, approval),
        'approvals.resolve': () => approvals.resolve(admin, { approvalId: approval, decision }),
        expectedStatus: () => approvals.resolve(admin, { approvalId, decision, expectedStatus: make('PENDING') }),
        expectedFingerprint: () => approvals.resolve(admin, { approvalId, decision, expectedFingerprint: make('f') }),
        expectedRevision: () => approvals.resolve(admin, { approvalId, decision, expectedRevision: make('1') }),
        note: () => approvals.resolve(admin, { approvalId, decision, note: make('n') }),
        'start agentName': () => runs.start(requester, { agentName: make('gated'), message: 'm' }),
        'start message': () => runs.start(requester, { agentName: 'gated', message: make('m') }),
        'start sessionId': () => runs.start(requester, { agentName: 'gated', message: 'm', sessionId: make('s') }),
        'start idempotencyKey': () =>
          runs.start(requester, { agentName: 'gated', message: 'm', idempotencyKey: make('k') }),
        'principal id': () => runs.list({ ...requester, id: make('requester-1') }),
        'principal tenant': () => runs.list({ ...requester, tenant: make('default') }),
        'principal of a decision': () =>
          approvals.resolve({ ...admin, tenant: make('default') }, { approvalId, decision }),
      }
      const members: [string, string][] = [
        ['agentName', 'gated'],
        ['status', 'PAUSED'],
        ['requestedBy', 'prn_requester-1'],
      ]
      for (const [name, real] of members) {
        asks[`runs ${name}`] = () => runs.list(admin, { filter: { [name]: make(`${real}?`) } })
        asks[`runs one ${name}`] = () => runs.list(admin, { filter: { [name]: [make(real)] } })
        asks[`runs two ${name}`] = () => runs.list(admin, { filter: { [name]: [make(real), make(real)] } })
      }
      for (const [name, real] of [...members, ['toolName', 'erase'], ['type', 'REQUIRED'], ['kind', 'CONFIRMATION']]) {
        asks[`approvals ${name}`] = () => approvals.list(admin, { filter: { [String(name)]: make(`${real}?`) } })
        asks[`approvals one ${name}`] = () =>
          approvals.list(admin, { filter: { [String(name)]: [make(String(real))] } })
        asks[`approvals two ${name}`] = () =>
          approvals.list(admin, { filter: { [String(name)]: [make(String(real)), make(String(real))] } })
      }
      asks['runs sessionId'] = () => runs.list(admin, { filter: { sessionId: make('s') } })
      asks['approvals runId'] = () => approvals.list(admin, { filter: { runId: run } })
      for (const name of ['createdAfter', 'createdBefore', 'resolvedAfter']) {
        asks[`approvals ${name}`] = () => approvals.list(admin, { filter: { [name]: make('1') } })
      }
      for (const name of ['after', 'before']) {
        asks[`runs ${name}`] = () => runs.list(admin, { [name]: make('WyJ') })
        asks[`approvals ${name}`] = () => approvals.list(admin, { [name]: make('WyJ') })
      }
      for (const [what, ask] of Object.entries(asks)) await comesToNothing(what, ask, ofCaller)
      expect(await contents()).toEqual(before)
    })

    test('at the port', async () => {
      const run = make(runId)
      const approval = make(approvalId)
      const tenant = make('default')
      const visible = { tenant: 'default' }
      const page = { limit: 10 }
      const given = aRun({ requestedBy: 'prn_x' as never })
      const present = aRun({ id: runId as never, fence: 1, seq: 3 })
      const create = (changed: object) => {
        const it = { ...given, ...changed }
        return store.runs.create(it, anEntry(it, it.seq))
      }
      const asks: Record<string, () => Promise<unknown>> = {
        'runs.get': () => store.runs.get(run),
        'runs.create id': () => create({ id: run }),
        'runs.create tenant': () => create({ tenant }),
        'runs.create session': () => create({ sessionId: make('s') }),
        'runs.create requester': () => create({ requestedBy: make('prn_requester-1') }),
        claim: () => store.runs.claimOrSignal(run, lease(1)),
        'claim due': () => store.runs.claimDue([make('gated'), make('gated')], 10, lease(1e15)),
        signal: () => store.runs.signal(run),
        renew: () => store.runs.renew(run, 1, 1e15),
        'renew fence': () => store.runs.renew(runId as never, make('1'), 1e15),
        step: () => store.runs.step(aStep({ ...present, id: run })),
        'step fence': () => store.runs.step(aStep({ ...present, fence: make('1') })),
        'step seq': () => store.runs.step({ ...aStep({ ...present, seq: make('3') }), entries: [] }),
        history: () => store.runs.history(tenant, make('s'), make('prn_requester-1'), 10),
        'history session': () => store.runs.history('default', make('s'), 'prn_requester-1' as never, 10),
        journal: () => store.journal.read(run, 0, 10),
        'journal after': () => store.journal.read(runId as never, make('0'), 10),
        'approvals.get': () => store.approvals.get(approval),
        getMany: () => store.approvals.getMany([approval, approval]),
        decide: () => store.approvals.decide(approval, 'default', {}, aResolution()),
        'decide tenant': () => store.approvals.decide(approvalId as never, tenant, {}, aResolution()),
        'remind due': () =>
          store.approvals.remind({ id: approvalId as never, tenant: 'default', due: make('1') }, { due: 2, at: 1 }),
        'remind tenant': () => store.approvals.remind({ id: approval, tenant, due: 1 }, { due: 2, at: 1 }),
        note: () => store.approvals.note(approval, 'default', {}, aLook),
        'note tenant': () => store.approvals.note(approvalId as never, tenant, {}, aLook),
        fingerprint: () =>
          store.approvals.decide(approvalId as never, 'default', { fingerprint: make('f') }, aResolution()),
        revision: () => store.approvals.decide(approvalId as never, 'default', { revision: make('1') }, aResolution()),
        names: () => store.principals.getMany(tenant, [make('prn_requester-1')]),
        'a name': () => store.principals.getMany('default', [make('prn_requester-1')]),
        keys: () => store.keys.getMany([make(key.id), make(key.id)]),
        revoke: () => store.keys.revoke(make(key.id), 2_000),
        touch: () => store.keys.touch(make(key.id), 2_000).then(() => null),
        'runs tenant': () => store.runs.list({ visible: { tenant } }, 'NEWEST_FIRST', page),
        'runs requester': () =>
          store.runs.list({ visible: { ...visible, requestedBy: make('x') } }, 'NEWEST_FIRST', page),
        'runs session': () => store.runs.list({ visible, sessionId: make('s') }, 'NEWEST_FIRST', page),
        'count tenant': () => store.approvals.count({ visible: { tenant } }, 10),
        'approvals run': () => store.approvals.list({ visible, runId: run }, 'OLDEST_FIRST', page),
      }
      for (const name of ['agentName', 'status', 'requestedBy', 'toolName', 'type', 'kind', 'resolvedBy']) {
        for (const values of [[make('x')], [make('x'), make('x')]])
          asks[`approvals ${name} ${values.length}`] = () =>
            store.approvals.list({ visible, [name]: values }, 'OLDEST_FIRST', page)
      }
      for (const [what, ask] of Object.entries(asks)) await comesToNothing(what, ask, (error) => error instanceof Error)
      const put = store.principals.put({ tenant, id: make('prn_requester-1'), name: 'Mallory' })
      await put.catch((error) => expect(error).toBeInstanceOf(Error))
      expect(await contents()).toEqual(before)
    })
  })

  test('what is JSON, in the variables of a GraphQL request', async () => {
    const operations: readonly (readonly [string, (value: unknown) => Variables])[] = [
      ['query ($v: ID!) { run(id: $v) { id } }', (v) => ({ v })],
      ['query ($v: ID!) { approval(id: $v) { id } }', (v) => ({ v })],
      ['query ($v: RunFilter) { runs(filter: $v) { edges { cursor } } }', (v) => ({ v: { sessionId: v } })],
      ['query ($v: RunFilter) { runs(filter: $v) { edges { cursor } } }', (v) => ({ v: { agentName: [v, v] } })],
      ['query ($v: RunFilter) { runs(filter: $v) { edges { cursor } } }', (v) => ({ v: { requestedBy: [v] } })],
      ['query ($v: RunFilter) { runs(filter: $v) { edges { cursor } } }', (v) => ({ v: { createdAfter: v } })],
      ['query ($v: String) { runs(after: $v) { edges { cursor } } }', (v) => ({ v })],
      ['query ($v: ApprovalFilter) { approvals(filter: $v) { edges { cursor } } }', (v) => ({ v: { runId: v } })],
      ['query ($v: ApprovalFilter) { approvals(filter: $v) { edges { cursor } } }', (v) => ({ v: { toolName: v } })],
      [
        'mutation ($v: ResolveApprovalInput!) { resolveApproval(input: $v) { __typename } }',
        (v) => ({ v: { approvalId: v, decision: { approve: {} } } }),
      ],
      [
        'mutation ($v: ResolveApprovalInput!) { resolveApproval(input: $v) { __typename } }',
        (v) => ({ v: { approvalId, expectedFingerprint: v, decision: { approve: {} } } }),
      ],
      ['mutation ($v: CancelRunInput!) { cancelRun(input: $v) { __typename } }', (v) => ({ v: { runId: v } })],
      ['mutation ($v: ContinueRunInput!) { continueRun(input: $v) { __typename } }', (v) => ({ v: { runId: v } })],
      [
        'mutation ($v: StartRunInput!) { startRun(input: $v) { __typename } }',
        (v) => ({ v: { agentName: 'gated', message: 'm', sessionId: v } }),
      ],
      [
        'mutation ($v: StartRunInput!) { startRun(input: $v) { __typename } }',
        (v) => ({ v: { agentName: 'gated', message: 'm', idempotencyKey: v } }),
      ],
    ]
    const values = [{ $ne: null }, { $gt: '' }, { $regex: '.*' }, [{ $ne: null }], { _bsontype: 'ObjectId', id: runId }]
    for (const [operation, variables] of operations) {
      for (const value of values) {
        const { data, errors } = await api.graphql(operation, variables(value), 'admin-1')
        expect(data ?? null, operation).toBeNull()
        expect(new Set(errors?.map(({ extensions }) => extensions.code)), operation).toEqual(
          new Set(['BAD_USER_INPUT']),
        )
      }
    }
    expect(await contents()).toEqual(before)
  })

  test('a text that looks like an operator: it is a text', async () => {
    const operator = '{"$ne":null}'
    const answer = await api.data(
      `query ($v: String!, $id: ID!) {
        run(id: $id) { id }
        approval(id: $id) { id }
        runs(filter: { sessionId: $id }) { edges { cursor } }
        of: runs(filter: { agentName: [$v, $v] }) { edges { cursor } }
        approvals(filter: { toolName: [$v, "$regex"] }) { edges { cursor } }
      }`,
      { v: operator, id: operator },
      'admin-1',
    )
    const none = { edges: [] }
    expect(answer).toEqual({ run: null, approval: null, runs: none, of: none, approvals: none })
    const start = `mutation ($input: StartRunInput!) { startRun(input: $input) { ... on StartRunSuccess { run { id sessionId metadata } } } }`
    const metadata = { $ne: null, _bsontype: 'ObjectId', $where: 'true' }
    const input = {
      agentName: 'echo',
      message: operator,
      sessionId: operator,
      idempotencyKey: operator,
      metadata,
      waitMs: 20_000,
    }
    const { startRun } = await api.data(start, { input }, 'requester-1')
    expect(startRun.run).toMatchObject({ sessionId: operator, metadata })
    const again = await api.data(start, { input }, 'requester-1')
    expect(again.startRun.run.id).toBe(startRun.run.id)
    const found = await api.data(
      'query ($v: ID!) { runs(filter: { sessionId: $v }) { edges { node { id } } } }',
      { v: operator },
      'admin-1',
    )
    expect(found.runs.edges).toEqual([{ node: { id: startRun.run.id } }])
  })
})
