import { GraphQLScalarType, parseValue } from 'graphql'
import { describe, expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'

const scalar = (name: string) => {
  const type = schema.getType(name)
  if (!(type instanceof GraphQLScalarType)) throw new Error(`${name} is no scalar`)
  return {
    out: (value: unknown) => type.serialize(value),
    value: (value: unknown) => type.parseValue(value),
    literal: (text: string, variables: Record<string, unknown> = {}) => type.parseLiteral(parseValue(text), variables),
  }
}
const badInput = (message: RegExp) =>
  expect.objectContaining({ message: expect.stringMatching(message), extensions: { code: 'BAD_USER_INPUT' } })

describe('DateTime', () => {
  const dateTime = scalar('DateTime')

  test('is given in UTC with milliseconds', () => {
    expect(dateTime.out(Date.UTC(2026, 2, 1, 12))).toBe('2026-03-01T12:00:00.000Z')
  })

  test.each([
    ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00.5Z', '2026-03-01T12:00:00.500Z'],
    ['2026-03-01T12:00:00.123999Z', '2026-03-01T12:00:00.123Z'],
    ['2026-03-01t12:00:00z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00+02:00', '2026-03-01T10:00:00.000Z'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ])('takes %s', (text, meant) => {
    expect(dateTime.out(dateTime.value(text))).toBe(meant)
    expect(dateTime.literal(JSON.stringify(text))).toBe(dateTime.value(text))
  })

  test.each([
    '2026-03-01',
    '2026-03-01T12:00Z',
    '2026-03-01T12:00:00',
    '2026-03-01 12:00:00Z',
    '2026-02-30T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T12:60:00Z',
    '2026-03-01T12:00:60Z',
    '2026-03-01T12:00:00+24:00',
    '2026-03-01T12:00:00+0200',
    '2026-03-01T12:00:00.Z',
    ' 2026-03-01T12:00:00Z',
    '',
    1_772_366_400_000,
    null,
    {},
  ])('refuses %j', (value) => {
    expect(() => dateTime.value(value)).toThrow(badInput(/RFC 3339/))
  })

  test('refuses a literal that is no string', () => {
    expect(() => dateTime.literal('1772366400000')).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT' } }),
    )
  })
})

describe('JSON', () => {
  const json = scalar('JSON')

  test('takes any JSON as it is, as a variable and as a literal', () => {
    const value = { a: [1, -2.5, true, null, 'x'], b: { c: {} } }
    expect(json.value(value)).toEqual(value)
    expect(json.literal('{a: [1, -2.5, true, null, "x"], b: {c: {}}}')).toEqual(value)
    expect(json.literal('"text"')).toBe('text')
  })

  test('takes variables within a literal; one that is not given is left out', () => {
    expect(json.literal('{a: $a, b: [$a, $b], c: $b}', { a: { deep: 1 } })).toEqual({
      a: { deep: 1 },
      b: [{ deep: 1 }, null],
    })
  })

  test('keeps `__proto__` as data', () => {
    const fromLiteral = json.literal('{__proto__: {polluted: true}}') as object
    const fromVariable = json.value(JSON.parse('{"__proto__": {"polluted": true}}')) as object
    for (const made of [fromLiteral, fromVariable]) {
      expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
      expect(JSON.stringify(made)).toBe('{"__proto__":{"polluted":true}}')
    }
  })

  test('makes strings and keys well-formed', () => {
    expect(json.value({ '\ud800': 'a\udc00' })).toEqual({ '\ufffd': 'a\ufffd' })
  })

  test.each(['9007199254740993', '-9007199254740993', '[9007199254740992]', '{a: 1e400}', '9007199254740993.0'])(
    'refuses the literal %s',
    (text) => {
      expect(() => json.literal(text)).toThrow(
        expect.objectContaining({
          message: expect.stringMatching(/2\^53|no JSON number/),
          extensions: { code: 'BAD_USER_INPUT' },
        }),
      )
    },
  )

  test('refuses integers beyond 2^53 in variables', () => {
    expect(() => json.value({ id: JSON.parse('9007199254740993') })).toThrow(badInput(/2\^53/))
    expect(json.value(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('refuses more than 100 levels, as a variable and as a literal', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(json.literal(nested(100))).toEqual(json.value(JSON.parse(nested(100))))
    expect(() => json.value(JSON.parse(nested(101)))).toThrow(badInput(/100 levels/))
    expect(() => json.literal(nested(101))).toThrow(/100 levels/)
  })

  test('refuses an enum value, which is no JSON', () => {
    expect(() => json.literal('{a: RED}')).toThrow(/RED is no JSON: put a string in quotes/)
  })
})

describe('JSONObject', () => {
  const object = scalar('JSONObject')

  test.each([
    ['[]', 'an array'],
    ['"{}"', 'a string'],
    ['1', 'a number'],
    ['true', 'a boolean'],
    ['null', 'null'],
  ])('refuses %s and says that it is %s', (text, what) => {
    expect(() => object.value(JSON.parse(text))).toThrow(badInput(new RegExp(`this is ${what}`)))
    expect(() => object.literal(text)).toThrow(new RegExp(`this is ${what}`))
  })

  test('takes an object, `then` and `toJSON` members included', () => {
    const value = JSON.parse('{"then": 1, "toJSON": "x", "$where": 1, "_bsontype": "ObjectId", "constructor": null}')
    expect(object.value(value)).toEqual(value)
  })
})
