import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { runCli, spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const ready = {
  code: 0,
  stderr: '',
  stdout: expect.stringMatching(/^SQLite 3\.\S+ at \.\/countersign\.db: tables and indexes are up to date\n$/),
}

test('migrate makes the tables in an empty folder, and changes nothing the second time', async () => {
  using directory = temporaryDirectory()
  const shape = () => {
    using database = new DatabaseSync(join(directory.path, 'countersign.db'))
    return database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
  }
  expect(await runCli(['migrate'], { cwd: directory.path })).toMatchObject(ready)
  const made = shape()
  expect(made).toContainEqual(expect.objectContaining({ name: 'runs' }))
  expect(await runCli(['migrate'], { cwd: directory.path })).toMatchObject(ready)
  expect(shape()).toEqual(made)
})

test('the database may be named by a file', async () => {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'database-url')
  writeFileSync(file, 'file:./countersign.db\n')
  const env = { DATABASE_URL_FILE: file, NODE_ENV: 'production' }
  expect(await runCli(['migrate'], { cwd: directory.path, env })).toMatchObject(ready)
})

test('migrate asks for nothing but the database: settings of the server that it cannot use do not stop it', async () => {
  using directory = temporaryDirectory()
  const env = { HOST: '0.0.0.0', PORT: 'none' }
  expect(await runCli(['migrate'], { cwd: directory.path, env })).toMatchObject(ready)
})

test.each([
  ['that is none', { DATABASE_URL: 'postgres://user:sk-secret@host/db' }, /^DATABASE_URL: a database is file:/],
  [
    'without a name',
    { DATABASE_URL: 'mongodb://user:sk-secret@host' },
    /^DATABASE_URL: the MongoDB URL names no database/,
  ],
  [
    'that cannot be opened',
    { DATABASE_URL: 'file:./missing/test.db' },
    /^The database \.\/missing\/test\.db cannot be opened/,
  ],
  ['that is not named in production', { NODE_ENV: 'production' }, /^DATABASE_URL: must be set/],
])('migrate of a database %s: one clear line, exit 1', async (_, env, line) => {
  using directory = temporaryDirectory()
  const { code, stdout, stderr } = await runCli(['migrate'], { cwd: directory.path, env })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^countersign: [^\n]+\n$/)
  expect(stderr.slice('countersign: '.length)).toMatch(line)
  expect(stderr).not.toContain('sk-secret')
})

test('migrate of a file that a server holds says so', async () => {
  await using server = await spawnServer()
  expect(await runCli(['migrate'], { env: { DATABASE_URL: server.database } })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^countersign: The database .* is in use by another server.*\n$/),
  })
})
