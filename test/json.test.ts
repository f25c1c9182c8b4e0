import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  byteLength,
  isJsonObject,
  type JsonText,
  parseJson,
  readJson,
  sha256,
  toJson,
  toJsonText,
} from '../src/json.ts'

const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const invalid = expect.objectContaining({ code: 'INVALID_JSON' })

describe('C17 hostile JSON comes back as it was', () => {
  test.each([
    ['NUL', '{"a\\u0000b":"\\u0000"}'],
    ['a BSON type', '{"_bsontype":"ObjectId","id":"x"}'],
    ['operators of a database', '{"$where":"1","a.b":{"$gt":""},"":0}'],
    ['names of prototypes', '{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"toString":1}'],
    ['a toJSON that is no function', '{"toJSON":"no"}'],
    ['a then', '{"then":"x"}'],
    ['deep nesting', JSON.stringify(nested(100))],
    ['large numbers that lose nothing', '[9007199254740991,-9007199254740991,1.5e-300]'],
    ['characters beyond the first plane', '["😀","\\u2028"]'],
  ])('%s', (_, text) => {
    const value = parseJson(text)
    expect(value).toEqual(JSON.parse(text))
    expect(readJson(toJsonText(value))).toEqual(JSON.parse(text))
  })

  test('and pollutes nobody', () => {
    const value = readJson(toJsonText(parseJson('{"__proto__":{"polluted":true}}')))
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
  })

  test('lone surrogates become well-formed, in values and in names', () => {
    expect(toJsonText({ 'a\ud800': ['\udc00x'] })).toBe('{"a\ufffd":["\ufffdx"]}')
  })
})

describe('C17 what JSON cannot carry unchanged is refused', () => {
  const cyclic: Record<string, unknown> = { list: [] }
  ;(cyclic.list as unknown[]).push(cyclic)
  const endless = { toJSON: (): unknown => ({ again: endless }) }
  test.each<[string, unknown]>([
    ['a cycle', cyclic],
    ['a toJSON that never comes to an end', endless],
    ['BigInt', { big: 1n }],
    ['NaN', [Number.NaN]],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['an integer beyond 2^53', { id: 2 ** 53 }],
    ['a large one', 1e300],
    ['a boxed integer beyond 2^53', Object(2 ** 53)],
    ['a function', () => 1],
    ['a function in a list', [() => 1]],
    ['a symbol', Symbol('x')],
    ['a Map', { map: new Map() }],
    ['a Set', new Set()],
    ['bytes', new Uint8Array(2)],
    ['101 levels', nested(101)],
    ['a thousand levels', nested(1_000)],
  ])('%s', (_, value) => {
    expect(() => toJson(value)).toThrow(invalid)
    expect(() => toJsonText(value)).toThrow(invalid)
  })

  test.each(['', '{', '{"a":1}x', "{'a':1}", 'undefined', '[9007199254740993]', '1e400', '['.repeat(100_000)])(
    'text that is none: case %#',
    (text) => expect(() => parseJson(text)).toThrow(invalid),
  )

  // Not yet: it is taken for an empty object; JSON.stringify throws.
  test('a boxed BigInt', () => expect(() => toJson(Object(1n))).toThrow(invalid))

  test('names that are one once they are well-formed, for one would be lost', () => {
    expect(() => toJson({ '\ud800': 1, '\ud801': 2 })).toThrow(invalid)
  })

  test('and what holds one thing many times over is not unfolded for ever', () => {
    let seen = 0
    const toJSON = () => {
      if (++seen > 1_000_000) throw new Error('It is still at it.')
      return 'x'
    }
    let value: unknown = { toJSON }
    for (let levels = 0; levels < 60; levels++) value = [value, value]
    expect(() => toJson(value)).toThrow(invalid)
  })
})

describe('as JSON.stringify has it', () => {
  test.each<[string, unknown, string]>([
    ['undefined members fall away', { a: undefined, b: 1, c: () => 1 }, '{"b":1}'],
    ['a date is its text', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['toJSON is asked', { toJSON: () => ({ x: 1 }) }, '{"x":1}'],
    ['nothing is null', undefined, 'null'],
    ['holes are null', new Array(2), '[null,null]'],
    ['minus zero is zero', -0, '0'],
    ['boxed values are what is in the box', [Object(1), Object('a'), Object(false)], '[1,"a",false]'],
    ['a boxed text is well-formed too', Object('a\ud800'), '"a\ufffd"'],
  ])('%s', (_, value, text) => expect(toJsonText(value)).toBe(text))
})

test('the same thing twice is no cycle', () => {
  const shared = { x: 1 }
  expect(toJsonText([shared, shared])).toBe('[{"x":1},{"x":1}]')
})

test('canonical text is RFC 8785: names in order of their units, numbers as short as can be', () => {
  expect(toJsonText({ b: 1, a: [1.0, 1e-7, 0.1 + 0.2], '\ufb33': 2, '\ud83d\ude00': 1 })).toBe(
    '{"a":[1,1e-7,0.30000000000000004],"b":1,"\ud83d\ude00":1,"\ufb33":2}',
  )
})

test('what was read is the same after it was written and read again, and its text is stable', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (given) => {
      const text = JSON.stringify(given)
      let value: ReturnType<typeof parseJson>
      try {
        value = parseJson(text)
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_JSON' })
        return
      }
      const canonical = toJsonText(value)
      expect(JSON.stringify(toJson(readJson(canonical)))).toBe(JSON.stringify(JSON.parse(canonical)))
      expect(toJsonText(readJson(canonical))).toBe(canonical)
      expect(readJson(canonical)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
    { numRuns: 500 },
  )
})

test('only objects are objects', () => {
  expect([{}, [], null, 'x', 1, undefined].map(isJsonObject)).toEqual([true, false, false, false, false, false])
})

test('sizes and hashes are of UTF-8', () => {
  expect(byteLength('€😀')).toBe(7)
  expect(sha256('' as JsonText)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})
