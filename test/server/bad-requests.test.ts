import { afterAll, expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const api = await testServer({ agents })
afterAll(() => api[Symbol.asyncDispose]())

const token = { authorization: 'Bearer requester-1' }
const start =
  'mutation ($input: StartRunInput!) { startRun(input: $input) { __typename ... on UserError { message } ... on InvalidInputError { issues { path message } } } }'
const runs = async () => (await api.data('{ runs { totalCount { count } } }', {}, 'admin-1')).runs.totalCount.count

/** It is refused with this status and code, nothing is stored, and the server goes on. */
async function refused(request: Promise<Response>, status: number, code: string, message: RegExp) {
  const response = await request
  const text = await response.text()
  expect([response.status, text]).toEqual([status, expect.stringContaining('errors')])
  expect(response.headers.get('content-type')).toMatch(/json/)
  const { errors, data } = JSON.parse(text)
  expect(data).toBeUndefined()
  expect(errors[0].extensions.code).toBe(code)
  expect(errors[0].message).toMatch(message)
  expect(text).not.toMatch(/node_modules|at .*\.(js|ts):\d/)
  expect(await runs()).toBe(0)
}

test('a request of 10 MB is refused with 413 and the limit, announced or not', async () => {
  const message = 'x'.repeat(10 * 1024 * 1024)
  const body = JSON.stringify({ query: start, variables: { input: { agentName: 'echo', message } } })
  const tooLarge = /too large: at most 2359296 bytes are taken\. Send a shorter message\./
  await refused(api.post(body, token), 413, 'BAD_USER_INPUT', tooLarge)
  const headers = { ...token, 'content-type': 'application/json' }
  const chunked: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers,
    body: new Blob([body]).stream(),
    duplex: 'half',
  }
  await refused(fetch(api.endpoint, chunked), 413, 'BAD_USER_INPUT', tooLarge)
})

test('a message of more than 1 MB within the size of a request is a typed error', async () => {
  const message = 'x'.repeat(1024 * 1024 + 1)
  const { startRun } = await api.data(start, { input: { agentName: 'echo', message } })
  expect(startRun).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: ['message'] }] })
  expect(await runs()).toBe(0)
})

test('a query 200 levels deep is refused', async () => {
  const query = `{ ${'node(id: "x") { '.repeat(200)} id ${'}'.repeat(201)}`
  await refused(api.post({ query }, token), 400, 'GRAPHQL_VALIDATION_FAILED', /deep/)
})

test('a query with 10,000 aliases is refused', async () => {
  const query = `{ ${Array.from({ length: 10_000 }, (_, index) => `a${index}: __typename`).join(' ')} }`
  await refused(api.post({ query }, token), 400, 'GRAPHQL_VALIDATION_FAILED', /tokens|aliases/)
})

test('100,000 brackets are refused', async () => {
  await refused(api.post({ query: '{'.repeat(100_000) }, token), 400, 'GRAPHQL_VALIDATION_FAILED', /deep|tokens/)
})

test('a mutation by GET is refused with 405', async () => {
  const query = 'mutation { startRun(input: { agentName: "echo", message: "Hello" }) { __typename } }'
  const request = fetch(`${api.endpoint}?query=${encodeURIComponent(query)}`, { headers: token })
  await refused(request, 405, 'BAD_USER_INPUT', /POST/)
})

test.each([
  ['application/x-www-form-urlencoded', 'query=mutation%7BstartRun'],
  ['multipart/form-data; boundary=b', '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--'],
  ['text/plain', '{"query":"{__typename}"}'],
  ['application/graphql', '{ __typename }'],
  ['APPLICATION/JSON', '{"query":"{__typename}"}'],
  ['application/json ;charset=utf-8', '{"query":"{__typename}"}'],
])('%s is refused with 415', async (type, body) => {
  await refused(api.post(body, { ...token, 'content-type': type }), 415, 'BAD_USER_INPUT', /JSON/)
})

test.each([
  ['an array', [{ query: '{ __typename }' }]],
  ['a string', '"{ __typename }"'],
  ['a number', '7'],
  ['null', 'null'],
  ['no JSON', '{"query":'],
  ['nothing', ''],
])('a body that is %s and no JSON object is refused', async (_, body) => {
  await refused(api.post(body, token), 400, 'BAD_USER_INPUT', /./)
})

test.each([
  ['query', { query: 7 }],
  ['no query', {}],
  ['variables', { query: '{ __typename }', variables: [] }],
  ['operationName', { query: 'query A { __typename } query B { __typename }', operationName: 'C' }],
  ['an unknown parameter', { query: '{ __typename }', doc: 1 }],
])('a request whose %s cannot be is refused', async (_, body) => {
  await refused(api.post(body, token), 400, 'BAD_USER_INPUT', /./)
})

test('a batch is told to be sent as single JSON objects', async () => {
  await refused(api.post([{ query: '{ __typename }' }], token), 400, 'BAD_USER_INPUT', /send one JSON object/)
})

test.each([
  ['unknown', 'query A { __typename }', 'Z'],
  ['left out among several', 'query A { __typename } query B { __typename }', undefined],
])(
  'an operation name that is %s: the message says what to send, over WebSocket too',
  async (_, query, operationName) => {
    const message = /`operationName` must be the name of one of those in the document/
    await refused(api.post({ query, operationName }, token), 400, 'BAD_USER_INPUT', message)
    const parameters = new URLSearchParams({ query, ...(operationName === undefined ? {} : { operationName }) })
    await refused(fetch(`${api.endpoint}?${parameters}`, { headers: token }), 400, 'BAD_USER_INPUT', message)
    const overSocket = api.socket().iterate({ query, operationName }).next()
    await expect(overSocket).rejects.toMatchObject([
      { message: expect.stringMatching(message), extensions: { code: 'BAD_USER_INPUT' } },
    ])
  },
)

test.each([
  ['variables', 'notjson'],
  ['extensions', '{'],
])('%s in a URL that are no JSON are refused with what to send', async (name, text) => {
  const parameters = new URLSearchParams({ query: '{ __typename }', [name]: text })
  const message = new RegExp(`\`${name}\` is no JSON: send an object`)
  await refused(fetch(`${api.endpoint}?${parameters}`, { headers: token }), 400, 'BAD_USER_INPUT', message)
})

test('a syntax error and an unknown field are refused with their place', async () => {
  await refused(api.post({ query: '{ viewer { ' }, token), 400, 'GRAPHQL_PARSE_FAILED', /Syntax Error/)
  await refused(api.post({ query: '{ nothing }' }, token), 400, 'GRAPHQL_VALIDATION_FAILED', /nothing/)
})

test('variables that do not fit are refused', async () => {
  const request = api.post({ query: start, variables: { input: { agentName: 7 } } }, token)
  await refused(request, 400, 'BAD_USER_INPUT', /\$input/)
})

test('an error says nothing of a value that does not fit, whether it came in a variable or in the document', async () => {
  const reveal = (path: string) =>
    `mutation { revealArgument(input: { approvalId: "apr_1", path: ${path} }) { __typename } }`
  const values = [['secret'], { a: ['secret'] }, 'secret', 7_777_777]
  const requests: { query: string; variables?: object }[] = [
    ...values.map((message) => ({ query: start, variables: { input: { agentName: ['secret'], message } } })),
    { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: { a: 'secret\nsecret' } } },
    { query: 'query ($n: Int) { runs(first: $n) { pageInfo { hasNextPage } } }', variables: { n: 'secret' } },
    { query: reveal('[7777777]') },
    { query: reveal('{ a: "secret cannot represent value: secret" }') },
    { query: 'mutation { startRun(input: "secret") { __typename } }' },
    ...['secret', ['secret" does not exist in "Secret" enum'], 7_777_777].map((status) => ({
      query: 'query ($status: [RunStatus!]) { runs(filter: { status: $status }) { edges { cursor } } }',
      variables: { status },
    })),
    { query: '{ runs(filter: { status: [secret] }) { edges { cursor } } }' },
    { query: '{ runs(filter: { status: "secret" }) { edges { cursor } } }' },
  ]
  for (const request of requests) {
    const answer = await (await api.post(request, token)).text()
    expect(answer).toMatch(/"code":"(BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED)"/)
    expect(answer).not.toMatch(/secret|7777777/)
  }
})

test('what an error quotes of a long request is bounded, and found in no time', async () => {
  const long = 'cannot represent '.repeat(30_000)
  const status = 'query ($status: [RunStatus!]) { runs(filter: { status: $status }) { edges { cursor } } }'
  const requests = [
    { query: status, variables: { status: long } },
    { query: start, variables: { input: { agentName: 'x', message: 'x', [long]: 1 } } },
    { query: `"${long}"` },
  ]
  for (const request of requests) {
    const began = performance.now()
    const answer = await (await api.post(request, token)).text()
    expect(answer).toMatch(/"code":"(BAD_USER_INPUT|GRAPHQL_PARSE_FAILED)"/)
    expect(answer.length).toBeLessThan(2_000)
    expect(performance.now() - began).toBeLessThan(5_000)
  }
})

test('an unknown path is 404, another method 405 and says what is allowed', async () => {
  expect((await fetch(`${api.url}/nothing`)).status).toBe(404)
  const response = await fetch(api.endpoint, { method: 'DELETE', headers: token })
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST'])
})

test('every answer has a request id, the caller’s own when it is a plain one', async () => {
  const id = async (headers: Record<string, string>) =>
    (await api.post({ query: '{ __typename }' }, { ...token, ...headers })).headers.get('x-request-id')
  expect(await id({ 'x-request-id': 'mine-1' })).toBe('mine-1')
  expect(await id({ 'x-request-id': 'a b"c' })).toMatch(/^[0-9a-f-]{36}$/)
})

test('no other origin is let in by CORS', async () => {
  const response = await api.post({ query: '{ __typename }' }, { ...token, origin: 'https://elsewhere.example' })
  expect(response.headers.get('access-control-allow-origin')).toBeNull()
})
