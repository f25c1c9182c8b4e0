import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeDatabase } from '../../src/server/database.ts'
import { readDatabase } from '../../src/server/database-url.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const url = 'mongodb://user:sk-secret@db1:27017,db2/app?replicaSet=rs0'

/** What the environment names when DATABASE_URL_FILE is a file with this text. */
function read(text: string, env: Record<string, string> = {}) {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'secret')
  writeFileSync(file, text)
  return readDatabase({ DATABASE_URL_FILE: file, ...env })
}

test('the URL stands in DATABASE_URL or in the file that DATABASE_URL_FILE names, with or without a line break', () => {
  expect(readDatabase({ DATABASE_URL: url })).toEqual({ url })
  for (const text of [url, `${url}\n`, `${url}\r\n`]) expect(read(text, { NODE_ENV: 'production' })).toEqual({ url })
  expect(read('file:./other.db\n')).toEqual({ url: 'file:./other.db' })
})

test('without either it is a file here, and in production a mistake; what is empty is not set', () => {
  const local = { url: 'file:./countersign.db' }
  expect(readDatabase({})).toEqual(local)
  expect(readDatabase({ DATABASE_URL: '', DATABASE_URL_FILE: '' })).toEqual(local)
  expect(readDatabase({ NODE_ENV: 'production', DATABASE_URL: '' })).toEqual({
    mistake: expect.stringMatching(/^DATABASE_URL: must be set with NODE_ENV=production.*DATABASE_URL_FILE/),
  })
})

test.each([
  [
    'names no file',
    { DATABASE_URL_FILE: '/nowhere/sk-secret' },
    /^DATABASE_URL_FILE: the file cannot be read \(ENOENT\)\.$/,
  ],
  ['names a directory', { DATABASE_URL_FILE: '/' }, /^DATABASE_URL_FILE: the file cannot be read \(EISDIR\)\.$/],
  ['is the URL itself', { DATABASE_URL_FILE: url }, /^DATABASE_URL_FILE: the file cannot be read \(ENOENT\)\.$/],
  ['stands beside DATABASE_URL', { DATABASE_URL_FILE: '/x', DATABASE_URL: url }, /^DATABASE_URL_FILE: .*keep one/],
])('DATABASE_URL_FILE that %s: one clear line without a secret', (_, env, line) => {
  const found = readDatabase(env)
  expect(found).toEqual({ mistake: expect.stringMatching(line) })
  expect(JSON.stringify(found)).not.toContain('sk-secret')
})

test.each([
  ['nothing', ' \n', /the file is empty\.$/],
  ['two lines', `${url}\n${url}`, /must hold one line, the URL\.$/],
  ['no URL', 'sk-secret', /a database is file:/],
  ['another database', 'postgres://user:sk-secret@db1/app', /a database is file:/],
  ['a MongoDB URL without a database', 'mongodb://user:sk-secret@db1', /the MongoDB URL names no database/],
])('a file with %s: one clear line without its content', (_, text, line) => {
  const found = read(text)
  expect(found).toEqual({ mistake: expect.stringMatching(line) })
  expect(found).toEqual({ mistake: expect.stringMatching(/^DATABASE_URL_FILE: .*\.$/) })
  expect(JSON.stringify(found)).not.toContain('sk-secret')
})

test('what is shown of a URL is where the database is, not how to get in', () => {
  expect(describeDatabase(url)).toBe('mongodb://db1:27017,db2/app')
  expect(describeDatabase('mongodb+srv://user:sk-secret@cluster.example/app?tls=true')).toBe(
    'mongodb+srv://cluster.example/app',
  )
  expect(describeDatabase('file:./countersign.db')).toBe('file:./countersign.db')
})
