import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/server/config.ts'
import { agents } from '../support/echo-agents.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const schema = '{ __schema { queryType { name } } }'
const misspelt = '{ viewe { tenant } }'
const misfit = [
  'query ($filter: ApprovalFilter) { approvals(filter: $filter) { edges { cursor } } }',
  { filter: { statu: [] } },
] as const

/** What is thrown or answered, over every transport, in one text each. */
async function overAll(api: TestServer, document: string, variables = {}): Promise<string[]> {
  const told = (answer: Promise<unknown>) => answer.then(JSON.stringify, (error) => JSON.stringify(error))
  return [
    await told(api.graphql(document, variables)),
    await told(api.sse(document, variables).next()),
    await told(api.subscribe(document, variables).next()),
  ]
}

const isShown = (text: string) => text.includes('"queryType":{"name":"Query"}')

async function expectShown(api: TestServer, shown: boolean) {
  expect((await overAll(api, schema)).map(isShown)).toEqual([shown, shown, shown])
  for (const [document, variables] of [[misspelt, {}], misfit] as const) {
    const told = await overAll(api, document, variables)
    for (const text of told) expect(text).toMatch(/viewe|statu/)
    expect(told.map((text) => /did you mean/i.test(text))).toEqual([shown, shown, shown])
  }
}

const isGraphiqlShown = async (api: TestServer) =>
  (await (await fetch(api.endpoint, { headers: { accept: 'text/html' } })).text()).includes('<title>Countersign')

describe('the schema and suggestions', () => {
  test('are shown on loopback, and no more once the server listens elsewhere too, over every transport', async () => {
    await using api = await testServer({ agents })
    await expectShown(api, true)
    expect(await isGraphiqlShown(api)).toBe(true)
    await api.server.listen({ port: 0, host: '0.0.0.0' })
    await expectShown(api, false)
    expect(await isGraphiqlShown(api)).toBe(false)
    expect(await api.data('{ __typename viewer { __typename } }')).toEqual({
      __typename: 'Query',
      viewer: { __typename: 'Viewer' },
    })
  })

  test('are shown anywhere when switched on, and nowhere when switched off, and so is GraphiQL', async () => {
    await using on = await testServer({ agents, introspection: true, graphiql: true })
    await on.server.listen({ port: 0, host: '0.0.0.0' })
    await expectShown(on, true)
    expect(await isGraphiqlShown(on)).toBe(true)
    await using off = await testServer({ agents, introspection: false, graphiql: false })
    await expectShown(off, false)
    expect(await isGraphiqlShown(off)).toBe(false)
  })

  test('are asked for in fragments in vain too', async () => {
    await using api = await testServer({ agents, introspection: false })
    const hidden = '{ ...A } fragment A on Query { ... on Query { a: __type(name: "Run") { fields { name } } } }'
    for (const text of await overAll(api, hidden)) expect(text).toMatch(/This server does not show its schema here/)
  })
})

test('INTROSPECTION and GRAPHIQL are true, false or left out', () => {
  expect(readConfig({ INTROSPECTION: 'true', GRAPHIQL: 'false' })).toMatchObject({
    config: { INTROSPECTION: true, GRAPHIQL: false },
  })
  expect(readConfig({})).toMatchObject({ config: { START_RUN_PER_MINUTE: 600, FAILED_SIGN_INS_PER_MINUTE: 60 } })
  expect(readConfig({})).not.toHaveProperty('config.INTROSPECTION')
  expect(readConfig({ GRAPHIQL: 'perhaps', START_RUN_PER_MINUTE: '-1' })).toEqual({
    mistakes: [
      expect.stringMatching(/^GRAPHIQL: must be true or false/),
      expect.stringMatching(/^START_RUN_PER_MINUTE: must be a number a minute, or 0/),
    ],
  })
})
