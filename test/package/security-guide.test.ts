import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/security.md'), 'utf8')

/** Rows that end in a test: `test/…`: what it is called, several with `;` between. */
const rows = guide.split('\n').flatMap((line) => {
  const last = line.split('|').at(-2)?.trim() ?? ''
  return last.startsWith('`test/')
    ? [[line, last.split('; ').map((one) => /^`(test\/[\w./-]+)`: (.+)$/.exec(one))] as const]
    : []
})

test('each row on abuse names a test that is there, by its file and its name', () => {
  expect(rows.length).toBeGreaterThan(20)
  for (const [row, named] of rows)
    for (const found of named) {
      const [, file = '', name = ''] = found ?? []
      expect([row, found !== null && existsSync(join(root, file))]).toEqual([row, true])
      const source = readFileSync(join(root, file), 'utf8')
      const isThere = [`'${name}'`, `"${name}"`].some((quoted) => source.includes(quoted))
      expect([file, name, isThere]).toEqual([file, name, true])
    }
})
