import { jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { asTool } from '../../src/agents/as-tool.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'

const model = scriptedModel([])
const execute = () => 'done'

function read(given: object) {
  const tool = defineAgent({ name: 'support', model, tools: { pay: { execute, ...given } } }).tools.get('pay')
  if (!tool) throw new Error('The tool is gone.')
  return tool
}
const pathsOf = (given: object) =>
  read(given)
    .sensitive.map((path) => path.join('.'))
    .sort()

const marked = z.string().meta({ sensitive: true })
const card = z.object({ number: z.string(), expires: z.string() })

test('fields are named by paths, through lists with a star or without', () => {
  const inputSchema = z.object({
    ssn: z.string(),
    card: card.optional(),
    cards: z.array(card),
    by: z.record(z.string(), card),
    either: z.union([z.string(), card]),
    some: z.looseObject({}),
    any: z.any(),
  })
  const sensitive = [
    'ssn',
    'card.number',
    'cards.*.number',
    'cards.expires',
    'by.*.number',
    'either.number',
    'some.x',
    'any.x.y',
    '*',
  ]
  expect(pathsOf({ inputSchema, sensitive })).toEqual([...sensitive].sort())
  expect(pathsOf({ inputSchema })).toEqual([])
})

test('fields are marked in the schema, wherever they are', () => {
  const node = z.object({
    name: marked,
    get next() {
      return node.optional()
    },
  })
  const inputSchema = z.object({
    a: marked.optional(),
    b: marked.default('x'),
    c: z.array(z.object({ n: marked })),
    d: z.record(z.string(), marked),
    e: z.union([z.object({ q: marked }), z.object({ q: z.string() })]),
    f: z.tuple([marked, z.string()]),
    g: node,
    sensitive: z.boolean(),
    open: z.string().meta({ sensitive: false }),
  })
  expect(pathsOf({ inputSchema })).toEqual(['a', 'b', 'c.*.n', 'd.*', 'e.q', 'f.*', 'g.name', 'g.next'])
  const schema = jsonSchema({ type: 'object', properties: { ssn: { type: 'string', sensitive: 'yes' } } } as never)
  expect(pathsOf({ inputSchema: schema, sensitive: ['ssn'] })).toEqual(['ssn'])
  expect(pathsOf({ inputSchema: z.object({ x: z.string() }).meta({ sensitive: true }) })).toEqual(['*'])
})

test('neither the model nor a decision knows of it: the schema is the same as without', () => {
  const [plain, open] = [
    z.object({ ssn: z.string(), sensitive: z.boolean() }),
    z.object({ ssn: marked, sensitive: z.boolean() }),
  ]
  const { schemaDigest, modelSchema } = read({ inputSchema: plain })
  for (const given of [{ inputSchema: open }, { inputSchema: plain, sensitive: ['ssn'] }])
    expect(read(given)).toMatchObject({ schemaDigest, modelSchema: { json: modelSchema.json }, sensitive: [['ssn']] })
})

describe('is refused, and what is wrong is said:', () => {
  const inputSchema = z.object({ ssn: z.string(), card })
  const renamed = (field: z.ZodType) =>
    z
      .object({ ssn: field })
      .transform(({ ssn }) => ({ number: ssn }))
      .pipe(z.object({ number: z.string() }))
  test.each<[string, object, RegExp]>([
    [
      'a field that is not there',
      { inputSchema, sensitive: ['snn'] },
      /sensitive names 'snn'.*: the fields there are ssn, card/,
    ],
    ['one within another', { inputSchema, sensitive: ['card.nr'] }, /'card\.nr'.*the fields there are number, expires/],
    ['one within a text', { inputSchema, sensitive: ['ssn.x'] }, /'ssn\.x'.*there are no fields there/],
    [
      'a name that the schema changes',
      { inputSchema: renamed(z.string()), sensitive: ['ssn'] },
      /'ssn'.*fields there are number/,
    ],
    ['a mark on such a name', { inputSchema: renamed(marked) }, /'ssn'.*fields there are number/],
    ['no list', { inputSchema, sensitive: 'ssn' }, /sensitive is a list of paths/],
    ['a step without a name', { inputSchema, sensitive: ['card.'] }, /sensitive is a list of paths/],
    [
      'an agent',
      { ...asTool(defineAgent({ name: 'inner', model })), execute: undefined, sensitive: ['message'] },
      /sensitive and asTool exclude/,
    ],
  ])('%s', (_, given, says) => {
    expect(() => read(given)).toThrow(says)
    expect(() => read(given)).toThrow(/^Agent 'support': tool 'pay': /)
  })
})
