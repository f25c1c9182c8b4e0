import { expect, test, vi } from 'vitest'
import { identityProvider } from '../support/identity-provider.ts'
import { mongoDatabase, mongodbIsOff } from '../support/mongodb-database.ts'
import { runCli, type SpawnedServer, spawnServer } from '../support/spawn-server.ts'

const viewer = '{ viewer { principal { id } tenant roles } }'

const statusOf = async (server: SpawnedServer, token: string | null) =>
  (await server.post({ query: viewer }, token === null ? {} : { authorization: `Bearer ${token}` })).status

/** While the server runs: closed by the first key, and to it when it is revoked. */
async function closesAndOpens(database?: string) {
  const env = { DEMO_DATABASE: ':memory:' }
  await using server = await spawnServer(database === undefined ? { env } : { database, env })
  expect(server.output()).toMatch(/^ {2}Access {5}OPEN: no authentication/m)
  const keys = (...args: string[]) => runCli(['keys', ...args], { env: { DATABASE_URL: server.database } })
  const made = await keys('create', '--name', 'import', '--role', 'ADMIN', '--tenant', 'acme')
  expect(made.code).toBe(0)
  const token = made.stdout.trim()
  const id = `key_${token.split('_')[1]}`
  expect(await server.data(viewer, {}, token)).toEqual({
    viewer: { principal: { id: `prn_${id}` }, tenant: 'acme', roles: ['ADMIN'] },
  })
  await vi.waitFor(async () => expect(await statusOf(server, null)).toBe(401), 10_000)
  expect(server.output()).toMatch(/there is an API key: from now on everybody has to sign in/)
  expect(await keys('revoke', id)).toMatchObject({ code: 0 })
  await vi.waitFor(async () => expect(await statusOf(server, token)).toBe(401), 10_000)
  const [listed] = JSON.parse((await keys('list', '--json')).stdout)
  expect(listed).toMatchObject({ id, state: 'revoked', lastUsedAt: expect.any(String) })
  expect(server.output()).toContain('"reason":"REVOKED"')
  expect(server.output()).not.toContain(token.slice(20, 32))
}

test('keys are made, revoked and listed beside a server that runs on SQLite', { timeout: 120_000 }, () =>
  closesAndOpens(),
)

test.skipIf(mongodbIsOff())('and on MongoDB', { timeout: 120_000 }, async () => {
  await using database = mongoDatabase()
  await closesAndOpens(database.url)
})

test('with API_KEYS nobody gets in without one, from the first request', async () => {
  await using server = await spawnServer({ env: { API_KEYS: 'true', HOST: '0.0.0.0', DEMO_DATABASE: ':memory:' } })
  expect(server.output()).toMatch(/^ {2}Access {5}by API keys \(countersign keys create\)/m)
  expect(await statusOf(server, null)).toBe(401)
})

test('JWTs are set up by the environment', async () => {
  await using provider = await identityProvider()
  const { jwksUrl, issuer, audience } = provider.options
  const env = {
    JWKS_URL: jwksUrl,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: String(audience),
    JWT_ALGORITHMS: 'ES256, RS256',
    JWT_TENANT_CLAIM: 'org.id',
    JWT_ROLES_CLAIM: 'realm_access.roles',
    JWT_ROLE_NAMES: 'reviewers=APPROVER, staff=x=REQUESTER',
    JWT_DEFAULT_TENANT: 'main',
    DEMO_DATABASE: ':memory:',
  }
  await using server = await spawnServer({ env })
  expect(server.output()).toMatch(/^ {2}Access {5}by API keys, and JWTs of https:\/\/idp\.example\//m)
  const claims = { realm_access: { roles: ['reviewers', 'staff=x', 'ADMIN'] } }
  const roles = ['APPROVER', 'REQUESTER']
  expect(await server.data(viewer, {}, await provider.token({ ...claims, org: { id: 'acme' } }))).toEqual({
    viewer: { principal: { id: 'prn_alice' }, tenant: 'acme', roles },
  })
  expect(await server.data(viewer, {}, await provider.token(claims))).toMatchObject({
    viewer: { tenant: 'main', roles },
  })
  expect(await statusOf(server, await provider.token())).toBe(401)
})
