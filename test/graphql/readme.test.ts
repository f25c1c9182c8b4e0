import { readFileSync } from 'node:fs'
import { validate } from 'graphql'
import { expect, test } from 'vitest'
import { parseDocument } from '../../src/graphql/limits.ts'
import { schema } from '../../src/graphql/schema.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const fences = [...readme.matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, text = '']) => text)

test('the README shows three operations', () => {
  expect(fences).toHaveLength(3)
})

test.each(fences)('what the README shows can be pasted as it stands: one operation of this schema (%#)', (text) => {
  const document = parseDocument(text)
  expect(document.definitions).toHaveLength(1)
  expect(validate(schema, document)).toEqual([])
})
