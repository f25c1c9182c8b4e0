import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { runCli } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** The command line in a folder of its own, on the database that is there by default. */
function inFolder() {
  const directory = temporaryDirectory()
  const keys = (...args: string[]) => runCli(['keys', ...args], { cwd: directory.path })
  return {
    path: directory.path,
    keys,
    /** As they are in the file, if there is one. */
    kept() {
      const file = join(directory.path, 'countersign.db')
      if (!existsSync(file)) return []
      using database = new DatabaseSync(file)
      return database.prepare('SELECT * FROM keys').all()
    },
    list: async () => JSON.parse((await keys('list', '--json')).stdout),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  }
}

const needed = ['--name', 'nightly import', '--role', 'REQUESTER', '--tenant', 'acme']

test('a key is shown once, alone on stdout, and only its hash is kept', async () => {
  using folder = inFolder()
  const made = await folder.keys('create', ...needed, '--role', 'approver', '--expires-in', '90d')
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ck_[0-9a-f]{16}_[0-9a-f]{72}\n$/) })
  const token = made.stdout.trim()
  const id = `key_${token.split('_')[1]}`
  const secret = token.split('_')[2] ?? ''

  // One structured line for the audit, without the key.
  const key = { id, name: 'nightly import', tenant: 'acme', roles: ['REQUESTER', 'APPROVER'] }
  const [audit = '', where] = made.stderr.split('\n')
  expect(JSON.parse(audit)).toMatchObject({ level: 30, msg: 'API key created', key })
  expect(where).toMatch(/^Database \/.*countersign\.db \(new\)$/)
  const table = await folder.keys('list')
  expect(table.stderr).toMatch(/^Database \/.*countersign\.db\n$/)
  expect(table.stdout).toMatch(new RegExp(`^ID .*\n${id} +active +acme +REQUESTER,APPROVER .* nightly import\n$`))
  const listed = await folder.list()
  expect(listed).toMatchObject([{ ...key, principal: `prn_${id}`, state: 'active', createdBy: null, lastUsedAt: null }])
  expect(Date.parse(listed[0].expiresAt) - Date.parse(listed[0].createdAt)).toBe(90 * 86_400_000)

  const kept = folder.kept()
  expect(kept).toMatchObject([{ id, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }])
  for (const text of [made.stderr, table.stdout, JSON.stringify(listed), JSON.stringify(kept)])
    expect(text).not.toContain(secret.slice(0, 12))
})

test('keys are those of one prefix, which DATABASE_PREFIX names, as for a server', async () => {
  using directory = temporaryDirectory()
  const as = (DATABASE_PREFIX: string, ...args: string[]) =>
    runCli(args, { cwd: directory.path, env: { DATABASE_PREFIX } })
  const made = await as('a_', 'keys', 'create', ...needed)
  expect(made).toMatchObject({ code: 0, stderr: expect.stringMatching(/countersign\.db, prefix a_ \(new\)\n$/) })
  const list = async (prefix: string) => JSON.parse((await as(prefix, 'keys', 'list', '--json')).stdout)
  expect(await list('a_')).toMatchObject([{ name: 'nightly import' }])
  expect(await list('b_')).toEqual([])
})

test('a key may act for others, and is shown as one that does', async () => {
  using folder = inFolder()
  expect((await folder.keys('create', ...needed, '--acts-for-others')).code).toBe(0)
  const [key] = await folder.list()
  expect(key).toMatchObject({ actsForOthers: true })
  expect((await folder.keys('list')).stdout).toContain(`${key.principal} for others`)
})

test('a key may stand for somebody, and is revoked for good', async () => {
  using folder = inFolder()
  await folder.keys('create', ...needed, '--principal', 'ada')
  const [made] = folder.kept()
  expect(made).toMatchObject({ principal: 'prn_ada', revoked_at: null })
  const id = String(made?.id)
  expect(await folder.keys('revoke', id)).toMatchObject({ code: 0, stdout: `${id} (nightly import) is revoked\n` })
  const [revoked] = folder.kept()
  expect(revoked?.revoked_at).toEqual(expect.any(Number))
  expect(await folder.keys('revoke', id)).toMatchObject({
    code: 0,
    stdout: `${id} (nightly import) is revoked already\n`,
    stderr: expect.not.stringContaining('API key revoked'),
  })
  expect(folder.kept()).toEqual([revoked])
  const other = await folder.keys('revoke', 'key_0123456789abcdef')
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no key key_0123456789abcdef') })
})

test.each([
  ['no role', ['create', '--name', 'a', '--tenant', 'b'], /^error: required option '--role <role>' not specified$/],
  [
    'a role that is none',
    ['create', ...needed, '--role', 'ROOT'],
    /^error: .*'ROOT' is invalid\. Roles are REQUESTER,/,
  ],
  [
    'an empty name',
    ['create', '--name', ' ', '--role', 'ADMIN', '--tenant', ''],
    /name: must not be empty; tenant: must/,
  ],
  [
    'a duration that is none',
    ['create', ...needed, '--expires-in', '90'],
    /^error: .*'90' is invalid\. A duration is a number with s, m, h or d/,
  ],
  ['a principal that is none', ['create', ...needed, '--principal', 'a'.repeat(300)], /A principal id has 1 to 250/],
  ['an id that is none', ['revoke', 'ck_0123'], /^countersign: A key is named by its id/],
  ['a list of what is not there', ['list'], /^countersign: There is no database \/.*countersign\.db: /],
  ['an end of what is not there', ['revoke', 'key_0123456789abcdef'], /^countersign: There is no database \//],
])('%s: one clear line, exit 1, and nothing is kept', async (_, args, line) => {
  using folder = inFolder()
  const { code, stdout, stderr } = await folder.keys(...args)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^[^\n]+\n$/)
  expect(stderr.trimEnd()).toMatch(line)
  expect(folder.kept()).toEqual([])
})

test.each([
  ['of no kind', 'postgres://user:sk-secret@host/db', /^countersign: DATABASE_URL: a database is file:/],
  ['in memory', ':memory:', /^countersign: A database in memory keeps no keys/],
  ['that is not there', 'file:./missing/test.db', /^countersign: There is no database .*missing\/test\.db/],
])('a database %s: one clear line, exit 1', async (_, DATABASE_URL, line) => {
  const { code, stdout, stderr } = await runCli(['keys', 'list'], { env: { DATABASE_URL } })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^[^\n]+\n$/)
  expect(stderr).toMatch(line)
  expect(stderr).not.toContain('sk-secret')
})
