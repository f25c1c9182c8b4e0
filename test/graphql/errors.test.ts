import { GraphQLError } from 'graphql'
import { describe, expect, test } from 'vitest'
import { CountersignError } from '../../src/errors.ts'
import { toGraphQLError } from '../../src/graphql/errors.ts'
import { openHarness } from './harness.ts'

function edge() {
  const logged: unknown[] = []
  return { logged, at: { requestId: 'req_1', log: { error: (...args: unknown[]) => void logged.push(args) } } }
}
const located = (originalError: Error) =>
  new GraphQLError(originalError.message, { path: ['run', 'status'], originalError })

describe('an error', () => {
  test.each([
    [new CountersignError('BAD_USER_INPUT', 'Say less.'), { code: 'BAD_USER_INPUT' }],
    [new CountersignError('INVALID_JSON', 'No JSON.'), { code: 'BAD_USER_INPUT' }],
    [new CountersignError('NOT_FOUND', 'Not there.'), { code: 'NOT_FOUND' }],
    [new CountersignError('STORE_UNAVAILABLE', 'Away.'), { code: 'UNAVAILABLE', retryAfterMs: 1_000 }],
  ])('that a caller can do something about says so (%#)', (error, extensions) => {
    const { at, logged } = edge()
    for (const given of [error, located(error)])
      expect(toGraphQLError(given, at).toJSON()).toMatchObject({ message: error.message, extensions })
    expect(toGraphQLError(located(error), at).path).toEqual(['run', 'status'])
    expect(logged).toEqual([])
  })

  test.each([
    new Error('secret'),
    new CountersignError('NOT_PERMITTED', 'secret'),
    new TypeError('secret'),
    'secret',
    undefined,
  ])('that nobody expected is masked, and logged once with its cause (%#)', (error) => {
    const { at, logged } = edge()
    const made = toGraphQLError(error instanceof Error ? located(error) : error, at)
    expect(made.toJSON()).toMatchObject({
      message: 'Internal server error',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'req_1' },
    })
    expect(JSON.stringify(made)).not.toContain('secret')
    expect(made.originalError).toBeUndefined()
    expect(logged).toEqual([[expect.objectContaining({ err: error, requestId: 'req_1' }), expect.any(String)]])
  })

  test('of a journal that cannot be read says no more than that, and is logged', () => {
    const { at, logged } = edge()
    const error = new CountersignError('TAMPERED', 'secret')
    expect(toGraphQLError(located(error), at).toJSON()).toMatchObject({
      message: 'The journal of this run cannot be read.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'req_1' },
    })
    expect(logged).toEqual([[expect.objectContaining({ err: error }), expect.any(String)]])
  })

  test('of the document has the code of its phase, unless it brings one', () => {
    const { at } = edge()
    const error = new GraphQLError('Wrong.')
    expect(toGraphQLError(error, { ...at, phase: 'parse' }).extensions).toEqual({ code: 'GRAPHQL_PARSE_FAILED' })
    expect(toGraphQLError(error, { ...at, phase: 'validate' }).extensions).toEqual({
      code: 'GRAPHQL_VALIDATION_FAILED',
    })
    const coded = new GraphQLError('Wrong.', { extensions: { code: 'RATE_LIMITED', http: { status: 429 } } })
    expect(toGraphQLError(coded, { ...at, phase: 'validate' }).extensions).toEqual({
      code: 'RATE_LIMITED',
      http: { status: 429 },
    })
  })

  test('of variables and arguments is BAD_USER_INPUT, with graphql-js its own words', async () => {
    await using harness = await openHarness()
    const { at, logged } = edge()
    const codeOf = async (document: string, variables: Record<string, unknown>) => {
      const { errors = [] } = await harness.run(document, variables)
      return errors
        .map((error) => toGraphQLError(error, at))
        .map(({ message, extensions: { code } }) => ({ message, code }))
    }
    expect(await codeOf('query ($n: Int) { runs(first: $n) { edges { cursor } } }', { n: 'x' })).toEqual([
      { message: expect.stringMatching(/^Variable "\$n" got invalid value; /), code: 'BAD_USER_INPUT' },
    ])
    expect(
      await codeOf('query ($f: RunFilter) { runs(filter: $f) { edges { cursor } } }', { f: { createdAfter: 'now' } }),
    ).toEqual([{ message: expect.stringMatching(/RFC 3339/), code: 'BAD_USER_INPUT' }])
    expect(await codeOf('query ($n: Int!) { runs(first: $n) { edges { cursor } } }', {})).toEqual([
      { message: expect.stringMatching(/was not provided/), code: 'BAD_USER_INPUT' },
    ])
    expect(await codeOf('{ runs(first: 101) { edges { cursor } } }', {})).toEqual([
      { message: expect.stringMatching(/1 to 100/), code: 'BAD_USER_INPUT' },
    ])
    expect(await codeOf('{ node(id: "x") { id } }', {})).toEqual([
      { message: expect.stringMatching(/no id/), code: 'BAD_USER_INPUT' },
    ])
    expect(logged).toEqual([])
  })

  test('of our own answer is masked: a value that its type cannot carry', async () => {
    await using harness = await openHarness()
    const { at, logged } = edge()
    const run = await harness.startRun({ seq: 1 })
    Object.assign(harness.engine, {
      store: {
        ...harness.store,
        runs: { ...harness.store.runs, get: async () => ({ ...run.run(), status: 'secret' }) },
      },
    })
    const { errors = [] } = await harness.run('query ($id: ID!) { run(id: $id) { status } }', { id: run.id })
    expect(errors.map((error) => toGraphQLError(error, at).toJSON())).toMatchObject([
      { message: 'Internal server error', path: ['run', 'status'], extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    ])
    expect(logged).toHaveLength(1)
  })
})
