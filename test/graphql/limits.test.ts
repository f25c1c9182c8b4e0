import { execute, GraphQLError, getIntrospectionQuery, parse, validate } from 'graphql'
import { describe, expect, test } from 'vitest'
import { limitRules, parseDocument } from '../../src/graphql/limits.ts'
import { schema } from '../../src/graphql/schema.ts'
import { openHarness } from './harness.ts'

function refusalOf(document: string): { message: string; code: unknown } {
  try {
    parseDocument(document)
  } catch (error) {
    if (error instanceof GraphQLError) return { message: error.message, code: error.extensions.code }
    throw error
  }
  throw new Error('The document was taken.')
}
const tooMuch = (message: RegExp) => ({ message: expect.stringMatching(message), code: 'GRAPHQL_VALIDATION_FAILED' })

const nested = (levels: number) => `${'{ run(id: "x") '.repeat(levels)}{ id }${' }'.repeat(levels)}`
const repeated = (count: number, one: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => one(index)).join(' ')

/** What a console asks for, and more. */
const honest = /* GraphQL */ `
  query Console($first: Int) {
    viewer { principal { id name } tenant roles }
    agents { id name tools { name description inputSchema pauseKind approvalType idempotent destructive } }
    approvals(filter: { status: [PENDING] }, first: 100) {
      edges {
        cursor
        node {
          ...All
          run { id status message agent { name } requestedBy { id name } requirements { callId kind approval { id } } }
          toolCall { id status arguments result error }
          history(first: 20) { edges { node { revision at action note by { id name } } } }
        }
      }
      pageInfo { hasNextPage endCursor }
      totalCount { count precision }
    }
    runs(first: $first) {
      edges { node { id status toolCalls(first: 100) { edges { node { id toolName status approval { resolution { resolvedBy { name } } } } } } } }
    }
  }
  fragment All on Approval {
    id revision status type kind callId agentName toolName toolDescription inputSchema arguments fingerprint answerSchema
    requestedBy { id name } viewerCanResolve viewerCannotResolveReasons createdAt updatedAt expiresAt
    resolution { status cause resolvedBy { id name } resolvedAt note message arguments values result error }
  }
`

describe('the limits on a document', () => {
  test('a query 200 levels deep is refused', () => {
    expect(refusalOf(nested(200))).toEqual(tooMuch(/201 levels deep, and at most 20/))
  })

  test.each([
    ['fields', (n: number) => '{ a'.repeat(n)],
    ['a list literal', (n: number) => `{ a(x: ${'['.repeat(n)}`],
    ['a type', (n: number) => `query ($a: ${'['.repeat(n)}`],
  ])('a million brackets of %s are refused, and the parser is never asked', (_what, of) => {
    expect(refusalOf(of(1_000_000))).toEqual(tooMuch(/more than 250 levels/))
  })

  test('10,000 aliases are refused', () => {
    expect(refusalOf(`{ ${repeated(10_000, (n) => `a${n}: __typename`)} }`)).toEqual(tooMuch(/more than 10000 tokens/))
    expect(refusalOf(`{ ${repeated(900, (n) => `a${n}: __typename`)} }`)).toEqual(
      tooMuch(/900 aliases, and at most 100/),
    )
  })

  test('thousands of fields are refused, before the quadratic rules of validation', () => {
    expect(refusalOf(`{ ${repeated(9_000, () => 'viewer')} }`)).toEqual(tooMuch(/9000 fields, and at most 1000/))
  })

  test('a field that is asked for again and again is refused, and so are many directives at one place', () => {
    expect(refusalOf(`{ viewer { ${repeated(102, () => 'tenant')} } }`)).toEqual(tooMuch(/101 fields that stand there/))
    expect(() => parseDocument(`{ viewer { ${repeated(101, () => 'tenant')} } }`)).not.toThrow()
    for (const place of [
      '{ a DIRECTIVES }',
      'query DIRECTIVES { a }',
      '{ ... DIRECTIVES { a } }',
      '{ ...F DIRECTIVES } fragment F on Query { a }',
    ]) {
      const document = (count: number) => place.replace('DIRECTIVES', '@skip(if: false) '.repeat(count))
      expect(refusalOf(document(6))).toEqual(tooMuch(/6 directives at one place, and at most 5/))
      expect(() => parseDocument(document(5))).not.toThrow()
    }
  })

  test('10,000 aliases hidden in fragments are refused', () => {
    const document = `{ ${repeated(60, (n) => `a${n}: viewer { ...F }`)} } fragment F on Viewer { ${repeated(100, () => 'tenant')} }`
    expect(refusalOf(document)).toEqual(tooMuch(/With its fragments the operation has more than 5000 fields/))
  })

  test('fragments that double at each of 60 levels are refused, at once', () => {
    const doubling = repeated(60, (n) => `fragment F${n} on Viewer { ...F${n + 1} ...F${n + 1} }`)
    const document = `{ viewer { ...F0 } } ${doubling} fragment F60 on Viewer { tenant }`
    const started = performance.now()
    expect(refusalOf(document)).toEqual(tooMuch(/more than 5000 fields/))
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('more than 20 fields of a mutation are refused, through fragments too; a query may have more', () => {
    const start = (n: number) => `a${n}: startRun(input: { agentName: "support", message: "x" }) { __typename }`
    expect(refusalOf(`mutation { ${repeated(21, start)} }`)).toEqual(tooMuch(/has 21 fields, and at most 20/))
    const hidden = `mutation { ...A ... on Mutation { ...A } } fragment A on Mutation { ${repeated(11, start)} }`
    expect(refusalOf(hidden)).toEqual(tooMuch(/has 22 fields, and at most 20/))
    expect(() => parseDocument(`mutation { ${repeated(20, start)} }`)).not.toThrow()
    expect(() => parseDocument(`{ ${repeated(21, (n) => `a${n}: viewer { tenant }`)} }`)).not.toThrow()
  })

  test('depth through fragments counts', () => {
    const chain = repeated(30, (n) => `fragment F${n} on Run { agent { ...F${n + 1} } }`)
    expect(refusalOf(`{ run(id: "x") { ...F0 } } ${chain} fragment F30 on Run { id }`)).toEqual(
      tooMuch(/32 levels deep/),
    )
  })

  test('fragments that contain each other are left to validation, which says so', () => {
    const document = parseDocument(
      '{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A tenant }',
    )
    expect(validate(schema, document).map(({ message }) => message)).toEqual([
      expect.stringMatching(/Cannot spread fragment "A" within itself/),
    ])
  })

  test('a syntax error says where', () => {
    expect(refusalOf('{ run(')).toEqual({
      message: expect.stringMatching(/^Syntax Error/),
      code: 'GRAPHQL_PARSE_FAILED',
    })
    expect(() => parseDocument('{ run(')).toThrow(expect.objectContaining({ locations: [{ line: 1, column: 7 }] }))
    expect(refusalOf('{ "')).toEqual({ message: expect.stringMatching(/^Syntax Error/), code: 'GRAPHQL_PARSE_FAILED' })
  })

  test('are there as validation rules too', () => {
    expect(validate(schema, parse(nested(200)), limitRules).map(({ message }) => message)).toEqual([
      expect.stringMatching(/201 levels/),
    ])
  })

  test('what a console asks for is taken, and so is introspection', async () => {
    await using harness = await openHarness()
    expect(await harness.run(honest, { first: 100 })).toMatchObject({
      data: { approvals: { totalCount: { count: 0 } } },
    })
    const introspection = getIntrospectionQuery({
      descriptions: true,
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
    })
    expect(await harness.data(introspection)).toHaveProperty('__schema')
  })

  test('lists within lists within lists are refused by what they may cost, and nothing is resolved', async () => {
    await using harness = await openHarness()
    const page = (below: string) =>
      `edges { node { id approvals(first: 100) { edges { node { id run { id approvals(first: $n) { edges { node { ${below} } } } } } } } } }`
    const document = `query ($n: Int) { agents { name } runs(first: $n) { ${page('id')} } }`
    const { data, errors } = await harness.run(document, { n: 100 })
    expect(data).toBeNull()
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(/at most 250000 are taken. Take smaller pages/),
      extensions: { code: 'BAD_USER_INPUT' },
    })
    expect(await harness.run(document, { n: 5 })).toMatchObject({ data: { runs: { edges: [] } } })
  })

  test('a mutation of too high a cost changes nothing', async () => {
    await using harness = await openHarness()
    const document = /* GraphQL */ `mutation {
      startRun(input: { agentName: "support", message: "Hello" }) {
        ... on StartRunSuccess { run { approvals(first: 100) { edges { node { run { approvals(first: 100) { edges { node { history(first: 100) { edges { node { revision } } } } } } } } } } } }
      }
    }`
    expect(await harness.run(document)).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    })
    expect(await harness.data('{ runs { totalCount { count } } }')).toEqual({ runs: { totalCount: { count: 0 } } })
  })

  test('each of 10,000 items of a nested list is below the limit', async () => {
    await using harness = await openHarness()
    const document = parseDocument(
      '{ runs(first: 100) { edges { node { approvals(first: 100) { edges { node { id status } } } } } } }',
    )
    const contextValue = {
      engine: harness.engine,
      principal: { id: 'prn_a', name: null, tenant: 'default', roles: [] },
      requestId: 'r',
    }
    expect(await execute({ schema, document, contextValue })).toEqual({ data: { runs: { edges: [] } } })
  })
})
