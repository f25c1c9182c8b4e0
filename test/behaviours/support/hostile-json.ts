export const nested = (levels: number) => `{"deep":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

/** The text of a JSON object, as it stands in a request's body, and what must come back where that is not the same. */
export const takenFromPeople: Record<string, [text: string, back?: string]> = {
  'lone surrogates': ['{"a":"x\\ud800y","\\udc00":1}', '{"a":"x\ufffdy","\ufffd":1}'],
  NUL: ['{"a\\u0000":"\\u0000"}'],
  '_bsontype and $-keys': ['{"_bsontype":"ObjectId","$where":"while(1);","a.b":{"$gt":""}}'],
  __proto__: ['{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'],
  'integers up to 2^53': ['{"a":9007199254740991,"b":-9007199254740991}'],
  '100 levels': [nested(100)],
}
/** Texts that no JSON object may have. */
export const refusedOfPeople: Record<string, string> = {
  'an integer beyond 2^53': '{"a":9007199254740993}',
  'a number beyond all': '{"a":1e400}',
  '101 levels': nested(101),
  '5,000 levels': nested(5_000),
  'a list': '[1]',
  'a string that holds JSON': '"{}"',
}

/** The body of a request, written by hand: what is in its input is not what this process can hold. */
export const bodyOf = (query: string, input: string) =>
  `{"query":${JSON.stringify(query)},"variables":{"input":${input}}}`

/** JSON text with members in one order. Not by recursion into a copy by assignment, which a `__proto__` would not survive. */
export function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${sortedJson(member)}`)
  return `{${members.sort().join(',')}}`
}
