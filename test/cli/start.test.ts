import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { misspeltVariables } from '../../src/server/misspelt-variables.ts'
import { runCli, type SpawnedServer, spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** It ends with exit code 1, these lines on stderr and nothing else. */
async function failsWith(env: Record<string, string>, ...lines: RegExp[]) {
  using directory = temporaryDirectory()
  const { code, stdout, stderr } = await runCli(['start'], { env: { PORT: '0', ...env }, cwd: directory.path })
  const found = stderr.trimEnd().split('\n')
  expect([code, stdout, found]).toEqual([1, '', lines.map((line) => expect.stringMatching(line))])
}

test('a port that is taken: one clear line, exit 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await failsWith({ PORT: String(port) }, new RegExp(`^countersign: .*port ${port} of 127\\.0\\.0\\.1 is taken`))
  taken.close()
})

test('a Node that is too old: one clear line, exit 1, before anything that it cannot load', async () => {
  const older = "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })"
  await failsWith(
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(older)}` },
    /^countersign: Node 24 or later is needed, and this is 20\.20\.2\.$/,
  )
})

test('a database file that cannot be written or is none: one clear line, exit 1', async () => {
  using directory = temporaryDirectory()
  const text = join(directory.path, 'text.db')
  writeFileSync(text, 'This is a letter and no database.')
  await failsWith(
    { DATABASE_URL: `file:${text}`, DEMO_DATABASE: ':memory:' },
    /^countersign: .*text\.db is no SQLite database/,
  )
  const missing = join(directory.path, 'missing', 'test.db')
  await failsWith(
    { DATABASE_URL: `file:${missing}`, DEMO_DATABASE: ':memory:' },
    /^countersign: .*missing\/test\.db cannot be opened/,
  )
  await failsWith({ DATABASE_URL: `file:${missing}` }, /^countersign: The demo's .*beside the database of DATABASE_URL/)
  const closed = join(directory.path, 'closed')
  mkdirSync(closed)
  chmodSync(closed, 0o500)
  // Root may write everywhere.
  if (process.getuid?.() === 0) return
  await failsWith(
    { DATABASE_URL: `file:${closed}/test.db`, DEMO_DATABASE: ':memory:' },
    /^countersign: .*closed\/test\.db cannot be opened/,
  )
})

test('a database that another process holds: one clear line, exit 1', async () => {
  await using other = await spawnServer()
  await failsWith(
    { DATABASE_URL: other.database, DEMO_DATABASE: ':memory:' },
    /^countersign: .*in use by another server/,
  )
})

test('bad environment variables: all together, one clear line each, exit 1, and no value is shown', async () => {
  await failsWith(
    {
      PORT: '99999',
      LOG_LEVEL: 'loud',
      OPENAI_BASE_URL: 'sk-secret',
      ALLOW_SELF_APPROVAL: 'perhaps',
      LEASE_MS: '1',
      MAX_MESSAGE_BYTES: 'x',
      API_KEYS: 'perhaps',
      JWKS_URL: 'http://idp.example/sk-secret',
      JWT_ALGORITHMS: 'RS256,HS256',
      JWT_ROLE_NAMES: 'boss',
      DATABASE_URL: 'mongodb://user:sk-secret@host',
    },
    /PORT: must be a port/,
    /LOG_LEVEL: must be one of fatal, error/,
    /OPENAI_BASE_URL: must be a URL/,
    /ALLOW_SELF_APPROVAL: must be true or false/,
    /MAX_MESSAGE_BYTES: must be a number of bytes/,
    /LEASE_MS: must be a number of milliseconds/,
    /API_KEYS: must be true or false/,
    /JWKS_URL: must be a URL that begins with https/,
    /JWT_ISSUER: must be set: key set, issuer and audience are needed together/,
    /JWT_AUDIENCE: must be set/,
    /JWT_ALGORITHMS: must be some of RS256/,
    /JWT_ROLE_NAMES: must give one of REQUESTER/,
    /DATABASE_URL: the MongoDB URL names no database/,
  )
  const { stderr } = await runCli(['start'], {
    env: { DATABASE_URL: 'mongodb://user:sk-secret@host', OPENAI_BASE_URL: 'sk-secret' },
  })
  expect(stderr).not.toContain('sk-secret')
})

test('an address beyond this machine while nobody has to sign in: one clear line that says how, exit 1', async () => {
  await failsWith({ HOST: '0.0.0.0', DEMO_DATABASE: ':memory:' }, /^countersign: .*0\.0\.0\.0 is not.*keys create/)
})

test('in production the database has to be named', async () => {
  await failsWith({ NODE_ENV: 'production' }, /DATABASE_URL: must be set with NODE_ENV=production/)
  await failsWith(
    { NODE_ENV: 'production', DATABASE_URL_FILE: '/nowhere' },
    /DATABASE_URL_FILE: the file cannot be read/,
  )
})

test('a module of agents that is not there, fails or exports none: one clear line, exit 1', async () => {
  using directory = temporaryDirectory()
  const file = (name: string, text: string) => {
    writeFileSync(join(directory.path, name), text)
    return join(directory.path, name)
  }
  await failsWith({ AGENTS: './nothing.ts' }, /^countersign: AGENTS: \.\/nothing\.ts cannot be loaded/)
  await failsWith(
    { AGENTS: file('throws.mjs', 'throw new Error("no key")') },
    /^countersign: AGENTS: .*throws\.mjs cannot be loaded: no key/,
  )
  await failsWith(
    { AGENTS: file('none.mjs', 'export const agents = [{ name: "a" }]') },
    /^countersign: AGENTS: .*none\.mjs must export what defineAgent gives: as `agents` or by default one agent, an array or an object of agents; or each by a name/,
  )
})

test('an unknown option or command: told what there is, exit 1', async () => {
  for (const args of [
    ['start', '--port', '5000'],
    ['--port', '5000'],
  ])
    expect(await runCli(args)).toMatchObject({
      code: 1,
      stderr:
        "error: unknown option '--port'\nSettings are environment variables: 'countersign start --help' names them.\n",
    })
  expect(await runCli(['start', '--help'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\n {2}DATABASE_URL\n(?:.*\n)* {2}PORT\n(?:.*\n)* {2}JWT_ISSUER\n/),
  })
  const unknown = "error: unknown command 'nonsense'; 'countersign --help' lists the commands\n"
  expect(await runCli(['nonsense'])).toMatchObject({ code: 1, stderr: unknown })
})

test('a misspelt variable: one line that names what may be meant, and never for what any machine has', async () => {
  await failsWith(
    { DATABSE_URL: 'file:./sk-secret.db', API_KEY: 'true', PORT: '99999' },
    /^countersign: DATABSE_URL is not read: is DATABASE_URL meant\?$/,
    /^countersign: API_KEY is not read: is API_KEYS meant\?$/,
    /PORT: must be a port/,
  )
  expect(misspeltVariables({ PROT: '1', HOSTS: '', LOG_LEVL: '' }).map(({ meant }) => meant)).toEqual([
    ...['PORT', 'HOST', 'LOG_LEVEL'],
  ])
  const usual = [
    'PATH',
    'PWD',
    'HOME',
    'HOSTNAME',
    'PORT',
    'HOST',
    'USER',
    'SHELL',
    'TERM',
    'LANG',
    'TZ',
    'TMPDIR',
    'MAIL',
  ]
  const others = ['NODE_ENV', 'NODE_OPTIONS', 'CI', 'LOGNAME', 'SHLVL', 'OLDPWD', 'DATABASE', 'GOOGLE_API_KEY', '_']
  expect(misspeltVariables(Object.fromEntries([...usual, ...others].map((name) => [name, 'x'])))).toEqual([])
  // Beside the right one it is somebody else's.
  expect(misspeltVariables({ API_KEY: 'x', API_KEYS: 'true' })).toEqual([])
})

test('where one has to sign in, the notice says what GraphiQL needs', async () => {
  await using server = await spawnServer({ env: { API_KEYS: 'true' } })
  await expect.poll(server.output).toContain('with {"authorization": "Bearer <key or token>"} under Headers:')
  expect(server.output()).toContain('resolveApproval(input: { approvalId: "apr_…"')
})

test('the three printed operations work as they stand, also at the second start with the same data', async () => {
  using directory = temporaryDirectory()
  const database = `file:${join(directory.path, 'countersign.db')}`
  const users = () => {
    using shop = new DatabaseSync(join(directory.path, 'countersign-demo.db'))
    return shop
      .prepare('SELECT id FROM users')
      .all()
      .map(({ id }) => id)
  }
  {
    await using server = await spawnServer({ database })
    expect(server.output()).toMatch(/OPEN: no authentication.*all rights/)
    expect(server.output()).toContain(database)
    expect(server.output()).toMatch(/Model +a script that follows simple rules, no language model/)
    expect(server.output()).toContain('Delete all data for user u_42')
    expect(users()).toContain('u_42')
    await pasteOperations(server)
    await expect.poll(users).not.toContain('u_42')
  }
  const before = users().length
  await using server = await spawnServer({ database })
  await pasteOperations(server)
  await expect.poll(() => users().length).toBe(before - 1)
})

async function pasteOperations(server: SpawnedServer): Promise<void> {
  const [trigger = '', pending = '', authorize = ''] = [...server.output().matchAll(/^# \d\. .*\n(.+)$/gm)].map(
    ([, operation]) => operation,
  )
  expect(await server.graphql(trigger, {}, null)).toMatchObject({ data: { startRun: { run: { status: 'PAUSED' } } } })
  const { data } = await server.graphql(pending, {}, null)
  expect(data.approvals.edges).toMatchObject([{ node: { toolName: 'delete_user_data' } }])
  expect(authorize).toContain(data.approvals.edges[0].node.id)
  expect(await server.graphql(authorize, {}, null)).toEqual({
    data: {
      resolveApproval: { approval: { status: 'APPROVED', resolution: { resolvedBy: { name: 'Local admin' } } } },
    },
  })
  expect(server.output()).toMatch(/^# 3\. An admin authorizes \(then paste 1 again: the run is COMPLETED\)$/m)
  expect(await server.graphql(trigger, {}, null)).toMatchObject({
    data: { startRun: { run: { status: 'COMPLETED', output: expect.stringMatching(/./) } } },
  })
}

test.each(['0x10', '1e3', ' 80', '80.0', '-1', '+80'])('PORT=%j is no port: digits only', async (PORT) => {
  await failsWith({ PORT }, /PORT: must be a port/)
})

test.each([
  ['each by a name of its own', 'export const first = agents[0], second = agents[1]'],
  ['as an array `agents`', 'const two = agents.slice(0, 2); export { two as agents }'],
  ['as an object `agents`', 'const mine = { a: agents[0], b: agents[1] }; export { mine as agents }'],
  ['by default, as an object', 'export default { a: agents[0], b: agents[1] }'],
  ['by default, as an array', 'export default agents.slice(0, 2)'],
])('agents may be exported %s', async (_, text) => {
  using directory = temporaryDirectory()
  const source = new URL('../support/echo-agents.ts', import.meta.url).href
  const path = join(directory.path, 'agents.mjs')
  writeFileSync(path, `import { agents } from '${source}'; ${text}`)
  await using server = await spawnServer({ agents: path })
  expect(await server.data('{ agents { name } }', {}, null)).toEqual({ agents: [{ name: 'echo' }, { name: 'gated' }] })
})

test('with agents of one’s own the printed operations work too', async () => {
  await using server = await spawnServer({ agents: new URL('../support/echo-agents.ts', import.meta.url).pathname })
  const operations = [...server.output().matchAll(/^# \d\. .*\n(.+)$/gm)].map(([, operation = '']) => operation)
  expect(operations).toHaveLength(4)
  for (const operation of operations) expect((await server.graphql(operation, {}, null)).errors).toBeUndefined()
  expect(server.output()).toContain('echo: scripted of countersign')
})
