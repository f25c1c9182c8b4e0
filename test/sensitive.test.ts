import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonObject, type JsonText, type JsonValue, readJson, toJsonText } from '../src/json.ts'
import { hidden, hiddenValue, hidingOf, isWithin, restored, type SensitivePath } from '../src/sensitive.ts'

const paths = (...dotted: string[]): SensitivePath[] => dotted.map((path) => path.split('.'))
const shown = (value: JsonValue, ...dotted: string[]) => {
  const text = toJsonText(value)
  return readJson(hidingOf(paths(...dotted), text).arguments(text))
}

test.each<[string, JsonValue, string[], JsonValue]>([
  ['a field', { ssn: '078-05', to: 'Ada' }, ['ssn'], { ssn: hidden, to: 'Ada' }],
  ['whatever stands there', { a: null, b: { c: [1] }, d: 2 }, ['a', 'b'], { a: hidden, b: hidden, d: 2 }],
  ['nothing where nothing stands', { to: 'Ada' }, ['ssn', 'card.number'], { to: 'Ada' }],
  ['a field of each element', { c: [{ n: 1, x: 1 }, {}] }, ['c.*.n'], { c: [{ n: hidden, x: 1 }, {}] }],
  ['the same without the star', { c: [[{ n: 1 }], [{ n: 2 }]] }, ['c.n'], { c: [[{ n: hidden }], [{ n: hidden }]] }],
  ['each element', { tags: ['a', 'b'] }, ['tags.*'], { tags: [hidden, hidden] }],
  ['each member', { by: { x: { n: 1 }, y: { n: 2 } } }, ['by.*.n'], { by: { x: { n: hidden }, y: { n: hidden } } }],
  [
    'what is shaped otherwise, as a whole',
    { card: '4929', none: null },
    ['card.n', 'none.n'],
    { card: hidden, none: null },
  ],
])('hides %s', (_, value, at, expected) => expect(shown(value, ...at)).toEqual(expected))

describe('what is hidden in one place is hidden wherever the call repeats it', () => {
  const proposed = toJsonText({
    ssn: 'a"b\nc1',
    pin: 49_290,
    short: 'x1',
    on: true,
    card: { n: 'abcd', m: ['abcdef'] },
  })
  const hiding = hidingOf(paths('ssn', 'pin', 'short', 'on', 'card'), proposed)

  test('in texts, as it is and as JSON has it, the longest first', () => {
    expect(hiding.message('No a"b\nc1.')).toBe(`No ${hidden}.`)
    expect(hiding.message(proposed)).not.toMatch(/a\\"b|49290|abcd/)
    expect(hiding.message('abcdefg')).toBe(`${hidden}g`)
  })
  test('in results, in names and numbers too', () => {
    const result = hiding.result(toJsonText({ abcd: [49_290, 'x1', true, null], to: '49290.' }))
    expect(readJson(result)).toEqual({ [hidden]: [hidden, 'x1', true, null], to: `${hidden}.` })
  })
  test('and so many that nobody could search for them hide all of it', () => {
    const list = toJsonText({ all: Array.from({ length: 200 }, (_, n) => `number ${n}`) })
    expect(hidingOf(paths('all'), list).message('Nothing of it.')).toBe(hidden)
  })
  test('a hundred of them, found two hundred thousand times, block nobody for long', { timeout: 10_000 }, () => {
    const list = toJsonText({ all: Array.from({ length: 100 }, (_, n) => `${1_000 + n}x`) })
    const text = hidingOf(paths('all'), list).message('1000x1001y'.repeat(200_000))
    expect(text).toBe(`${hidden}1001y`.repeat(200_000))
  })
  test('what does not parse is hidden as a whole, without paths nothing is', () => {
    expect(hiding.arguments('{"ssn":' as JsonText)).toBe(JSON.stringify(hidden))
    expect(hidingOf([], proposed).arguments(proposed)).toBe(proposed)
  })
})

const leaf = fc.oneof(fc.string({ minLength: 4 }), fc.integer({ min: 1_000 }), fc.boolean(), fc.constant(null))
const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { maxKeys: 3 }),
  ) as fc.Arbitrary<JsonValue>,
}))
const anyArguments = fc.dictionary(fc.constantFrom('a', 'b', 'c'), tree, { maxKeys: 3 }) as fc.Arbitrary<JsonObject>
const anyPaths = fc.array(fc.array(fc.constantFrom('a', 'b', 'c', '*'), { minLength: 1, maxLength: 3 }), {
  maxLength: 3,
})

test('whatever is hidden, what was shown comes back as what it was, and hides nothing more when it is hidden again', () => {
  fc.assert(
    fc.property(anyArguments, anyPaths, (value, at) => {
      const text = toJsonText(value)
      const { arguments: hide } = hidingOf(at, text)
      const there = hide(text)
      expect(restored(readJson(there), text, there)).toEqual({ value: readJson(text), unknown: [] })
      expect(hide(there)).toBe(there)
    }),
  )
})

describe('an edit of what was shown', () => {
  const original = toJsonText({
    ssn: '078-05',
    c: [
      { n: '1111', x: 1 },
      { n: '2222', x: 1 },
    ],
    note: hidden,
    t: ['3333'],
  })
  const there = hidingOf(paths('ssn', 'c.n', 't.*'), original).arguments(original)
  const edit = (change: object) => restored({ ...(readJson(there) as JsonObject), ...change }, original, there)
  const [one, two] = [
    { n: hidden, x: 1 },
    { n: '2222', x: 1 },
  ]

  test('keeps what is left hidden, also a text that says so itself', () => {
    expect(edit({ ssn: 'new' })).toEqual({ value: { ...(readJson(original) as JsonObject), ssn: 'new' }, unknown: [] })
    expect(edit({ c: [one, { n: 'new', x: 2 }] })).toMatchObject({ value: { c: [{ n: '1111' }, { n: 'new' }] } })
  })
  test.each<[string, object, string[][]]>([
    ['that nothing hides', { to: hidden }, [['to']]],
    ['within a text', { ssn: `${hidden}!` }, [['ssn']]],
    ['in a list that is shorter', { c: [one] }, [['c', '0', 'n']]],
    ['in an element that is changed', { c: [{ ...one, x: 2 }, two] }, [['c', '0', 'n']]],
    ['that moved', { to: one, t: hidden }, [['t'], ['to', 'n']]],
    ['as a name', { [hidden]: 1 }, [[hidden]]],
  ])('is refused where it names something %s', (_, change, places) => {
    expect(
      edit(change)
        .unknown.map((place) => [...place])
        .sort(),
    ).toEqual(places)
  })
})

test('what is hidden is found by its place, and nothing else is', () => {
  const original = toJsonText({ ssn: null, c: [{ n: '1111' }], note: 'It is 1111.', to: hidden })
  const there = hidingOf(paths('ssn', 'c.n'), original).arguments(original)
  const at = (...path: string[]) => hiddenValue(original, there, path)
  expect([at('ssn'), at('c', '0', 'n'), at('note')]).toEqual([null, '1111', 'It is 1111.'])
  for (const path of [['to'], ['c'], ['c', '0'], ['c', 'length'], ['c', '1', 'n'], ['constructor'], []])
    expect(at(...path)).toBeUndefined()
})

test.each<[string, string, boolean]>([
  ['ssn', 'ssn', true],
  ['ssn.0.x', 'ssn', true],
  ['card', 'card.n', false],
  ['cards.3.n', 'cards.*.n', true],
  ['cards.3.n', 'cards.n', true],
  ['cards.3.x', 'cards.n', false],
  ['other', 'ssn', false],
])('an issue at %s is about %s or within it: %s', (place, path, expected) => {
  expect(isWithin(place.split('.'), paths(path))).toBe(expected)
})
