import { expect, test } from 'vitest'
import { editedPaths } from '../../src/approvals/edited-paths.ts'
import { resolutionWith } from '../../src/approvals/resolution.ts'
import { type JsonObject, toJsonText } from '../../src/json.ts'

const resolved = { status: 'APPROVED', cause: 'DECISION', at: 0 } as const

function edited(proposed: JsonObject, after: JsonObject | null, ...sensitive: string[]) {
  const resolution = resolutionWith({ ...resolved, arguments: after && toJsonText(after) })
  const paths = editedPaths(
    { arguments: toJsonText(proposed), resolution },
    sensitive.map((path) => path.split('.')),
  )
  return paths?.map((path) => path.join('.')) ?? null
}

test.each<[string, JsonObject, JsonObject, string[], string[]]>([
  ['what is as it was', { a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }, [], []],
  ['a member', { a: 1, b: 2 }, { a: 1, b: 3 }, ['b'], []],
  ['one within', { a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }, ['a.b.1.c'], []],
  ['one that came, and one that went', { a: { x: 1 } }, { b: { y: 1 } }, ['a', 'b'], []],
  ['null in the place of nothing', {}, { a: null }, ['a'], []],
  ['a longer list', { a: [1] }, { a: [1, 2, 3] }, ['a.1', 'a.2'], []],
  ['a list in the place of an object', { a: { 0: 1 } }, { a: [1] }, ['a'], []],
  ['a name that every object has', {}, { toString: 1 }, ['toString'], []],
  ['a hidden one', { ssn: '1' }, { ssn: '2' }, ['ssn'], ['ssn']],
  ['within a hidden one, by the path that hides it', { by: { x: 1 } }, { by: { y: 2 } }, ['by'], ['by']],
  ['within one that two paths hide, the outer', { by: { x: 1 } }, { by: { x: 2 } }, ['by'], ['by.x', 'by']],
  ['members of which each is hidden, once', { by: { x: 1 } }, { by: { y: 2, z: 3 } }, ['by.*'], ['by.*']],
  ['in a list whose elements hide one', { c: [{ n: 1, x: 1 }] }, { c: [{ n: 2, x: 2 }] }, ['c.n', 'c.0.x'], ['c.n']],
  ['nothing where what is hidden stayed', { ssn: { a: 1 }, to: 'x' }, { ssn: { a: 1 }, to: 'y' }, ['to'], ['ssn']],
])('of an edit are told: %s', (_, proposed, after, expected, sensitive) =>
  expect(edited(proposed, after, ...sensitive)).toEqual(expected),
)

test('a name that repeats what is hidden elsewhere, before the edit or after it, is hidden', () => {
  const before = { ssn: '078-05', notes: { 'of 078-05': 1, 'of 1120': 1 } }
  const after = { ssn: '1120', notes: { 'of 078-05': 2, 'of 1120': 1, 'for 1120': 1 } }
  expect(edited(before, after, 'ssn')).toEqual(['notes.of ‹hidden›', 'notes.for ‹hidden›', 'ssn'])
})

test('nothing is told of arguments that nobody edited, and of an edit without end its first hundred places', () => {
  expect(edited({ a: 1 }, null)).toBe(null)
  const list = (value: number) => ({ a: Array.from({ length: 100_000 }, () => value) })
  expect(edited(list(1), list(2))).toEqual(Array.from({ length: 100 }, (_, n) => `a.${n}`))
})
