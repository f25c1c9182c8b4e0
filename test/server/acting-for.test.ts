import { expect, test } from 'vitest'
import type { PrincipalInput } from '../../src/access/principal.ts'
import { keysOf } from '../support/api-keys.ts'
import { connect } from '../support/client.ts'
import { agents } from '../support/echo-agents.ts'
import { identityProvider } from '../support/identity-provider.ts'
import { logLines } from '../support/log-lines.ts'
import { type TestServerOptions, testServer } from '../support/test-server.ts'

// Who acts for whom, and is then kept from deciding, is in test/behaviours/acting-for.test.ts: here is what is refused.

const viewer = '{ viewer { principal { id } actor { id } } }'

async function scene(options: Omit<TestServerOptions, 'agents'> = { authenticate: null, apiKeys: true }) {
  const log = logLines()
  const api = await testServer({ agents, logger: log.logger, ...options })
  const keys = keysOf(api.database)
  return { api, log, keys, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

type Scene = Awaited<ReturnType<typeof scene>>

/** What is said over HTTP, SSE and WebSocket to who asks with this token, and these words for whom. */
async function refusals(all: Scene, token: string | null, actingFor: unknown) {
  await using client = connect(all.api.url, actingFor)
  const answers = [await client.graphql(viewer, {}, token), (await client.sse(viewer, {}, token).next()).value]
  const said = answers.map(({ errors }) => [errors?.[0]?.extensions.code, errors?.[0]?.message])
  return [...said, await closing(all, token, actingFor)]
}

/** Why a WebSocket is closed. */
const closing = ({ api }: Scene, token: string | null, actingFor: unknown) =>
  connect(api.url, actingFor)
    .subscribe(viewer, {}, token)
    .next()
    .then(null, ({ code, reason }) => [code, reason])

const everywhere = (message: string) => [
  ['BAD_USER_INPUT', message],
  ['BAD_USER_INPUT', message],
  [4400, message],
]
const sayForWhom = 'This key acts for others: say for whom, as Acting-For: prn_…'
const takesAnId = 'Acting-For takes the id of one person: prn_… in ASCII, without blanks.'
const forKeys = 'Acting-For is for API keys that were made to act for others.'

test('a key that acts for others has to say for whom, and one that does not must not; it is told, and logged', async () => {
  await using all = await scene()
  const { keys, log } = all
  const [service, plain] = [await keys.create({ actsForOthers: true }), await keys.create()]
  expect(await refusals(all, service.token, undefined)).toEqual(everywhere(sayForWhom))
  expect(await refusals(all, plain.token, 'prn_ada')).toEqual(everywhere(forKeys))
  const refused = log.lines().filter(({ msg }) => msg === 'sign-in refused')
  expect(refused.map(({ reason }) => reason)).toEqual(Array(6).fill('ACTING_FOR'))
  expect(log.lines().filter(({ level }) => Number(level) >= 50)).toEqual([])
  const { api } = all
  expect((await api.post({ query: viewer }, { authorization: `Bearer ${service.token}` })).status).toBe(400)
})

test('an id that may be read in two ways is refused, and so is a key’s own', async () => {
  await using all = await scene()
  const { token } = await all.keys.create({ actsForOthers: true })
  const plain = await all.keys.create()
  const unclear = ['', 'a b', 'prn_ada, prn_bob', 'zoë', 'x'.repeat(251), plain.key.id, plain.key.principal]
  for (const id of unclear) expect(await refusals(all, token, id)).toEqual(everywhere(takesAnId))
  // What only a WebSocket's payload can have.
  for (const id of [7, {}, ['prn_ada'], true, 'ada\n', 'аda'])
    expect(await closing(all, token, id)).toEqual([4400, takesAnId])
})

test('who is not known is not told more', async () => {
  await using all = await scene()
  const { key } = await all.keys.create({ actsForOthers: true })
  const revoked = await all.keys.create({ actsForOthers: true })
  await all.keys.revoke(revoked.key.id)
  for (const token of [null, 'nobody', revoked.token, key.id]) {
    await using client = connect(all.api.url, 'prn_ada')
    expect(await client.graphql(viewer, {}, token)).toMatchObject({
      errors: [{ message: expect.stringMatching(/^Nobody is known/), extensions: { code: 'UNAUTHENTICATED' } }],
    })
    expect(await closing(all, token, 'prn_ada')).toEqual([4403, 'Forbidden'])
  }
})

test('a server that is open takes it from nobody, and one’s own authentication only when it names the service', async () => {
  await using open = await scene({ authenticate: null })
  expect(await refusals(open, null, 'prn_ada')).toEqual(everywhere(forKeys))
  const known: Readonly<Record<string, PrincipalInput>> = { me: { id: 'me', roles: ['REQUESTER'] } }
  await using own = await scene({
    authenticate: (token, _request, actingFor) =>
      token === 'desk' && actingFor !== null
        ? { id: actingFor, roles: ['REQUESTER'], actor: 'desk' }
        : (known[token ?? ''] ?? null),
  })
  expect(await refusals(own, 'me', 'prn_ada')).toEqual(everywhere('Acting-For is not taken here.'))
  await using forAda = connect(own.api.url, 'ada')
  const expected = { viewer: { principal: { id: 'prn_ada' }, actor: { id: 'prn_desk' } } }
  expect(await forAda.data(viewer, {}, 'desk')).toEqual(expected)
  expect(await forAda.sse(viewer, {}, 'desk').data()).toEqual(expected)
  expect(await forAda.subscribe(viewer, {}, 'desk').data()).toEqual(expected)
})

test('a JWT with an actor is of its subject, who cannot resolve through it; only of services that are named', async () => {
  await using provider = await identityProvider('ES256')
  const scope = { authenticate: null, jwt: { ...provider.options, actors: ['desk'] } }
  await using all = await scene(scope)
  const { api, log } = all
  const roles = ['REQUESTER', 'APPROVER']
  const [direct, through] = [await provider.token({ roles }), await provider.token({ roles, act: { sub: 'desk' } })]
  const expected = { viewer: { principal: { id: 'prn_alice' }, actor: { id: 'prn_desk' } } }
  expect(await api.data(viewer, {}, through)).toEqual(expected)
  expect(await api.sse(viewer, {}, through).data()).toEqual(expected)
  expect(await api.subscribe(viewer, {}, through).data()).toEqual(expected)
  expect(await refusals(all, through, 'prn_ada')).toEqual(everywhere(forKeys))

  const start = `mutation { startRun(input: { agentName: "gated", message: "Erase a.", waitMs: 20000 }) {
    ... on StartRunSuccess { run { approvals { edges { node { id viewerCannotResolveReasons } } } } } } }`
  const resolve = `mutation ($id: ID!) { resolveApproval(input: { approvalId: $id, decision: { approve: {} } }) { __typename } }`
  for (const [asks, decides] of [
    [direct, through],
    [through, direct],
  ] as const) {
    const { startRun } = await api.data(start, {}, asks)
    const [{ node }] = startRun.run.approvals.edges
    expect(node.viewerCannotResolveReasons).toEqual(['OWN_REQUEST'])
    expect((await api.data(resolve, { id: node.id }, decides)).resolveApproval.__typename).toBe('ForbiddenError')
  }

  const stranger = await provider.token({ act: { sub: 'elsewhere' } })
  expect((await api.post({ query: viewer }, { authorization: `Bearer ${stranger}` })).status).toBe(401)
  expect(log.lines().at(-1)).toMatchObject({ msg: 'sign-in refused', reason: 'WRONG_ACTOR' })
})

test('a revoked key ends what is watched for others through it', async () => {
  await using all = await scene()
  const { token, key } = await all.keys.create({ actsForOthers: true })
  await using forAda = connect(all.api.url, 'ada')
  const pending = 'subscription { pendingApprovals { __typename } }'
  const [sse, socket] = [forAda.sse(pending, {}, token), forAda.subscribe(pending, {}, token)]
  await sse.data()
  await socket.data()
  await all.keys.revoke(key.id)
  expect((await sse.next()).value.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
  await expect(socket.next()).rejects.toMatchObject({ code: 4403, reason: 'Your key has been revoked' })
})
