import { readFileSync } from 'node:fs'
import { validate } from 'graphql'
import { expect, test } from 'vitest'
import { parseDocument } from '../../src/graphql/limits.ts'
import { schema } from '../../src/graphql/schema.ts'

const fencesOf = (file: string) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  return [...text.matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, document = '']) => document)
}
const fences = fencesOf('README.md')

test('the README shows three operations', () => {
  expect(fences).toHaveLength(3)
})

test.each([...fences, ...fencesOf('docs/operating.md')])(
  'what is shown can be pasted as it stands: one operation of this schema (%#)',
  (text) => {
    const document = parseDocument(text)
    expect(document.definitions).toHaveLength(1)
    expect(validate(schema, document)).toEqual([])
  },
)
