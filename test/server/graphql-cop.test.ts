import { afterAll, describe, expect, test } from 'vitest'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { logLines } from '../support/log-lines.ts'
import { testPrincipals } from '../support/principals.ts'

// The checks of https://github.com/dolevf/graphql-cop, each as it asks and as it judges, against a server that listens beyond loopback with no more set than it has to be.

const log = logLines()
const server = createServer({ agents, database: ':memory:', authenticate: testPrincipals, logger: log.logger })
afterAll(() => server.close())
const { port } = new URL((await server.listen({ port: 0, host: '0.0.0.0' })).url)
const endpoint = `http://127.0.0.1:${port}/graphql`

type Answer = { readonly status: number; readonly text: string; readonly json: unknown }

async function answerTo(request: Promise<Response>): Promise<Answer> {
  const response = await request
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, text, json: isJson ? JSON.parse(text) : null }
}

describe.each([
  ['not signed in', {}],
  ['signed in', { authorization: 'Bearer admin-1' }],
])('graphql-cop, %s', (_, token: Record<string, string>) => {
  const isSignedIn = 'authorization' in token
  const post = (body: unknown) =>
    answerTo(
      fetch(endpoint, {
        method: 'POST',
        headers: { ...token, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    )
  const ask = (query: string) => post({ query, operationName: 'cop' })
  const get = (query: string) => answerTo(fetch(`${endpoint}?${new URLSearchParams({ query })}`, { headers: token }))
  /** Whoever is not signed in is told so and nothing else, whatever was sent. */
  const refused = ({ json }: Answer, code: string, message: RegExp) =>
    expect(json).toEqual({
      errors: [
        expect.objectContaining({
          message: isSignedIn ? expect.stringMatching(message) : expect.stringMatching(/^Nobody is known/),
          extensions: { code: isSignedIn ? code : 'UNAUTHENTICATED' },
        }),
      ],
    })

  test('alias overloading: 101 aliases are refused', async () => {
    const aliases = Array.from({ length: 101 }, (_, n) => `alias${n}:__typename`).join(' \n')
    refused(await ask(`query cop { ${aliases} }`), 'GRAPHQL_VALIDATION_FAILED', /101 aliases, and at most 100/)
  })

  test('batch queries: ten in one request are refused', async () => {
    const one = { query: 'query cop { __typename }', operationName: 'cop' }
    refused(await post(Array.from({ length: 10 }, () => one)), 'BAD_USER_INPUT', /not taken in batches/)
  })

  test('circular query by introspection: it is refused', async () => {
    const circle = `query cop { __schema { types { fields { ${'type { fields { '.repeat(3)} type { name } ${'} } '.repeat(3)} } } } }`
    expect((await ask(circle)).json).not.toHaveProperty('data')
    refused(
      await ask('query cop { __schema { types { name } } }'),
      'GRAPHQL_VALIDATION_FAILED',
      /does not show its schema/,
    )
  })

  test('directive overloading: ten at one place are refused, with one error and not ten', async () => {
    const overloaded = `query cop { __typename ${'@aa'.repeat(10)} }`
    refused(await ask(overloaded), 'GRAPHQL_VALIDATION_FAILED', /10 directives at one place/)
  })

  test('field duplication: one field 500 times is refused', async () => {
    const repeated = `query cop { ${'__typename \n'.repeat(500)} }`
    refused(await ask(repeated), 'GRAPHQL_VALIDATION_FAILED', /499 fields that stand there already/)
  })

  test('field suggestions: nobody is told what they may have meant', async () => {
    const misspelt = [
      'query cop { __schema { directive } }',
      'query cop { viewe { tenant } }',
      'query cop { runs(frst: 1) { edges { cursor } } }',
      'query cop { approvals(filter: { status: [PENDIN] }) { edges { cursor } } }',
      'query cop($x: Strin) { viewer { tenant } }',
    ]
    for (const query of misspelt) {
      const { text, json } = await ask(query)
      expect(json).not.toHaveProperty('data')
      expect(text).not.toMatch(/did you mean/i)
    }
    const query = 'query cop($filter: ApprovalFilter) { approvals(filter: $filter) { edges { cursor } } }'
    const { text } = await post({ query, variables: { filter: { status: ['PENDIN'], statu: 1 } } })
    expect(text).toMatch(/"errors"/)
    expect(text).not.toMatch(/did you mean/i)
  })

  test('GET method query support: what a browser sends of its own accord is answered nothing', async () => {
    // With a token it is answered: no page makes a browser add one without asking first.
    const headers = { cookie: 'session=admin-1', authorization: isSignedIn ? 'Basic YWRtaW4tMTo=' : '' }
    const query = 'query cop {__typename}'
    const byBrowser = await answerTo(fetch(`${endpoint}?${new URLSearchParams({ query })}`, { headers }))
    expect([byBrowser.status, byBrowser.json]).toEqual([401, expect.not.objectContaining({ data: expect.anything() })])
    expect((await get(query)).status).toBe(isSignedIn ? 200 : 401)
  })

  test('mutation over GET: it is refused', async () => {
    const { status, json } = await get('mutation cop {__typename}')
    expect([status, json]).toEqual([isSignedIn ? 405 : 401, expect.not.objectContaining({ data: expect.anything() })])
  })

  test('GraphiQL: it is not shown', async () => {
    for (const path of ['', '/graphql', '/graphiql', '/playground']) {
      const request = fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...token, accept: 'text/html' } })
      const { status, text } = await answerTo(request)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(text).not.toMatch(/graphiql|playground/i)
    }
  })

  test('introspection: it is refused', async () => {
    for (const query of [
      'query cop { __schema { types { name fields { name } } } }',
      'query cop { __type(name: "Run") { name } }',
    ])
      refused(await ask(query), 'GRAPHQL_VALIDATION_FAILED', /does not show its schema/)
  })

  test('POST of a form (CSRF): it is refused', async () => {
    const request = fetch(endpoint, {
      method: 'POST',
      headers: token,
      body: new URLSearchParams({ query: 'query cop { __typename }' }),
    })
    refused(await answerTo(request), 'BAD_USER_INPUT', /as JSON/)
  })

  test('trace mode: answers have nothing but data and errors', async () => {
    const { json } = await ask('query cop { __typename }')
    expect(Object.keys(json as object)).toEqual([isSignedIn ? 'data' : 'errors'])
  })

  test('unhandled error detection: an error has a code and a place, and nothing of the server', async () => {
    const { text, json } = await ask('qwerty cop { abc }')
    refused({ status: 400, text, json }, 'GRAPHQL_PARSE_FAILED', /^Syntax Error/)
    expect(text).not.toMatch(/exception|stack|node_modules|\.ts/)
  })
})
